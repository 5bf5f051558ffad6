//! Kills while donations are made: what was answered is stored, what was half done is finished, and nothing is done
//! twice.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;

use super::kills::{must_verify, rebuild_agrees};
use super::process::{Serving, Store};
use crate::support::{Client, Engine, Request, within};

const DONORS: i64 = 12;
const ROUNDS: usize = 2;
const LOAD: Duration = Duration::from_millis(1_500);

#[test]
fn killed_servers_finish_the_donations_that_they_began_on_sqlite() {
    kill_and_finish(Engine::Sqlite);
}

#[test]
fn killed_servers_finish_the_donations_that_they_began_on_postgres() {
    kill_and_finish(Engine::Postgres);
}

/// Donations by key: the number that was answered, or nothing if there was no answer.
type Given = HashMap<String, Option<i64>>;

fn kill_and_finish(engine: Engine) {
    let store = Store::fresh(engine);
    let mut server = store.serve();
    prepare(&server);
    let mut given = Given::new();
    for round in 0..ROUNDS {
        let before = given.len();
        given.extend(give_until_killed(server, round));
        assert!(given.len() > before + 50, "round {round}: so little was given that little is shown");
        must_verify(&store);
        server = store.serve();
        let client = Client::new(server.address);
        within(Duration::from_secs(10), "every donation is decided", || waiting(&store) == 0);
        for (key, answered) in &mut given {
            let again = send(&client, key).expect("the server answers").must_be(201);
            assert_eq!(again.json["status"], "DONATED", "{}", again.text);
            let donation_id = again.json["donationId"].as_i64();
            assert!(answered.is_none() || *answered == donation_id, "{key} was {answered:?}: {}", again.text);
            *answered = donation_id;
        }
    }
    let count = given.len();
    rebuild_agrees(&store, server);
    assert_eq!(counted(&store, "donation", "SELECT count(*) FROM donation"), count, "one donation for each key");
    assert_eq!(counted(&store, "point", "SELECT count(*) FROM point_entry WHERE kind = 'DONATE'"), count);
    println!("{engine:?}: {count} donations, {ROUNDS} kills");
    must_verify(&store);
    damage_is_seen(&store);
}

fn prepare(server: &Serving) {
    let client = Client::new(server.address);
    for member_id in 1..=DONORS {
        let joined = json!({"memberId": member_id, "phoneNo": format!("010{member_id:08}")});
        Request::new(&client, "POST", "/members").json(&joined).send().must_be(201);
    }
    for member_id in 1..=DONORS {
        let path = format!("/points/{member_id}");
        within(Duration::from_secs(10), "the member can be given points", || {
            let more = json!({"requirePoint": 10_000_000});
            Request::new(&client, "PATCH", &path).json(&more).send().json["result"] == "APPLIED"
        });
    }
}

fn send(client: &Client, key: &str) -> std::io::Result<crate::support::Answer> {
    let member_id: i64 = key.split('-').next().and_then(|member| member.parse().ok()).expect("a member's number");
    let body = json!({"memberId": member_id, "amount": 10});
    Request::new(client, "POST", "/donations").key(key).json(&body).try_send()
}

/// Every donor gives as fast as it is answered, until the server is gone.
fn give_until_killed(server: Serving, round: usize) -> Given {
    let (given, address) = (Mutex::new(Given::new()), server.address);
    std::thread::scope(|scope| {
        for donor in 1..=DONORS {
            let given = &given;
            scope.spawn(move || {
                let (client, started) = (Client::new(address), Instant::now());
                for number in 0.. {
                    let key = format!("{donor}-{round}-{number}");
                    let answer = send(&client, &key);
                    let donation_id = answer.as_ref().ok().and_then(|answer| answer.json["donationId"].as_i64());
                    given.lock().expect("no donor panics").insert(key, donation_id);
                    if answer.is_err() || started.elapsed() > Duration::from_secs(20) {
                        break;
                    }
                }
            });
        }
        std::thread::sleep(LOAD);
        server.kill();
    });
    given.into_inner().expect("no donor panics")
}

fn counted(store: &Store, context: &str, sql: &str) -> usize {
    let rows = store.with(context, |session| session.query(sql, &[]));
    usize::try_from(rows[0].int(0)).expect("a count")
}

fn waiting(store: &Store) -> usize {
    counted(store, "donation", "SELECT count(*) FROM donation WHERE status = 'REQUESTED'")
}

/// The control: `verify` on copies in which something is another.
fn damage_is_seen(store: &Store) {
    let received = "what a cause received = sum of its donations";
    let in_ledger = "every donation has its entry in the ledger";
    let from_ledger = "every entry of a donation has its donation";
    for (sql, check) in [
        ("UPDATE cause SET received_point = received_point + 1 WHERE cause_id = 1", received),
        ("UPDATE donation SET amount = amount + 1 WHERE donation_id = 3", in_ledger),
        ("UPDATE donation SET member_id = member_id + 1 WHERE donation_id = 3", in_ledger),
        ("UPDATE donation SET status = 'REJECTED' WHERE donation_id = 3", from_ledger),
        ("DELETE FROM donation WHERE donation_id = 3", from_ledger),
    ] {
        let copy = store.copy();
        copy.with("donation", |session| session.execute(sql, &[]));
        let output = copy.run(&["verify"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{sql}: {said}");
        assert!(said.lines().any(|line| line == format!("WRONG  donation: {check}")), "{sql}: {said}");
    }
}
