//! Kills while members leave: whoever is under way is here with everything or gone with everything when it has ended,
//! and whoever was told something finds that.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::kills::must_verify;
use super::process::{Serving, Store};
use crate::support::{Client, Engine, Request, within};

/// Members of one round.
const MEMBERS: i64 = 96;
const SENDERS: i64 = 12;
/// The server is killed when so many were answered,
const ENOUGH: usize = 24;
/// or when this has passed. Everything else that is waited for comes within it too: on PostgreSQL the leases of a dead
/// process take 10 s to run out, and a driver's withdrawals are taken up after that.
const PATIENCE: Duration = Duration::from_secs(40);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A kill may meet nobody half way; so many are tried.
const TRIES: i64 = 5;
const WELCOME: i64 = 1_000;
/// A busy machine is to let people go all the same: the time limits have their own tests.
const PATIENT: [&str; 6] = [
    "--set",
    "questions.point.time_limit_ms=10000",
    "--set",
    "questions.coupon.time_limit_ms=10000",
    "--set",
    "breaker.min_calls=100000",
];

#[test]
fn killed_servers_let_members_go_with_everything_or_not_at_all_on_sqlite() {
    kill_and_end(Engine::Sqlite);
}

#[test]
fn killed_servers_let_members_go_with_everything_or_not_at_all_on_postgres() {
    kill_and_end(Engine::Postgres);
}

/// Who asked to leave, and what was answered, if anything was.
type Asked = BTreeMap<i64, Option<u16>>;

fn kill_and_end(engine: Engine) {
    let store = Store::fresh(engine);
    let mut server = serve(&store);
    let (mut met, mut kills) = (0, 0);
    while met == 0 && kills < TRIES {
        let first = 1 + kills * MEMBERS;
        kills += 1;
        prepare(&server, first);
        let asked = leave_until_killed(server, first);
        met += half_way(&store);
        must_verify(&store);
        server = serve(&store);
        everything_ends(&server, first, &asked);
    }
    println!("{engine:?}: {met} withdrawals under way at kill {kills}");
    assert!(met > 0, "no kill met a withdrawal half way");
    server.kill();
    must_verify(&store);
}

fn serve(store: &Store) -> Serving {
    Store::start(store.command(&[["serve", "--listen", "127.0.0.1:0"].as_slice(), &PATIENT].concat()))
}

/// The members from `first` on join, and have their points and coupons.
fn prepare(server: &Serving, first: i64) {
    let client = Client::new(server.address);
    for member_id in first..first + MEMBERS {
        let joined = json!({"memberId": member_id, "phoneNo": format!("010{member_id:08}")});
        Request::new(&client, "POST", "/members").json(&joined).send().must_be(201);
    }
    for member_id in first..first + MEMBERS {
        within(PATIENCE, "the member has everything", || {
            let has_page = get(&client, &format!("/mypages/{member_id}"))["memberStatus"] == "NORMAL";
            has_page && has_points(&client, member_id) && coupon_of(&client, member_id)["status"] == "ISSUED"
        });
    }
}

/// Everybody asks to leave, by several senders, until the server is gone.
fn leave_until_killed(server: Serving, first: i64) -> Asked {
    let (asked, address) = (Mutex::new(Asked::new()), server.address);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let asked = &asked;
            scope.spawn(move || {
                let client = Client::new(address);
                for number in (sender..MEMBERS).step_by(usize::try_from(SENDERS).expect("few senders")) {
                    let answered = leave(&client, first + number);
                    asked.lock().expect("no sender panics").insert(first + number, answered);
                    if answered.is_none() {
                        break;
                    }
                }
            });
        }
        let started = Instant::now();
        while asked.lock().expect("no sender panics").len() < ENOUGH && started.elapsed() < PATIENCE {
            std::thread::sleep(LOOK_EVERY);
        }
        server.kill();
    });
    let asked = asked.into_inner().expect("no sender panics");
    assert!(asked.values().any(|answered| *answered == Some(204)), "nobody was let go: {asked:?}");
    asked
}

