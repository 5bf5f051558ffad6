//! The documentation page: complete in itself, and locked to this server.

use crate::support::{Engine, TestApp};

#[test]
fn the_page_and_everything_it_names_come_from_this_server() {
    let app = TestApp::open(Engine::Sqlite);
    assert!(
        app.get("/").must_be(200).json["_links"]["docs"]["href"].as_str().is_some_and(|href| href.ends_with("/docs"))
    );
    let page = app.get("/docs").must_be(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text.contains("API 문서 · API documentation"), "{}", page.text);
    assert!(!page.text.contains("//"), "nothing comes from elsewhere, and no script stands in the page: {}", page.text);
    let names: Vec<&str> = page.text.split(['"', '\'']).filter(|text| text.starts_with("docs/")).collect();
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        let kind = match name.rsplit('.').next() {
            Some("css") => "text/css",
            Some("js") => "text/javascript",
            _ => "image/png",
        };
        let file = app.get(&format!("/{name}")).must_be(200);
        assert!(file.header("content-type").is_some_and(|found| found.starts_with(kind)), "{name}: {:?}", file.headers);
        assert!(!file.text.is_empty(), "{name}");
    }
}

#[test]
fn a_browser_is_told_to_trust_nothing_else() {
    let app = TestApp::open(Engine::Sqlite);
    for path in ["/docs", "/docs/onepoint.js", "/docs/swagger-ui-bundle.js"] {
        let answer = app.get(path).must_be(200);
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
    }
}

#[test]
fn other_files_are_not_handed_out() {
    let app = TestApp::open(Engine::Sqlite);
    for path in ["/docs/index.html", "/docs/..%2Fopenapi.json", "/docs/%2e%2e", "/docs/%ff", "/docs/swagger-ui.js"] {
        let answer = app.request("GET", path).header("Accept", "application/json").send();
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        answer.must_be_problem(answer.status);
    }
}
