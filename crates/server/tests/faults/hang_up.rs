//! Clients that hang up: in the middle of a request, or after it without waiting for the answer. Whatever they asked
//! for is then done or never happened, and which of the two can be learnt with the same key.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use super::senders::{Random, Sent, said};
use crate::support::{Engine, TestApp, eventually, within};

const IMPATIENT: usize = 300;
const MEMBERS: i64 = 5;
const LEAVING: std::ops::RangeInclusive<i64> = 11..=30;

#[test]
fn clients_that_hang_up_leave_no_half_effect_on_sqlite() {
    no_half_effect(Engine::Sqlite);
}

#[test]
fn clients_that_hang_up_leave_no_half_effect_on_postgres() {
    no_half_effect(Engine::Postgres);
}

/// Sends part of a request, or all of it, and hangs up at some moment without reading.
fn hang_up(address: SocketAddr, sent: &Sent, random: &mut Random) {
    let body = sent.body.as_ref().map_or(String::new(), Value::to_string);
    let key = sent.key.as_deref().unwrap_or_default();
    let (method, path, length) = (sent.method, &sent.path, body.len());
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n");
    let request = format!("{head}Idempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}");
    // A quarter breaks off anywhere, the others send everything.
    let cut = if random.below(4) == 0 { random.below(request.len()) } else { request.len() };
    let mut stream = TcpStream::connect(address).expect("the server takes connections");
    stream.write_all(&request.as_bytes()[..cut]).expect("the server reads");
    std::thread::sleep(Duration::from_micros(u64::try_from(random.below(4_000)).expect("a small number")));
}

fn transaction(number: usize) -> Sent {
    let member = 1 + i64::try_from(number).expect("a small number") % MEMBERS;
    let kind = if number.is_multiple_of(3) { "USE" } else { "EARN" };
    let body = json!({"kind": kind, "amount": 1 + number % 7, "reference": {"type": "test", "id": number}});
    Sent::post(&format!("/points/{member}/transactions"), body).key(&format!("impatient-{number}"))
}

fn leave(member: i64) -> Sent {
    let key = Some(format!("leave-{member}"));
    Sent { method: "DELETE", path: format!("/members/{member}"), body: None, key }
}

fn no_half_effect(engine: Engine) {
    let app = TestApp::open(engine);
    for member in (1..=MEMBERS).chain(LEAVING) {
        app.join(member, &format!("010{member:08}"));
    }
    app.settle();
    let address = app.address();
    std::thread::scope(|scope| {
        for sender in 0..8 {
            scope.spawn(move || {
                let mut random = Random::seeded(7 + sender as u64);
                for number in (sender..IMPATIENT).step_by(8) {
                    hang_up(address, &transaction(number), &mut random);
                }
            });
        }
        scope.spawn(move || {
            let mut random = Random::seeded(99);
            LEAVING.for_each(|member| hang_up(address, &leave(member), &mut random));
        });
    });
    within(Duration::from_secs(5), "every withdrawal has ended", || {
        LEAVING.clone().all(|member| has_ended(&app, member))
    });
    app.settle();
    app.verify();
    every_key_resolves(&app);
    for member in LEAVING {
        gone_or_unharmed(&app, member);
    }
    app.settle();
    app.verify();
}

fn entries_of(app: &TestApp, number: usize) -> Vec<i64> {
    let sql = "SELECT position FROM point_entry WHERE reference_type = 'test' AND reference_id = $1";
    let rows = app.app().points.funnel.with_session(|tx| tx.query(sql, &[number.to_string().into()]));
    rows.expect("the ledger can be read").iter().map(|row| row.int(0)).collect()
}

/// Done once or never; asked again, it is the first effect that answers, or the effect comes now.
fn every_key_resolves(app: &TestApp) {
    let (mut done, mut never) = (0, 0);
    for number in 0..IMPATIENT {
        let before = entries_of(app, number);
        assert!(before.len() <= 1, "request {number} had {} effects", before.len());
        let answer = transaction(number).to(app.address()).must_be(201);
        assert_eq!(said(&answer), said(&transaction(number).to(app.address())));
        let entry = answer.json["entryId"].as_i64().expect("an entry");
        assert_eq!(entries_of(app, number), [entry]);
        if before.is_empty() {
            never += 1
        } else {
            done += 1
        }
        assert!(before.is_empty() || before == [entry], "request {number} was done a second time");
    }
    println!("of {IMPATIENT} requests whose sender hung up {done} were done and {never} never happened");
    assert!(done > 20 && never > 20, "both must occur, or the test shows little");
}

fn has_ended(app: &TestApp, member: i64) -> bool {
    let withdrawal = app.get(&format!("/withdrawals/{member}"));
    withdrawal.status == 404 || matches!(withdrawal.json["step"].as_str(), Some("DONE" | "RELEASED"))
}

fn gone_or_unharmed(app: &TestApp, member: i64) {
    let step = app.get(&format!("/withdrawals/{member}")).json["step"].as_str().map(str::to_owned);
    let statuses = ["members", "points", "mypages"].map(|place| app.get(&format!("/{place}/{member}")).status);
    if step.as_deref() == Some("DONE") {
        assert_eq!(statuses, [404; 3], "member {member}");
        leave(member).to(app.address()).must_be(204);
    } else {
        assert_eq!(statuses, [200; 3], "member {member}, {step:?}");
        assert_eq!(app.points_of(member), Some(1_000), "member {member}, {step:?}");
        app.change_points(member, 5).must_be(200);
        // Other tests run beside this one: what follows the decision may take longer than a withdrawal waits for.
        let left = leave(member).to(app.address());
        assert!(matches!(left.status, 202 | 204), "member {member}: {}", left.text);
        eventually("the account is gone", || app.get(&format!("/points/{member}")).status == 404);
    }
}
