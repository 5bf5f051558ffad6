//! Paths, queries, methods and headers.

use crate::support::{Engine, TestApp};
use crate::{changes_nothing, with_member};

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"];
const COLLECTIONS: [&str; 14] = [
    "members",
    "withdrawals",
    "messages",
    "notifications",
    "points",
    "mypages",
    "donations",
    "causes",
    "deals",
    "merchants",
    "billings",
    "closings",
    "dealDashboards",
    "parked",
];

#[test]
fn bad_paths_queries_and_methods_are_refused_on_sqlite() {
    bad_paths_queries_and_methods_are_refused(Engine::Sqlite);
}

#[test]
fn bad_paths_queries_and_methods_are_refused_on_postgres() {
    bad_paths_queries_and_methods_are_refused(Engine::Postgres);
}

fn bad_paths_queries_and_methods_are_refused(engine: Engine) {
    let app = with_member(engine);
    changes_nothing(&app, || {
        methods_that_a_route_does_not_have(&app);
        numbers_that_nobody_has(&app);
        numbers_that_are_none(&app);
        lists_that_cannot_be(&app);
        filters_that_cannot_be(&app);
        addresses_where_nothing_is(&app);
    });
}

/// Every path and method that the API's description knows, as `(path with 1 for every number, its methods)`.
pub fn described(app: &TestApp) -> Vec<(String, Vec<String>)> {
    let openapi = app.get("/openapi.json").must_be(200).json;
    let paths = openapi["paths"].as_object().expect("paths").clone();
    let described = paths.into_iter().map(|(path, item)| {
        let methods = item.as_object().expect("an item").keys().map(|method| method.to_uppercase());
        let numbers = ["{id}", "{entryId}", "{issueId}", "{dealId}", "{billingMonth}", "{holdId}"];
        let path = numbers.iter().fold(path, |path, number| path.replace(number, "1")).replace("{file}", "docs.css");
        (path.replace("{context}", "point").replace("{code}", "K"), methods.collect())
    });
    described.collect()
}

fn methods_that_a_route_does_not_have(app: &TestApp) {
    let routes = described(app);
    assert!(routes.len() >= 10, "the description is complete: {routes:?}");
    for (path, known) in routes {
        assert!(!path.contains('{'), "a number in {path} is not replaced");
        for method in METHODS {
            if known.iter().any(|known| known == method || (method == "HEAD" && known == "GET")) {
                continue;
            }
            let answer = app.request(method, &path).send();
            if method == "HEAD" {
                assert_eq!(answer.status, 405, "{method} {path}");
            } else {
                answer.must_be_problem(405);
            }
            let allow = answer.header("allow").unwrap_or_default();
            assert!(known.iter().all(|known| allow.contains(known.as_str())), "{method} {path} allows {allow}");
        }
    }
}

fn numbers_that_nobody_has(app: &TestApp) {
    for (path, methods) in described(app).iter().filter(|(path, _)| path.contains('1')) {
        for number in ["0", "999", "9007199254740992", "9223372036854775807", "9223372036854775808", &"9".repeat(500)] {
            let path = path.replacen('1', number, 1);
            for method in methods {
                let body = match (method.as_str(), path.ends_with("/transactions"), path.starts_with("/points")) {
                    ("POST", true, _) => r#"{"kind": "EARN", "amount": 1}"#,
                    ("POST", false, true) => r#"{"amount": 1}"#,
                    ("PATCH", _, true) => r#"{"requirePoint": 1}"#,
                    ("PATCH", ..) if path.starts_with("/memberships") => r#"{"memStatus": "CANC"}"#,
                    ("POST", ..) if path.ends_with("/issues") => r#"{"count": 1}"#,
                    _ => "{}",
                };
                let answer = app.request(method, &path).bytes(body).send();
                if method == "GET" {
                    assert_eq!((answer.status, answer.text.as_str()), (404, ""), "{method} {path}");
                    let told = app.request(method, &path).header("Accept", "application/json").send();
                    told.must_be_problem(404);
                } else {
                    answer.must_be_problem(404);
                }
            }
        }
    }
}