fn leave(client: &Client, member_id: i64) -> Option<u16> {
    let request = Request::new(client, "DELETE", &format!("/members/{member_id}")).key(&format!("leave-{member_id}"));
    request.try_send().ok().map(|answer| answer.status)
}

/// Withdrawals that have begun and not ended.
fn half_way(store: &Store) -> i64 {
    let sql = "SELECT count(*) FROM withdrawal WHERE step IN ('PREPARING', 'WITHDRAWING')";
    store.with("member", |session| session.query(sql, &[]))[0].int(0)
}

/// What the dead server left ends by itself, each member in one of two ways.
fn everything_ends(server: &Serving, first: i64, asked: &Asked) {
    let client = Client::new(server.address);
    within(PATIENCE, "every withdrawal has ended", || {
        get(&client, "/withdrawals?unfinished=true")["_embedded"]["withdrawals"] == json!([])
    });
    for member_id in first..first + MEMBERS {
        // Whose request never reached the server, or was refused, is here; of a request without an answer it is open.
        let expected = match asked.get(&member_id) {
            Some(Some(202 | 204)) => Some(true),
            Some(Some(503)) | None => Some(false),
            Some(None) => None,
            Some(Some(other)) => panic!("member {member_id} was answered {other}"),
        };
        let is_gone = get(&client, &format!("/withdrawals/{member_id}"))["step"] == "DONE";
        assert!(expected.is_none_or(|expected| expected == is_gone), "{member_id}: {expected:?}, gone: {is_gone}");
        let wrong = || if is_gone { not_gone(&client, member_id) } else { not_here(&client, member_id) };
        let started = Instant::now();
        while let Some(wrong) = wrong() {
            assert!(started.elapsed() < PATIENCE, "member {member_id}: {wrong}");
            std::thread::sleep(LOOK_EVERY);
        }
        // Asked again, nobody is stuck.
        if expected.is_none() {
            within(PATIENCE, "the member can leave", || matches!(leave(&client, member_id), Some(202 | 204)));
            within(PATIENCE, "the member is gone", || not_gone(&client, member_id).is_none());
        }
    }
}

/// What is wrong with a member who is to be here with everything, and free to use it.
fn not_here(client: &Client, member_id: i64) -> Option<String> {
    let member = get(client, &format!("/members/{member_id}"));
    let coupon = coupon_of(client, member_id);
    if member["memberStatus"] != "NORMAL" || !has_points(client, member_id) || coupon["status"] != "ISSUED" {
        return Some(format!("not everything is here: {member}, {coupon}"));
    }
    for change in [-1, 1] {
        let body = json!({"requirePoint": change});
        let changed = Request::new(client, "PATCH", &format!("/points/{member_id}")).json(&body).send();
        if changed.json["result"] != "APPLIED" {
            return Some(format!("points cannot be used: {}", changed.text));
        }
    }
    None
}

/// What is wrong with a member who is to be gone with everything.
fn not_gone(client: &Client, member_id: i64) -> Option<String> {
    let withdrawal = get(client, &format!("/withdrawals/{member_id}"));
    let coupon = coupon_of(client, member_id);
    let done = withdrawal["step"] == "DONE"
        && withdrawal["forfeitedPoint"] == WELCOME
        && withdrawal["couponCancelled"] == "Y"
        && withdrawal["waitingFor"] == json!([]);
    let status = |kind: &str| Request::new(client, "GET", &format!("/{kind}/{member_id}")).send().status;
    let gone = ["members", "points", "mypages"].map(status) == [404; 3];
    let wrong = !(done && gone && coupon["status"] == "CANCELLED");
    wrong.then(|| format!("gone: {gone}, {withdrawal}, {coupon}"))
}

fn has_points(client: &Client, member_id: i64) -> bool {
    get(client, &format!("/points/{member_id}"))["remainPoint"] == WELCOME
}

/// The member's only coupon.
fn coupon_of(client: &Client, member_id: i64) -> Value {
    get(client, &format!("/coupons?memberId={member_id}"))["_embedded"]["coupons"][0].clone()
}

fn get(client: &Client, path: &str) -> Value {
    Request::new(client, "GET", path).send().json
}
