//! By SMS: what the gateway is sent, and which of its answers are final.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use platform::clock::Clock as _;
use serde_json::json;

use super::gateway::Gateway;
use crate::support::{Engine, TestApp, eventually, within};

/// The first retries come after one, two and four seconds.
const RETRIED: Duration = Duration::from_secs(12);

fn app(engine: Engine, gateway: &Gateway, more: &[&str]) -> TestApp {
    let settings = gateway.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).chain(more.iter().copied()).collect();
    TestApp::open_with(engine, &settings)
}

#[test]
fn a_message_that_the_gateway_takes_makes_normal_and_one_that_it_refuses_abnormal_on_sqlite() {
    a_message_that_the_gateway_takes_makes_normal_and_one_that_it_refuses_abnormal(Engine::Sqlite);
}

#[test]
fn a_message_that_the_gateway_takes_makes_normal_and_one_that_it_refuses_abnormal_on_postgres() {
    a_message_that_the_gateway_takes_makes_normal_and_one_that_it_refuses_abnormal(Engine::Postgres);
}

fn a_message_that_the_gateway_takes_makes_normal_and_one_that_it_refuses_abnormal(engine: Engine) {
    let gateway = Gateway::start();
    let app = app(engine, &gateway, &[]);
    app.join_with(1, &json!({"phoneNo": "010-8558 1234", "nickname": "\"}{to}\\"}));
    eventually("member 1 is NORMAL", || app.status(1) == "NORMAL");
    let sent = gateway.sent_to("01085581234");
    assert_eq!(sent.len(), 1);
    let text = "[OnePoint] \"}{to}\\님, 회원 가입이 완료되었습니다. 환영합니다!";
    // After a restore the number comes again, the moment does not.
    let key = sent[0].header("idempotency-key");
    let asked_ms = key.strip_prefix("1-").and_then(|at| at.parse::<i64>().ok()).expect("number and moment");
    assert!((app.clock.now_ms() - asked_ms).abs() < 60_000, "{key}");
    assert_eq!(sent[0].body, json!({"to": "01085581234", "text": text, "ref": key}));
    assert_eq!(sent[0].header("x-api-key"), "sesame");
    assert_eq!(sent[0].header("content-type"), "application/json");

    for (member_id, code) in [(2, 400), (3, 422), (4, 410), (6, 413)] {
        app.join(member_id, &format!("01000000{code}"));
        eventually("the member is ABNORMAL", || app.status(member_id) == "ABNORMAL");
        assert_eq!(app.message_of(member_id)["failure"], format!("sms.{code}"));
        assert_eq!(gateway.sent_to(&format!("01000000{code}")).len(), 1);
    }
    app.join(5, "0108558");
    eventually("member 5 is ABNORMAL", || app.status(5) == "ABNORMAL");
    assert_eq!(app.message_of(5)["failure"], "no_phone");
    app.settle();
    app.verify();
}

#[test]
fn a_gateway_in_trouble_is_asked_again_under_the_same_key_until_it_takes_the_message() {
    let gateway = Gateway::start();
    let app = app(Engine::Sqlite, &gateway, &["notification.time_limit_ms=1500"]);
    let codes = [408, 429, 500, 503, 401, 403, 404, 409, 302, 999];
    let started = Instant::now();
    for (member_id, code) in (1..).zip(codes) {
        app.join(member_id, &format!("01000000{code}"));
    }
    for (member_id, code) in (1..).zip(codes) {
        let failure = if code == 999 { "late".to_owned() } else { format!("sms.{code}") };
        within(RETRIED, "it failed for now", || app.attempts(member_id) > 0);
        let message = app.message_of(member_id);
        assert!(message["failure"] == failure || message["messageStatus"] == "SUCCESS", "{code}: {message}");
        if code == 429 {
            within(RETRIED, "member 2 is NORMAL", || app.status(member_id) == "NORMAL");
            assert!(started.elapsed() >= Duration::from_secs(2), "not before the gateway wanted it");
        }
    }
    for (member_id, code) in (1..).zip(codes) {
        within(RETRIED, "the member is NORMAL", || app.status(member_id) == "NORMAL");
        let sent = gateway.sent_to(&format!("01000000{code}"));
        assert_eq!(sent.len(), 2, "{code}");
        assert_eq!(sent[0].header("idempotency-key"), sent[1].header("idempotency-key"), "{code}");
        assert_eq!(sent[0].body, sent[1].body, "{code}");
    }
    assert_eq!(gateway.led_astray(), 0, "a redirect is not followed");
}

