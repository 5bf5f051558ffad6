//! Kills while deals are made: what was answered is stored, what was half done ends, and nothing happens twice.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::kills::must_verify;
use super::process::{Serving, Store};
use crate::support::{Answer, Client, Engine, Request, within};

const MEMBERS: i64 = 12;
const WELCOME: i64 = 1_000;
const ROUNDS: usize = 2;
const LOAD: Duration = Duration::from_millis(1_500);
/// Each new server's clock is so much ahead of the one before: what was pending then is given up at once.
const STEP_S: i64 = 60;
/// Of so many unanswered deals one is not sent again before the sweep has been.
const PATIENT: usize = 2;

#[test]
fn killed_servers_end_the_deals_that_they_began_on_sqlite() {
    kill_and_end(Engine::Sqlite);
}

#[test]
fn killed_servers_end_the_deals_that_they_began_on_postgres() {
    kill_and_end(Engine::Postgres);
}

/// A deal as it was sent, and what was answered, if anything was.
#[derive(Clone)]
struct Posted {
    body: Value,
    answer: Option<Value>,
}

/// Deals by key.
type Book = HashMap<String, Posted>;

fn kill_and_end(engine: Engine) {
    let store = Store::fresh(engine);
    let mut server = serve(&store, 0);
    prepare(&server);
    let (mut book, mut unanswered) = (Book::new(), 0);
    for round in 0..ROUNDS {
        let posted = deal_until_killed(server, round);
        assert!(posted.len() > 50, "round {round}: so little was posted that little is shown");
        unanswered += posted.values().filter(|posted| posted.answer.is_none()).count();
        book.extend(posted);
        must_verify(&store);
        server = serve(&store, i64::try_from(round).expect("few rounds") + 1);
        everything_ends(&server, &mut book);
    }
    balances_are_what_the_deals_say(&server, &book);
    let count = all_deals(&server).len();
    assert_eq!(count, book.len(), "one deal for each key");
    println!("{engine:?}: {count} deals, {unanswered} of them unanswered, {ROUNDS} kills");
    assert!(unanswered > 0, "no kill hit a deal that was under way");
    server.kill();
    must_verify(&store);
}

/// A server whose clock is so many steps ahead.
fn serve(store: &Store, step: i64) -> Serving {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let ahead_s = i64::try_from(now.as_secs()).expect("not so late") + step * STEP_S;
    let instant = platform::zone::Zone::named("Asia/Seoul").expect("a zone").format(ahead_s * 1_000);
    Store::start(store.command(&["serve", "--listen", "127.0.0.1:0", "--set", &format!("clock.now={instant}")]))
}

fn prepare(server: &Serving) {
    let client = Client::new(server.address);
    for member_id in 1..=MEMBERS {
        let joined = json!({"memberId": member_id, "phoneNo": format!("010{member_id:08}")});
        Request::new(&client, "POST", "/members").json(&joined).send().must_be(201);
    }
    for member_id in 1..=MEMBERS {
        let path = format!("/points/{member_id}");
        within(Duration::from_secs(10), "the member is welcomed", || {
            Request::new(&client, "GET", &path).send().json["remainPoint"] == WELCOME
        });
    }
}

/// Every member deals as fast as it is answered, until the server is gone.
fn deal_until_killed(server: Serving, round: usize) -> Book {
    let (book, address) = (Mutex::new(Book::new()), server.address);
    std::thread::scope(|scope| {
        for member_id in 1..=MEMBERS {
            let book = &book;
            scope.spawn(move || {
                let (client, started, mut last) = (Client::new(address), Instant::now(), None);
                for number in 0.. {
                    let key = format!("{member_id}-{round}-{number}");
                    let body = next_deal(member_id, number, last.take());
                    let answer = send(&client, &key, &body).ok().filter(|answer| answer.status == 201);
                    let answered = answer.map(|answer| answer.json);
                    last.clone_from(&answered);
                    let is_gone = answered.is_none();
                    book.lock().expect("nobody panics").insert(key, Posted { body, answer: answered });
                    if is_gone || started.elapsed() > Duration::from_secs(20) {
                        break;
                    }
                }
            });
        }
        std::thread::sleep(LOAD);
        server.kill();
    });
    book.into_inner().expect("nobody panics")
}

