//! `onepoint demo` fills a fresh store by the API, and what it says is what is there.

use serde_json::Value;

use super::{json_of, onepoint};
use crate::support::{Engine, TestApp};

/// Exit code of work that was partly done: a server without donations.
const PARTLY: i32 = 3;

fn demo(app: &TestApp, words: &[&str]) -> (i32, std::process::Output) {
    let base = app.base();
    let output = onepoint(&[&["demo", "--url", &base, "--members", "40", "--seed", "7"], words].concat());
    (output.status.code().expect("it ends by itself"), output)
}

fn figure(report: &Value, name: &str) -> usize {
    report[name].as_u64().unwrap_or_else(|| panic!("{name} in {report}")) as usize
}

fn a_fresh_store_is_filled(engine: Engine) {
    let app = TestApp::open(engine);
    let (code, output) = demo(&app, &["--json"]);
    let report = json_of(&output);
    assert!(code == if report["note"].is_null() { 0 } else { PARTLY }, "{code}: {report}");
    assert_eq!(figure(&report, "joined"), 40);
    assert_eq!(figure(&report, "normal") + figure(&report, "abnormal"), 40);
    app.settle();
    let members = app.all_of("members");
    let there = members.as_array().expect("a list");
    assert_eq!(there.len(), 40 - figure(&report, "withdrawn"));
    assert!(there.iter().all(|member| member["memberStatus"] != "READY"), "{members}");
    let entries = app.entry_count() as usize;
    let moved = figure(&report, "earned") + figure(&report, "used") + figure(&report, "adjusted");
    assert!(moved >= 40 && entries >= moved + figure(&report, "normal"), "{entries} entries: {report}");
    for href in report["look"].as_array().expect("addresses").iter().filter_map(Value::as_str) {
        let path = href.strip_prefix(&app.base()).expect("an address of this server");
        assert_eq!(app.get(path).status, 200, "{href}");
    }
    app.verify();

    // Once more would mix two stories: only when asked for.
    let (code, output) = demo(&app, &[]);
    assert_eq!(code, 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("already has members"));
    assert_eq!(app.all_of("members"), members);
    let (_, output) = demo(&app, &["--force", "--json"]);
    assert_eq!(figure(&json_of(&output), "joined"), 40);
    app.settle();
    app.verify();
}

#[test]
fn a_fresh_store_is_filled_on_sqlite() {
    a_fresh_store_is_filled(Engine::Sqlite);
}

#[test]
fn a_fresh_store_is_filled_on_postgres() {
    a_fresh_store_is_filled(Engine::Postgres);
}

#[test]
fn without_a_server_it_says_so() {
    let output = onepoint(&["demo", "--url", "http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is the server running"));
    assert_eq!(onepoint(&["demo", "--url", "https://127.0.0.1"]).status.code(), Some(2));
}
