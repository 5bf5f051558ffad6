//! Requests reach the process that runs their context, and say what they said; strangers stay strangers.

use std::net::SocketAddr;

use platform::access::Role;
use serde_json::json;
use server::config::Settings;
use server::stores::{context_names, open_access};

use crate::kit::{Beside, Gate, Raw, good, nobody};
use crate::support::{Engine, TestApp, eventually};

/// What runs in the first of two processes; the rest runs in the second.
pub const FIRST: [&str; 4] = ["member", "notification", "mypage", "coupon"];

/// The settings of a gateway before these two.
pub fn split_between(first: &str, second: &str) -> Vec<String> {
    let address = |name: &&str| if FIRST.contains(name) { first } else { second }.to_owned();
    context_names().iter().map(|name| format!("gateway.{name}={}", address(name))).collect()
}

/// Two processes on one store, each with its part of the contexts, which ask each other over HTTP, and a gateway before
/// them.
pub fn split(sets: &[&str]) -> (TestApp, Beside, Gate) {
    const ASKED: [&str; 8] = ["point", "coupon", "member", "deal", "product", "membership", "gifticon", "cart"];
    let second: Vec<&str> = context_names().into_iter().filter(|name| !FIRST.contains(name)).collect();
    let (here, there) = (nobody(), nobody());
    let mut app = TestApp::open_with(Engine::Postgres, &[&format!("contexts={}", FIRST.join(","))]);
    let internal = format!("internal.key={}", new_key(&app, Role::Service));
    let settings = |contexts: &[&str], own: SocketAddr, other: SocketAddr| -> Vec<String> {
        let asked = ASKED.iter().filter(|name| !contexts.contains(name));
        let urls = asked.map(|name| format!("{name}.url=http://{other}"));
        let own = [format!("contexts={}", contexts.join(",")), format!("internal.listen={own}"), internal.clone()];
        own.into_iter().chain(urls).chain(sets.iter().map(|set| (*set).to_owned())).collect()
    };
    let (first, second) = (settings(&FIRST, here, there), settings(&second, there, here));
    app.restart_with(&first.iter().map(String::as_str).collect::<Vec<_>>());
    let beside = Beside::of(&app, &second.iter().map(String::as_str).collect::<Vec<_>>());
    let gate = Gate::open(&split_between(&app.base(), &format!("http://{}", beside.address)));
    (app, beside, gate)
}

fn new_key(app: &TestApp, role: Role) -> String {
    let settings = Settings::from_sources(None, std::iter::empty(), &app.store_settings()).expect("settings");
    open_access(&settings).expect("the keys").create(role, None, "test", 1).expect("a key").1
}

/// A key of this role, known to the processes.
pub fn key(app: &TestApp, gate: &Gate, role: Role) -> String {
    let text = new_key(app, role);
    eventually("both processes know the key", || {
        ["/members/1", "/points/1"].iter().all(|path| {
            gate.request("GET", path).header("Authorization", &format!("Bearer {text}")).send().status != 401
        })
    });
    text
}