/// By turns: something is earned, used, earned again, and that is cancelled.
fn next_deal(member_id: i64, number: usize, last: Option<Value>) -> Value {
    let merchant_id = 1 + number % 5;
    let deal =
        |kind: &str| json!({"memberId": member_id, "merchantId": merchant_id, "type": kind, "dealAmount": 10_000});
    match (number % 5, last) {
        (1, _) => {
            let mut body = deal("use");
            body["point"] = json!(50);
            body
        }
        (2, Some(used)) => cancel_of("useCancel", &used),
        (4, Some(saved)) => cancel_of("saveCancel", &saved),
        _ => deal("save"),
    }
}

fn cancel_of(kind: &str, deal: &Value) -> Value {
    json!({"memberId": deal["memberId"], "merchantId": deal["merchantId"], "dealAmount": deal["dealAmount"],
        "type": kind, "originalDealId": deal["dealId"]})
}

fn send(client: &Client, key: &str, body: &Value) -> std::io::Result<Answer> {
    Request::new(client, "POST", "/deals").key(key).json(body).try_send()
}

/// Half of what was not answered is sent again, the rest is left to the sweep; then all of it is sent again, and says
/// what it said before.
fn everything_ends(server: &Serving, book: &mut Book) {
    let client = Client::new(server.address);
    let open: Vec<String> =
        book.iter().filter(|(_, posted)| posted.answer.is_none()).map(|(key, _)| key.clone()).collect();
    for key in open.iter().skip(1).step_by(PATIENT) {
        let posted = book.get_mut(key).expect("it was posted");
        posted.answer = Some(send(&client, key, &posted.body).expect("the server answers").must_be(201).json);
    }
    within(Duration::from_secs(20), "every deal has ended", || {
        let is_open = |deal: &Value| deal["status"] == "pending" || deal["pointStatus"] == "PENDING";
        !all_deals(server).iter().any(is_open)
    });
    for (key, posted) in book.iter_mut() {
        let again = send(&client, key, &posted.body).expect("the server answers").must_be(201).json;
        if let Some(first) = &posted.answer {
            for field in ["dealId", "status", "type", "failReason"] {
                assert_eq!(first[field], again[field], "{key}: {first} became {again}");
            }
        }
        assert_ne!(again["status"], "pending", "{again}");
        posted.answer = Some(again);
    }
}

fn all_deals(server: &Serving) -> Vec<Value> {
    let client = Client::new(server.address);
    let (mut deals, mut path) = (Vec::new(), "/deals?limit=200".to_owned());
    loop {
        let page = Request::new(&client, "GET", &path).send().must_be(200).json;
        deals.extend(page["_embedded"]["deals"].as_array().cloned().unwrap_or_default());
        let Some(next) = page["_links"]["next"]["href"].as_str() else { return deals };
        path = next[next.find("/deals").expect("a link to deals")..].to_owned();
    }
}

fn balances_are_what_the_deals_say(server: &Serving, book: &Book) {
    let client = Client::new(server.address);
    let mut expected: HashMap<i64, i64> = (1..=MEMBERS).map(|member_id| (member_id, WELCOME)).collect();
    for deal in book.values().filter_map(|posted| posted.answer.as_ref()).filter(|deal| deal["status"] == "success") {
        let number = |field: &str| deal[field].as_i64().unwrap_or_default();
        let moved = match deal["type"].as_str() {
            Some("save") => number("point"),
            Some("use") => -number("point"),
            Some("saveCancel") => -number("cancelledPoint"),
            Some("useCancel") => number("cancelledPoint"),
            other => panic!("a deal of type {other:?}: {deal}"),
        };
        *expected.get_mut(&number("memberId")).expect("a member") += moved;
    }
    for (member_id, expected) in expected {
        let account = Request::new(&client, "GET", &format!("/points/{member_id}")).send().must_be(200).json;
        let has = account["remainPoint"].as_i64().unwrap_or_default() - account["owed"].as_i64().unwrap_or_default();
        assert_eq!(has, expected, "member {member_id}: {account}");
    }
}
