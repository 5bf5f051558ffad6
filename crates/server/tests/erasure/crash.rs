//! The program is killed right after a withdrawal was answered.

use std::time::Duration;

use serde_json::json;

use super::process::Store;
use super::search::Needles;
use crate::support::{Client, Engine, Request, within};

/// What is wiped before the program dies shows nothing; so many members are tried.
const TRIES: i64 = 5;

#[test]
fn what_a_killed_program_left_is_wiped_by_the_next() {
    let store = Store::fresh(Engine::Sqlite);
    let mut all = Vec::new();
    let found = (1..=TRIES).find_map(|member_id| {
        let sealed = leave_and_kill(&store, member_id);
        let found = Needles::new(sealed.clone()).found_below(store.folder()).len();
        all.extend(sealed);
        (found > 0).then_some(found)
    });
    let found = found.expect("something is there after a kill");
    println!("{found} of 2 are there after kill {}", all.len() / 2);
    let sealed = Needles::new(all);
    let _serving = store.serve();
    let took = within(Duration::from_secs(60), "nothing is left", || {
        std::thread::sleep(Duration::from_millis(100));
        sealed.found_below(store.folder()).is_empty()
    });
    println!("gone {took:?} after the next start");
}

/// A member joins and leaves, and the program is killed at the answer; what was stored of the member, sealed.
fn leave_and_kill(store: &Store, member_id: i64) -> [Vec<u8>; 2] {
    let serving = store.serve();
    let client = Client::new(serving.address);
    let body = json!({"memberId": member_id, "phoneNo": format!("0107413087{member_id}"), "nickname": "Killed canary"});
    Request::new(&client, "POST", "/members").json(&body).send().must_be(201);
    within(Duration::from_secs(10), "the member has a page", || {
        Request::new(&client, "GET", &format!("/mypages/{member_id}")).send().json["memberStatus"] == "NORMAL"
    });
    let sealed_in = |context: &str, table: &str| {
        let sql = format!("SELECT contacts FROM {table} WHERE member_id = {member_id}");
        store.with(context, |tx| tx.query(&sql, &[]))[0].blob(0).expect("contacts").to_vec()
    };
    let sealed = [sealed_in("member", "member"), sealed_in("mypage", "page")];
    assert_eq!(Needles::new(sealed.clone()).found_below(store.folder()).len(), 2, "control");
    leave(&client, member_id);
    serving.kill();
    sealed
}

/// Asks until the member may go: whoever has just joined may have no wallet yet, and then nobody lets them go.
fn leave(client: &Client, member_id: i64) {
    within(Duration::from_secs(30), "the member may leave", || {
        let request =
            Request::new(client, "DELETE", &format!("/members/{member_id}")).key(&format!("leave-{member_id}"));
        matches!(request.send().status, 202 | 204)
    });
}
