//! Large bodies, slow ones, and clients that never end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::kit::{Act, Gate, Raw, good};
use crate::routing::split_between;
use crate::support::{Engine, TestApp};

#[test]
fn large_bodies_pass_both_ways_whole() {
    let app = TestApp::open(Engine::Sqlite);
    app.join_normal(1);
    let gate = Gate::open(&split_between(&app.base(), &app.base()));
    // Some 150 KB: streamed.
    let items: Vec<_> = (0..1_000)
        .map(|number| {
            let reference = json!({"type": "deal", "id": format!("{number}-{}", "x".repeat(40))});
            json!({"key": format!("k{number}"), "memberId": 1, "kind": "EARN", "amount": 1, "reference": reference})
        })
        .collect();
    let body = json!({"transactions": items});
    assert!(body.to_string().len() > 64 * 1_024);
    let (direct, through) =
        (app.post("/points/transactions", &body), gate.request("POST", "/points/transactions").json(&body).send());
    assert_eq!((through.status, &through.text), (direct.status, &direct.text), "the same once more");
    assert_eq!(app.points_of(1), if direct.status == 200 { Some(2_000) } else { Some(1_000) }, "{}", direct.text);
    // Larger than a context takes: its own word comes back.
    let refused = gate.request("POST", "/members").bytes(vec![b' '; 300_000]).send();
    refused.must_be_problem(413);
    // A large answer.
    let (direct, through) = (app.get("/openapi.json"), gate.get("/openapi.json"));
    assert!(through.text.len() > 100_000);
    assert_eq!(through.text, direct.text);
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let raw = Raw::new(good());
    let gate = Gate::open(&[format!("gateway.point={}", raw.url())]);
    let slow = |opening: &str, piece: &'static [u8]| {
        let mut stream = TcpStream::connect(gate.address).expect("the gateway takes connections");
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a limit");
        stream.write_all(opening.as_bytes()).expect("it is taken");
        let (started, mut said, mut bytes) = (Instant::now(), Vec::new(), [0; 1_024]);
        while started.elapsed() < Duration::from_secs(15) {
            match stream.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => said.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    let _ = stream.write_all(piece);
                }
                Err(_) => break,
            }
        }
        (String::from_utf8_lossy(&said).into_owned(), started.elapsed())
    };
    std::thread::scope(|scope| {
        let body = "POST /points/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6000\r\n\r\n";
        let trickled = scope.spawn(move || slow(body, b" "));
        let header = scope.spawn(move || slow("POST /points/1 HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b"a"));
        let (said, took) = trickled.join().expect("no panic");
        assert!(said.starts_with("HTTP/1.1 408") && said.contains("request.body_timeout"), "{said}");
        assert!(took < Duration::from_secs(10), "{took:?}");
        let (said, took) = header.join().expect("no panic");
        assert!(said.is_empty() && took < Duration::from_secs(10), "{took:?} {said}");
    });
    assert!(raw.seen().is_empty(), "nobody behind was troubled");
    gate.get("/points/1").must_be(200);
}

#[test]
fn a_slow_answer_comes_and_a_client_that_leaves_troubles_nobody() {
    let raw = Raw::new(Act::Silence(Duration::from_millis(300)));
    let gate = Gate::open(&[format!("gateway.point={}", raw.url())]);
    for _ in 0..10 {
        let mut stream = TcpStream::connect(gate.address).expect("the gateway takes connections");
        stream.write_all(b"GET /points/1 HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is taken");
    }
    raw.act(good());
    gate.get("/points/1").must_be(200);
    let state = gate.figure("breaker_state{caller=\"gateway\",callee=\"point\"}");
    assert_eq!(state, 0.0, "who leaves says nothing about who would have answered");
}
