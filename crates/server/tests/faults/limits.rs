//! What one client may take: requests a second, connections, time, and the size of a body.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use platform::access::{AccessKeys, Role};
use serde_json::json;
use server::config::Settings;

use crate::support::{Answer, Engine, TestApp, within};

fn keys(app: &TestApp) -> std::sync::Arc<AccessKeys> {
    let settings = Settings::from_sources(None, std::iter::empty(), &app.store_settings()).expect("settings");
    server::stores::open_access(&settings).expect("the keys")
}

/// A key that the server knows.
fn key(app: &TestApp, role: Role, owner: Option<i64>) -> String {
    let (_, text) = keys(app).create(role, owner, "test", 0).expect("a key");
    within(Duration::from_secs(3), "the key is known", || ask(app, &text).status != 401);
    text
}

fn ask(app: &TestApp, key: &str) -> Answer {
    app.request("GET", "/points/1").header("Authorization", &format!("Bearer {key}")).send()
}

#[test]
fn a_key_that_asks_too_often_gets_429_and_others_go_on() {
    let sets = ["limits.requests_per_s=5", "limits.burst=20", "limits.operator_requests_per_s=0"];
    let app = TestApp::open_with(Engine::Sqlite, &sets);
    app.join_normal(1);
    let (greedy, modest) = (key(&app, Role::Owner("member"), Some(1)), key(&app, Role::Owner("member"), Some(1)));
    let operator = key(&app, Role::Operator, None);
    let started = Instant::now();
    let answers: Vec<Answer> = (0..60).map(|_| ask(&app, &greedy)).collect();
    let refused: Vec<&Answer> = answers.iter().filter(|answer| answer.status != 200).collect();
    let admitted = answers.len() - refused.len();
    let most = 20 + usize::try_from(started.elapsed().as_millis() / 200).expect("a short time") + 1;
    assert!((15..=most).contains(&admitted), "{admitted} of 60 in {:?}", started.elapsed());
    for answer in &refused {
        answer.must_be_problem(429);
        assert_eq!(answer.code(), "rate.limited");
    }
    // A write that is refused has changed nothing and is not remembered under its key.
    let write = || {
        let request = app.request("POST", "/points/1/transactions").key("k1");
        request
            .header("Authorization", &format!("Bearer {operator}"))
            .json(&json!({"kind": "EARN", "amount": 7}))
            .send()
    };
    assert_eq!(ask(&app, &modest).status, 200);
    for _ in 0..100 {
        assert_eq!(ask(&app, &operator).status, 200);
        app.get("/points/1").must_be(200);
    }
    write().must_be(201);
    std::thread::sleep(Duration::from_secs(
        refused.last().and_then(|a| a.header("retry-after")?.parse().ok()).expect("seconds"),
    ));
    assert_eq!(ask(&app, &greedy).status, 200, "there is room when it was said to be");
    assert_eq!(app.points_of(1), Some(1_007));
}

#[test]
fn an_operators_key_is_limited_when_the_settings_say_so() {
    let sets = ["limits.operator_requests_per_s=1", "limits.operator_burst=3"];
    let app = TestApp::open_with(Engine::Sqlite, &sets);
    let operator = key(&app, Role::Operator, None);
    let statuses: Vec<u16> = (0..10).map(|_| ask(&app, &operator).status).collect();
    assert!(statuses.iter().filter(|status| **status == 429).count() >= 6, "{statuses:?}");
    assert!((0..50).all(|_| app.get("/members").status == 200), "without a key nobody counts");
}

#[test]
fn a_request_that_takes_too_long_is_answered_and_what_it_began_goes_on() {
    let app = TestApp::open_with(Engine::Sqlite, &["http.request_time_ms=150"]);
    app.join_normal(1);
    app.delay_point(Some((350, 350)));
    let late = app.request("DELETE", "/members/1").key("leave").send();
    late.must_be_problem(503);
    assert_eq!(late.code(), "request.timeout");
    assert!(late.took < Duration::from_millis(340), "{:?}", late.took);
    within(Duration::from_secs(5), "the member leaves all the same", || app.get("/members/1").status == 404);
    app.delay_point(None);
    app.settle();
    assert_eq!(app.get("/withdrawals/1").must_be(200).json["step"], "DONE");
    app.verify();
}

#[test]
fn connections_beyond_the_cap_are_turned_away_until_there_is_room() {
    let app = TestApp::open_with(Engine::Sqlite, &["http.connections=4"]);
    let address = app.address();
    let ask = |stream: &mut TcpStream| {
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time limit");
        let mut piece = [0; 1_024];
        let count = stream.read(&mut piece).unwrap_or_default();
        String::from_utf8_lossy(&piece[..count]).into_owned()
    };
    let mut held: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(address).expect("there is room")).collect();
    for stream in &mut held {
        let answer = ask(stream);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    for _ in 0..20 {
        let mut beyond = TcpStream::connect(address).expect("it is accepted");
        let answer = ask(&mut beyond).to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 503") && answer.contains("server.full"), "{answer}");
        assert!(answer.contains("retry-after: 1") && answer.contains("connection: close"), "{answer}");
        assert_eq!(beyond.read(&mut [0; 16]).unwrap_or_default(), 0, "and closed");
    }
    drop(held.pop());
    within(Duration::from_secs(5), "there is room again", || {
        let mut next = TcpStream::connect(address).expect("it is accepted");
        ask(&mut next).starts_with("HTTP/1.1 200")
    });
}