#[test]
fn what_is_no_answer_at_all_is_a_failure_for_now() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let mut connection = connection;
            let mut bytes = [0; 4_096];
            let _ = connection.read(&mut bytes);
            let garbage: &[u8] = match counting.fetch_add(1, Ordering::SeqCst) {
                0 => b"\x16\x03\x01 this is not HTTP\r\n\r\n",
                1 => b"",
                _ => b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            };
            let _ = connection.write_all(garbage);
        }
    });
    let url = format!("sms.url=http://{address}/send");
    let app = TestApp::open_with(Engine::Sqlite, &["notification.sender=sms", &url]);
    app.join(1, "01085581234");
    eventually("it was tried", || app.attempts(1) == 1);
    assert_eq!((app.message_of(1)["failure"].as_str(), app.status(1).as_str()), (Some("sms.unreachable"), "READY"));
    within(RETRIED, "member 1 is NORMAL", || app.status(1) == "NORMAL");
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn a_gateway_gets_the_body_that_it_wants() {
    let gateway = Gateway::start();
    let template = r#"sms.template={"to":"{to}","messages":[{"kind":"{type}","title":"{subject}","body":"{text}"}]}"#;
    let app = app(Engine::Sqlite, &gateway, &[template, "notification.language=en", "programme.name=Gildong's"]);
    app.join(1, "01085581234");
    eventually("member 1 is NORMAL", || app.status(1) == "NORMAL");
    let message = json!({"kind": "SMS", "title": "[Gildong's] Welcome", "body": "[Gildong's] Hello N, thank you for joining. Welcome!"});
    assert_eq!(gateway.sent_to("01085581234")[0].body, json!({"to": "01085581234", "messages": [message]}));
}

/// A gateway that takes a connection and says nothing; how many it has, and whether the first one was closed.
fn silent_gateway() -> (String, Arc<AtomicUsize>, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("sms.url=http://{}/send", listener.local_addr().expect("an address"));
    let (asked, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (asking, closing) = (Arc::clone(&asked), Arc::clone(&closed));
    std::thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            asking.fetch_add(1, Ordering::SeqCst);
            let closing = Arc::clone(&closing);
            std::thread::spawn(move || {
                while connection.read(&mut [0; 4_096]).is_ok_and(|count| count > 0) {}
                closing.store(true, Ordering::SeqCst);
            });
        }
    });
    (url, asked, closed)
}

#[test]
fn the_lease_is_kept_while_no_more_messages_may_go_and_what_goes_without_it_is_broken_off() {
    let (url, asked, closed) = silent_gateway();
    let sets = ["notification.sender=sms", &url, "notification.parallel=1", "notification.time_limit_ms=60000"];
    let app = TestApp::open_with(Engine::Postgres, &sets);
    app.join(1, "01085581234");
    eventually("the gateway is asked", || asked.load(Ordering::SeqCst) == 1);
    let until_ms = || {
        let rows = app
            .app()
            .notifications
            .funnel
            .with_session(|tx| tx.query("SELECT until_ms FROM lease WHERE name = 'message-sender'", &[]));
        rows.expect("the lease can be read")[0].int(0)
    };
    for _ in 0..3 {
        let before = until_ms();
        app.clock.advance_ms(4_000);
        eventually("the lease is renewed", || until_ms() >= before + 4_000);
    }
    assert!(!closed.load(Ordering::SeqCst), "the message is still on its way");

    let far_ms = app.clock.now_ms() + 1_000_000;
    let sql = "UPDATE lease SET holder = 'another', fence = fence + 1, until_ms = $1 WHERE name = 'message-sender'";
    let taken = app.app().notifications.funnel.with_session(|tx| tx.execute(sql, &[far_ms.into()]));
    assert_eq!(taken.expect("the lease can be written"), 1);
    app.clock.advance_ms(4_000);
    eventually("it is broken off", || closed.load(Ordering::SeqCst));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((asked.load(Ordering::SeqCst), app.attempts(1)), (1, 0), "the other process sends it");
}
