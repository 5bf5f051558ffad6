//! What never left goes to another address; what left is sent once more only if that cannot do harm.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::kit::{Act, Beside, Gate, Raw, good, nobody, refusal};
use crate::support::{Client, Engine, Request, TestApp, eventually};

fn gate(upstreams: &[&Raw], sets: &[&str]) -> Gate {
    let urls: Vec<String> = upstreams.iter().map(|raw| raw.url()).collect();
    // The breaker has tests of its own.
    let mut all = vec![format!("gateway.point={}", urls.join(",")), "breaker.min_calls=1000".to_owned()];
    all.extend(sets.iter().map(|set| (*set).to_owned()));
    Gate::open(&all)
}

#[test]
fn a_read_whose_answer_is_lost_is_sent_once_more() {
    let (bad, well) = (Raw::new(Act::HangUp), Raw::new(good()));
    let gate = gate(&[&bad, &well], &[]);
    for _ in 0..4 {
        assert_eq!(gate.get("/points/1?a=b%20c").must_be(200).text, "good");
    }
    assert!(!bad.seen().is_empty() && well.seen().len() == 4, "both were asked");
    assert!(well.seen().iter().all(|request| request.starts_with("GET /points/1?a=b%20c HTTP/1.1\r\n")));
    let both = Raw::new(Act::HangUp);
    let gate = self::gate(&[&bad, &both], &[]);
    let asked = both.seen().len() + bad.seen().len();
    gate.get("/points/1").must_be_problem(503);
    assert_eq!(gate.get("/points/1").code(), "point.no_answer");
    assert_eq!(both.seen().len() + bad.seen().len() - asked, 4, "each was sent twice, and no more");
}

#[test]
fn a_write_is_sent_once_more_only_with_a_key() {
    let (bad, well) = (Raw::new(Act::HangUp), Raw::new(good()));
    let gate = gate(&[&bad, &well], &[]);
    let body = json!({"amount": 1});
    let mut lost = 0;
    for _ in 0..6 {
        let answer = gate.request("POST", "/points/1/transactions").json(&body).send();
        lost += usize::from(answer.status == 503);
        assert!(answer.status == 200 || answer.code() == "point.no_answer", "{}", answer.text);
    }
    assert_eq!((bad.seen().len(), well.seen().len()), (lost, 6 - lost), "each was sent once");
    assert!(lost > 0, "control: the bad one was asked");
    let before = bad.seen().len();
    for number in 0..6 {
        let request = gate.request("POST", "/points/1/transactions").key(&format!("k{number}")).json(&body);
        assert_eq!(request.send().must_be(200).text, "good");
    }
    assert!(bad.seen().len() > before, "control: the bad one was asked");
    for number in 0..6 {
        let is_it = |request: &&String| request.contains(&format!("idempotency-key: k{number}\r\n"));
        let (at_bad, at_well) = (bad.seen(), well.seen());
        let once = at_well.iter().find(is_it).expect("it came");
        assert!(once.ends_with("\r\n\r\n{\"amount\":1}"), "with all of its body: {once}");
        if let Some(first) = at_bad.iter().find(is_it) {
            assert_eq!(first, once, "the same once more");
        }
    }
}

#[test]
fn a_large_body_is_streamed_and_not_sent_again() {
    let (bad, well) = (Raw::new(Act::HangUp), Raw::new(good()));
    let gate = gate(&[&bad, &well], &["gateway.body_kb=1"]);
    let body = vec![b' '; 100_000];
    let answers: Vec<u16> = (0..4)
        .map(|_| gate.request("POST", "/points/transactions").key("k").bytes(body.clone()).send().status)
        .collect();
    assert!(answers.contains(&503) && answers.contains(&200), "{answers:?}");
    assert!(well.seen().iter().all(|request| request.len() > 100_000), "all of it came");
}

#[test]
fn what_never_left_goes_elsewhere_and_the_address_is_left_alone_until_it_is_well() {
    let (one, other) = (Raw::new(good()), Raw::new(good()));
    let gate = gate(&[&one, &other], &["gateway.check_ms=500"]);
    let address = one.address;
    drop(one);
    for _ in 0..8 {
        gate.request("POST", "/points/1").json(&json!({})).send().must_be(200);
    }
    let ready = format!("gateway_upstream_ready{{context=\"point\",address=\"{address}\"}}");
    assert_eq!(gate.figure(&ready), 0.0);
    let back = Raw::at(address, good());
    eventually("it is asked again", || {
        gate.get("/points/1").must_be(200);
        !back.seen().is_empty()
    });
    assert_eq!(gate.figure(&ready), 1.0);
}