fn numbers_that_are_none(app: &TestApp) {
    for (path, methods) in described(app).iter().filter(|(path, _)| path.contains('1')) {
        for number in
            ["abc", "-1", "+1", "1.5", "1e3", "0x1", "1%00", "%20", "one%2Ftwo", "%EF%BC%91", "1;2", "%FF", "%C3%28"]
        {
            let path = path.replacen('1', number, 1);
            for method in methods {
                let answer = app.request(method, &path).bytes("{}").send();
                // Bytes that are no text at all cannot be read; everything else can, and is no number.
                let unreadable = number == "%FF" || number == "%C3%28";
                answer.must_be_problem(if unreadable { 400 } else { 422 });
            }
        }
    }
    app.get("/points/1/entries/abc").must_be_problem(422);
    app.get("/points/1/entries/%FF").must_be_problem(400);
    // Control: blanks around a number and zeros before it are fine.
    for path in ["/members/0001", "/members/%201%20", "/points/01"] {
        app.get(path).must_be(200);
    }
}

fn lists_that_cannot_be(app: &TestApp) {
    for collection in COLLECTIONS {
        for limit in ["0", "-1", "201", "abc", "", "1.5", "1e2", "99999999999999999999", "%00", "%FF"] {
            let answer = app.get(&format!("/{collection}?limit={limit}"));
            answer.must_be_problem(422);
            assert_eq!(answer.json["pointer"], "/query/limit", "{}", answer.text);
        }
        for after in ["1", "abc", "", "n", "n-1", "nzz", "nffffffffffffffffff", "%00", "n1%00", "%FF"] {
            let answer = app.get(&format!("/{collection}?after={after}"));
            answer.must_be_problem(422);
            assert_eq!(answer.json["pointer"], "/query/after", "{}", answer.text);
        }
        app.get(&format!("/{collection}?limit=1&limit=2")).must_be_problem(422);
        // Control: the ends of what is allowed.
        for query in ["limit=1", "limit=200", "limit=%2020", "after=n0", "after=n7fffffffffffffff"] {
            app.get(&format!("/{collection}?{query}")).must_be(200);
        }
    }
}

fn filters_that_cannot_be(app: &TestApp) {
    for unfinished in ["", "1", "TRUE", "yes", "%00", "%FF"] {
        app.get(&format!("/withdrawals?unfinished={unfinished}")).must_be_problem(422);
    }
    for unfinished in ["true", "false"] {
        app.get(&format!("/withdrawals?unfinished={unfinished}&limit=1")).must_be(200);
    }
    for (list, field) in
        [("donations", "memberId"), ("donations", "causeId"), ("deals", "memberId"), ("deals", "merchantId")]
    {
        for number in ["0", "-1", "abc", "", "1.5", "9223372036854775808", "%00", "%FF"] {
            let answer = app.get(&format!("/{list}?{field}={number}"));
            answer.must_be_problem(422);
            // Bytes that are no text spoil the query as a whole.
            let pointer = answer.json["pointer"].as_str().unwrap_or_default();
            assert!(pointer == format!("/query/{field}") || pointer.starts_with("/query"), "{}", answer.text);
        }
        app.get(&format!("/{list}?{field}=1&{field}=2")).must_be_problem(422);
        // Control: a number that nobody has is a list of nothing, blanks and zeros before it are fine.
        for number in ["1", "999", "%2001"] {
            app.get(&format!("/{list}?{field}={number}&limit=1")).must_be(200);
        }
    }
    for limit in ["0", "201", "abc"] {
        app.get(&format!("/causes/1/receipts?limit={limit}")).must_be_problem(422);
    }
}

fn addresses_where_nothing_is(app: &TestApp) {
    for path in
        ["/member", "/members/", "/members/1/", "/members/1/points", "//members", "/points/1/entry", "/%00", "/..%2f"]
    {
        let answer = app.request("GET", path).header("Accept", "application/json").send();
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        answer.must_be_problem(404);
        app.request("POST", path).bytes("{}").send().must_be_problem(404);
    }
}

#[test]
fn requests_that_are_no_http_end_the_connection_and_nothing_else() {
    use std::io::{Read, Write};
    let app = TestApp::open(Engine::Sqlite);
    for noise in
        ["\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\0\0\0\0\r\n\r\n", "GET /\u{1} HTTP/1.1\r\n\r\n"]
    {
        let mut stream = std::net::TcpStream::connect(app.address()).expect("the server listens");
        stream.write_all(noise.as_bytes()).expect("it can be sent");
        stream.shutdown(std::net::Shutdown::Write).expect("it can be ended");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{noise:?}: {answer}");
    }
    app.get("/healthz").must_be(200);
}
