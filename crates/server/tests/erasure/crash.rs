//! The program is killed right after a withdrawal was answered.

use std::time::Duration;

use serde_json::json;

use super::process::Store;
use super::search::Needles;
use crate::support::{Client, Engine, Request, within};

#[test]
fn what_a_killed_program_left_is_wiped_by_the_next() {
    let store = Store::fresh(Engine::Sqlite);
    let serving = store.serve();
    let client = Client::new(serving.address);
    let body = json!({"memberId": 7, "phoneNo": "01074130871", "nickname": "Killed canary"});
    Request::new(&client, "POST", "/members").json(&body).send().must_be(201);
    within(Duration::from_secs(10), "the member has a page", || {
        Request::new(&client, "GET", "/mypages/7").send().json["memberStatus"] == "NORMAL"
    });
    let sealed_in = |context: &str, table: &str| {
        let sql = format!("SELECT contacts FROM {table} WHERE member_id = 7");
        store.with(context, |tx| tx.query(&sql, &[]))[0].blob(0).expect("contacts").to_vec()
    };
    let sealed = Needles::new([sealed_in("member", "member"), sealed_in("mypage", "page")]);
    assert_eq!(sealed.found_below(store.folder()).len(), 2, "control");
    Request::new(&client, "DELETE", "/members/7").send().must_be(204);
    serving.kill();
    println!("{} of 2 are there after the kill", sealed.found_below(store.folder()).len());
    let _serving = store.serve();
    let took = within(Duration::from_secs(60), "nothing is left", || {
        std::thread::sleep(Duration::from_millis(100));
        sealed.found_below(store.folder()).is_empty()
    });
    println!("gone {took:?} after the next start");
}