#[test]
fn who_says_that_it_does_not_do_this_is_passed_over_and_any_other_refusal_is_an_answer() {
    for code in ["point.stopped", "server.full", "server.draining"] {
        let (bad, well) = (Raw::new(refusal(code)), Raw::new(good()));
        let gate = gate(&[&bad, &well], &[]);
        let answers: Vec<u16> = (0..4).map(|_| gate.get("/points/1").status).collect();
        assert_eq!(answers, [200; 4], "{code}");
        assert!(!bad.seen().is_empty(), "control: it was asked");
    }
    let (busy, well) = (Raw::new(refusal("point.overloaded")), Raw::new(good()));
    let gate = self::gate(&[&busy, &well], &[]);
    let codes: Vec<String> = (0..4).map(|_| gate.get("/points/1").code().to_owned()).collect();
    assert!(codes.iter().any(|code| code == "point.overloaded"), "{codes:?}");
    // The last one's word is passed on, whatever it is.
    let alone = Raw::new(refusal("point.stopped"));
    assert_eq!(self::gate(&[&alone], &[]).get("/points/1").code(), "point.stopped");
}

#[test]
fn a_short_gap_is_waited_for_and_a_long_one_is_answered_at_once() {
    let address = nobody();
    let first = Raw::at(address, good());
    let gate = gate(&[&first], &["gateway.wait_ms=2000"]);
    gate.get("/points/1").must_be(200);
    drop(first);
    let started = Instant::now();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| gate.request("POST", "/points/1").json(&json!({})).send());
        std::thread::sleep(Duration::from_millis(300));
        let _second = Raw::at(address, good());
        assert_eq!(asked.join().expect("no panic").status, 200, "nothing had left, so it could wait");
    });
    assert!(started.elapsed() >= Duration::from_millis(300));
    // It is gone for good: at first requests wait as long as they may, then nobody waits any more.
    gate.get("/points/1").must_be_problem(503);
    let at_once = || {
        let answer = gate.get("/points/1");
        answer.must_be_problem(503);
        assert_eq!(answer.code(), "point.unreachable");
        answer.took < Duration::from_millis(200)
    };
    crate::support::within(Duration::from_secs(30), "it is answered at once", at_once);
}

#[test]
fn who_is_draining_is_passed_over_however_many_they_are() {
    let (one, two) = (Raw::new(refusal("server.draining")), Raw::new(refusal("point.stopped")));
    let (three, well) = (Raw::new(refusal("server.draining")), Raw::new(good()));
    let gate = gate(&[&one, &two, &three, &well], &[]);
    for number in 0..8 {
        gate.get("/points/1").must_be(200);
        let request = gate.request("POST", "/points/1/transactions").key(&format!("k{number}"));
        request.json(&json!({"amount": 1})).send().must_be(200);
    }
    assert_eq!(well.seen().len(), 16, "each came once");
    assert!(one.seen().len() + two.seen().len() + three.seen().len() > 0, "control: they were asked");
    // Of nobody but such, each is asked once.
    well.act(refusal("server.draining"));
    let seen = || [&one, &two, &three, &well].map(|raw| raw.seen().len());
    let before = seen();
    gate.get("/points/1").must_be(503);
    assert_eq!(seen(), before.map(|count| count + 1));
}

#[test]
fn the_name_of_a_host_is_as_good_as_its_address() {
    let raw = Raw::new(good());
    let name = format!("localhost:{}", raw.address.port());
    let gate = Gate::open(&[format!("gateway.point=http://{name},http://nobody.invalid:1")]);
    eventually("it is ready", || {
        gate.figure(&format!("gateway_upstream_ready{{context=\"point\",address=\"{name}\"}}")) == 1.0
    });
    gate.request("GET", "/points/1").header("Host", "shop.example").send().must_be(200);
    assert!(raw.seen()[0].to_lowercase().contains("\r\nhost: "), "{:?}", raw.seen());
    assert_eq!(gate.figure("gateway_upstream_ready{context=\"point\",address=\"nobody.invalid:1\"}"), 0.0);
}

#[test]
fn a_keyed_write_that_is_repeated_at_another_process_gets_the_first_answer() {
    let app = TestApp::open(Engine::Postgres);
    app.join_normal(1);
    let beside = Beside::of(&app, &[]);
    let other = Client::new(beside.address);
    let earn = json!({"kind": "EARN", "amount": 7});
    // All but the links, which lead to who answered.
    let write = |client: &Client, key: &str| {
        let request = Request::new(client, "POST", "/points/1/transactions").key(key).json(&earn);
        let entry = request.send().must_be(201).json;
        ["entryId", "at", "amount", "balanceAfter"].map(|part| entry[part].clone())
    };
    let here = Client::new(app.address());
    let first = write(&here, "k1");
    assert_eq!(write(&other, "k1"), first, "the first answer");
    let second = write(&other, "k2");
    assert_eq!(write(&here, "k2"), second);
    assert_ne!(first[0], second[0], "control");
    assert_eq!(app.points_of(1), Some(1_014), "each counts once");
}
