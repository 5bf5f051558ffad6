//! A context that does not answer is left alone for a while; others are not touched by that.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::kit::{Act, Gate, Raw, good, refusal};
use crate::support::within;

const STATE: &str = "breaker_state{caller=\"gateway\",callee=\"point\"}";

fn gate(point: &Raw, member: &Raw) -> Gate {
    Gate::open(&[
        format!("gateway.point={}", point.url()),
        format!("gateway.member={}", member.url()),
        "gateway.time_limit_ms=300".to_owned(),
        "breaker.open_ms=700".to_owned(),
    ])
}

#[test]
fn silence_opens_it_answers_close_it_and_others_go_on() {
    let (point, member) = (Raw::new(Act::Silence(Duration::from_secs(2))), Raw::new(good()));
    let gate = gate(&point, &member);
    assert_eq!(gate.figure(STATE), 0.0);
    let began = Instant::now();
    let late = gate.request("POST", "/points/1").bytes("{}").send();
    late.must_be_problem(503);
    assert_eq!(late.code(), "request.timeout");
    assert!((300..900).contains(&late.took.as_millis()), "{:?}", late.took);
    let mut tries = 1;
    while gate.figure(STATE) == 0.0 && tries < 10 {
        tries += 1;
        gate.request("POST", "/points/1").bytes("{}").send().must_be_problem(503);
    }
    assert_eq!((gate.figure(STATE), tries), (2.0, 3), "three silences open it, {:?}", began.elapsed());
    let refused = gate.get("/points/1");
    refused.must_be_problem(503);
    assert_eq!(refused.code(), "point.unavailable");
    assert!(refused.took < Duration::from_millis(150), "{:?}", refused.took);
    let asked = point.seen().len();
    gate.get("/members/1").must_be(200);
    point.act(good());
    let closed = within(Duration::from_secs(5), "it closes", || gate.get("/points/1").status == 200);
    assert!(closed <= Duration::from_millis(1_500), "{closed:?}");
    assert_eq!(gate.figure(STATE), 0.0);
    assert!(point.seen().len() > asked);
}

#[test]
fn a_quick_refusal_is_an_answer() {
    let (point, member) = (Raw::new(refusal("point.unavailable")), Raw::new(Act::Answer(500, String::new())));
    let gate = gate(&point, &member);
    for _ in 0..20 {
        assert_eq!(gate.get("/points/1").code(), "point.unavailable");
        assert_eq!(gate.get("/members/1").status, 500);
    }
    assert_eq!(gate.figure(STATE), 0.0);
    assert_eq!((point.seen().len(), member.seen().len()), (20, 20), "each of them was asked");
}

/// Sends a POST whose body is not what it says, and leaves after so many of its bytes if it is told to; what is answered.
fn upload(gate: &Gate, body: &[u8], hangs_up: bool) -> String {
    let mut stream = TcpStream::connect(gate.address).expect("the gateway takes connections");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a limit");
    let head = "POST /points/1 HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(&[head.as_bytes(), body].concat()).expect("it is taken");
    if hangs_up {
        stream.shutdown(Shutdown::Write).expect("it is open");
    }
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said);
    said
}

#[test]
fn uploads_that_strangers_break_off_do_not_count() {
    let (point, member) = (Raw::new(good()), Raw::new(good()));
    let gate = gate(&point, &member);
    for _ in 0..5 {
        let said = upload(&gate, b"5\r\nabcde\r\nzz\r\n", false);
        // Who breaks the protocol may be hung up on before there is an answer.
        assert!(said.is_empty() || said.contains("request.unreadable"), "{said}");
        upload(&gate, b"5\r\nabc", true);
    }
    // One that does not go on either: it is late, and that is its sender's doing.
    let slow = upload(&gate, b"5\r\nabcde\r\n", false);
    assert!(slow.contains("request.timeout"), "{slow}");
    assert_eq!(gate.figure(STATE), 0.0);
    gate.get("/points/1").must_be(200);
    assert!(upload(&gate, b"5\r\nabcde\r\n0\r\n\r\n", false).starts_with("HTTP/1.1 200 "), "control: a whole one");
    point.act(Act::HangUp);
    for _ in 0..3 {
        assert!(upload(&gate, b"5\r\nabcde\r\n0\r\n\r\n", false).contains("point.no_answer"));
    }
    assert_ne!(gate.figure(STATE), 0.0, "control: a whole one that is not answered counts");
}