#[test]
fn each_request_reaches_its_context_and_events_follow() {
    let (app, beside, mut gate) = split(&["http.base_url=http://onepoint.test"]);
    let joined =
        gate.request("POST", "/members").json(&json!({"memberId": 1, "phoneNo": "01000000001", "nickname": "N"}));
    let joined = joined.header("X-Request-Id", "mine-1").send().must_be(201);
    assert_eq!(joined.header("x-request-id"), Some("mine-1"));
    assert_eq!(joined.header("location"), Some("http://onepoint.test/members/1"));
    eventually("the member has points", || gate.get("/points/1").json["remainPoint"] == 1_000);
    let keyed = || {
        let earn = json!({"kind": "EARN", "amount": 5});
        gate.request("POST", "/points/1/transactions").key("k").json(&earn).send().must_be(201).text
    };
    assert_eq!(keyed(), keyed(), "a repeated key has one effect");
    eventually("the page shows it", || gate.get("/mypages/1").json["remainPoint"] == 1_005);
    // A process refuses what it does not run, so these came through to the right one.
    assert_eq!(
        app.request("POST", "/points/1/transactions").json(&json!({"kind": "EARN", "amount": 5})).send().code(),
        "point.stopped"
    );
    for path in ["/", "/version", "/docs", "/docs/onepoint.css", "/openapi.json"] {
        gate.get(path).must_be(200);
    }
    let nothing = gate.get("/nothing/here");
    nothing.must_be_problem(404);
    assert_eq!(
        (nothing.code(), &nothing.json["detail"]),
        (app.get("/nothing/here").code(), &app.get("/nothing/here").json["detail"])
    );
    for path in ["/members/9", "/parked/point/9", "/parked/nobody/9"] {
        let (through, direct) = (gate.get(path), app.get(path));
        assert_eq!((through.status, through.text.is_empty()), (direct.status, direct.text.is_empty()), "{path}");
    }
    let wrong = gate.request("PUT", "/members/1").send();
    wrong.must_be_problem(405);
    assert!(wrong.header("allow").is_some(), "the context's own answer");
    gate.request("DELETE", "/metrics").send().must_be_problem(405);
    assert_eq!(gate.request("POST", "/bench/echo").json(&json!({})).send().status, 404, "the echo is off");
    let head = gate.request("HEAD", "/members/1").send().must_be(200);
    assert!(head.header("content-length").is_some_and(|length| length != "0") && head.text.is_empty());
    assert!(gate.figure("gateway_upstream_requests_total{context=\"point\",outcome=\"answered\"}") >= 3.0);
    let counted = gate.get("/metrics").text;
    assert!(counted.contains("http_server_requests_total{resource=\"members\""), "{counted}");
    gate.stop(std::time::Duration::ZERO);
    drop(beside);
}

#[test]
fn a_stranger_is_no_local_operator_and_a_key_is_a_key() {
    let (app, _beside, gate) = split(&[]);
    let operator = key(&app, &gate, Role::Operator);
    let owner = format!("Bearer {operator}");
    gate.get("/members").must_be(200);
    let foreign = [("X-Forwarded-For", "192.0.2.1"), ("X-Real-Ip", "192.0.2.1"), ("Origin", "https://evil.example")];
    for (name, value) in foreign {
        for path in ["/members", "/metrics", "/lags", "/parked"] {
            let refused = gate.request("GET", path).header(name, value).send();
            refused.must_be_problem(401);
            assert_eq!(refused.code(), "auth.no_key", "{name} {path}");
            gate.request("GET", path).header(name, value).header("Authorization", &owner).send().must_be(200);
        }
    }
    let hidden = gate.request("GET", "/members").header("X-Forwarded-For", "192.0.2.1");
    hidden.header("Connection", "X-Forwarded-For").send().must_be_problem(401);
    gate.request("GET", "/metrics").header("Authorization", "Bearer op_no_key").send().must_be_problem(401);
}

#[test]
fn headers_pass_but_for_those_of_one_connection() {
    let raw = Raw::new(good());
    let gate = Gate::open(&[format!("gateway.point={}", raw.url()), "bench.echo=true".to_owned()]);
    let request = gate
        .request("POST", "/points/1?q=%2F")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let request = request.header("tracestate", "a=b").header("X-Own", "1").header("Connection", "keep-alive, X-Own");
    let answer = request.header("Transfer-Encoding", "chunked").header("X-Mine", "2");
    // A chunked body of one chunk.
    let answer = answer.header("Content-Type", "application/json").header("Content-Language", "ko").send_chunked(b"{}");
    assert_eq!(answer.must_be(200).text, "good");
    let seen = raw.seen().remove(0);
    let (head, body) = seen.split_once("\r\n\r\n").expect("a head");
    let has = |line: &str| head.lines().any(|known| known.eq_ignore_ascii_case(line));
    assert!(head.starts_with("POST /points/1?q=%2F HTTP/1.1"), "{head}");
    assert!(has("tracestate: a=b") && head.contains("traceparent: 00-0af7651916cd43dd8448eb211c80319c-"), "{head}");
    assert!(has("x-mine: 2") && has(&format!("host: {}", gate.address)) && head.contains("x-request-id: "), "{head}");
    assert!(!head.contains("x-own") && !head.contains("x-forwarded-for"), "{head}");
    assert!(body.contains("{}"), "{body}");
    gate.request("POST", "/bench/echo").json(&json!({})).send().must_be(200);
    assert!(raw.seen().last().expect("it came").starts_with("POST /bench/echo "));
}
