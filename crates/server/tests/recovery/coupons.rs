//! Kills while members join: each has one coupon and one notice in the end, and member says so.

use std::process::Stdio;
use std::time::Duration;

use super::kills::{must_verify, prepare_members};
use super::process::Store;
use crate::support::Engine;

/// How long members join before the server is killed, in milliseconds.
const KILLED_AFTER_MS: [u64; 4] = [300, 450, 600, 900];
const MEMBERS: &str = "1500";

#[test]
fn members_who_join_under_kills_have_one_coupon_each_on_sqlite() {
    members_who_join_under_kills_have_one_coupon_each(Engine::Sqlite);
}

#[test]
fn members_who_join_under_kills_have_one_coupon_each_on_postgres() {
    members_who_join_under_kills_have_one_coupon_each(Engine::Postgres);
}

fn members_who_join_under_kills_have_one_coupon_each(engine: Engine) {
    let store = Store::fresh(engine);
    for after_ms in KILLED_AFTER_MS {
        let server = store.serve();
        let mut joining = prepare_members(&server, MEMBERS);
        let mut joining = joining.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program runs");
        std::thread::sleep(Duration::from_millis(after_ms));
        server.kill();
        // Nobody answers any more; the next round joins whoever is missing.
        joining.kill().expect("it runs");
        joining.wait().expect("it ends");
    }
    let server = store.serve();
    let output = prepare_members(&server, MEMBERS).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.kill();
    let count = |context: &str, sql: &str| store.with(context, |session| session.query(sql, &[]))[0].int(0).to_string();
    assert_eq!(
        count("member", "SELECT count(*) FROM member WHERE coupon_status = 'ISSUED' AND notified = 'Y'"),
        MEMBERS
    );
    assert_eq!(count("coupon", "SELECT count(*) FROM coupon WHERE campaign_id IS NULL"), MEMBERS);
    assert_eq!(count("coupon", "SELECT count(DISTINCT member_id) FROM coupon"), MEMBERS);
    assert_eq!(count("notification", "SELECT count(*) FROM notice WHERE status = 'SUCCESS'"), MEMBERS);
    assert_eq!(count("notification", "SELECT count(DISTINCT member_id) FROM notice"), MEMBERS);
    must_verify(&store);
}
