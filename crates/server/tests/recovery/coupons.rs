//! Kills while people join and redeem: what was answered is stored, nobody has two coupons for joining, and no coupon is
//! redeemed twice.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::kills::must_verify;
use super::process::{Serving, Store};
use crate::support::{Answer, Client, Engine, Request, within};

const SENDERS: i64 = 8;
const ROUNDS: i64 = 2;
/// The server is killed when so many are redeemed,
const ENOUGH: usize = 40;
/// or when this has passed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks, so that those who look leave the server some time.
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[test]
fn killed_servers_keep_the_redemptions_that_they_answered_on_sqlite() {
    kill_and_look(Engine::Sqlite);
}

#[test]
fn killed_servers_keep_the_redemptions_that_they_answered_on_postgres() {
    kill_and_look(Engine::Postgres);
}

#[test]
fn killed_servers_keep_the_redemptions_that_they_answered_on_mariadb() {
    kill_and_look(Engine::Mixed);
}

/// Codes that were sent to be redeemed, by member: with the answer, if there was one.
type Sent = HashMap<i64, (String, Option<Value>)>;

fn kill_and_look(engine: Engine) {
    let store = Store::fresh(engine);
    let mut server = store.serve();
    let mut sent = Sent::new();
    for round in 0..ROUNDS {
        let before = sent.len();
        sent.extend(redeem_until_killed(server, round));
        assert!(sent.len() >= before + ENOUGH, "round {round}: so little was redeemed that little is shown");
        must_verify(&store);
        server = store.serve();
        let client = Client::new(server.address);
        for (member_id, (code, answered)) in &sent {
            if let Some(answered) = answered {
                let shown = Request::new(&client, "GET", &format!("/coupons/{}", answered["couponId"])).send();
                assert_eq!(shown.json["redeemedAt"], answered["redeemedAt"], "{member_id}: {}", shown.text);
            }
            // Sent again it is the redemption of before, or the first one if that was lost.
            let again = redeem(&client, *member_id, code).expect("the server answers").must_be(201);
            assert!(answered.as_ref().is_none_or(|answered| answered["redeemedAt"] == again.json["redeemedAt"]));
            let other = json!({"code": code});
            let twice = Request::new(&client, "POST", "/coupons/redemptions").json(&other).send().must_be(409);
            assert_eq!(twice.code(), "coupon.redeemed");
        }
        within(Duration::from_secs(20), "everybody who joined has a coupon", || {
            let members = counted(&store, "member", "SELECT count(*) FROM member");
            counted(&store, "coupon", "SELECT count(*) FROM coupon") == members
        });
        let most = "SELECT max(coupons) FROM (SELECT count(*) AS coupons FROM coupon GROUP BY member_id) AS of_each";
        assert_eq!(counted(&store, "coupon", most), 1, "one for each");
    }
    if let Some(databases) = store.mariadb() {
        let told = databases.run(&format!("SELECT count(*) FROM `{}`.event", databases.of("coupon")));
        assert!(told[0][0].parse::<usize>().is_ok_and(|told| told >= sent.len()), "coupon lies there: {told:?}");
    }
    println!("{engine:?}: {} redemptions, {ROUNDS} kills", sent.len());
    drop(server);
    must_verify(&store);
}

fn redeem(client: &Client, member_id: i64, code: &str) -> std::io::Result<Answer> {
    let body = json!({"code": code, "memberId": member_id});
    Request::new(client, "POST", "/coupons/redemptions").key(&format!("r{member_id}")).json(&body).try_send()
}

/// Everybody lets members join, waits for their coupons and redeems them, until the server is gone.
fn redeem_until_killed(server: Serving, round: i64) -> Sent {
    let (sent, address) = (Mutex::new(Sent::new()), server.address);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let sent = &sent;
            scope.spawn(move || {
                let client = Client::new(address);
                for number in 0.. {
                    let member_id = 1 + sender + SENDERS * (round * 100_000 + number);
                    let Some(code) = join(&client, member_id) else { break };
                    let answer = redeem(&client, member_id, &code);
                    let answered = answer.as_ref().ok().filter(|answer| answer.status == 201);
                    let answered = answered.map(|answer| answer.json.clone());
                    sent.lock().expect("no sender panics").insert(member_id, (code, answered));
                    if answer.is_err() {
                        break;
                    }
                }
            });
        }
        let started = Instant::now();
        while sent.lock().expect("no sender panics").len() < ENOUGH && started.elapsed() < PATIENCE {
            std::thread::sleep(LOOK_EVERY);
        }
        server.kill();
    });
    sent.into_inner().expect("no sender panics")
}

/// A member joins; the code of the coupon for joining, or nothing if the server is gone.
fn join(client: &Client, member_id: i64) -> Option<String> {
    let body = json!({"memberId": member_id, "phoneNo": format!("010{member_id:08}")});
    Request::new(client, "POST", "/members").json(&body).try_send().ok().filter(|answer| answer.status == 201)?;
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let list = Request::new(client, "GET", &format!("/coupons?memberId={member_id}")).try_send().ok()?;
        if let Some(code) = list.json["_embedded"]["coupons"][0]["code"].as_str() {
            return Some(code.to_owned());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    panic!("member {member_id} has no coupon");
}

fn counted(store: &Store, context: &str, sql: &str) -> usize {
    let rows = store.with(context, |session| session.query(sql, &[]));
    usize::try_from(rows[0].int(0)).expect("a count")
}
