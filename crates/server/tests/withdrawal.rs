//! Leaving the programme: within its time whatever point does, and as if nothing had been when it cannot be done.
//! What else has to be measured on an idle machine is here too.

mod support;

#[path = "withdrawal/breaker.rs"]
mod breaker;
#[path = "withdrawal/coupon.rs"]
mod coupon;
#[path = "withdrawal/deferred.rs"]
mod deferred;
#[path = "withdrawal/farming.rs"]
mod farming;
#[path = "withdrawal/fresh_page.rs"]
mod fresh_page;
#[path = "withdrawal/repeated.rs"]
mod repeated;
#[path = "withdrawal/slow_point.rs"]
mod slow_point;
#[path = "withdrawal/unknown.rs"]
mod unknown;
#[path = "withdrawal/welcome.rs"]
mod welcome;
#[path = "withdrawal/wire.rs"]
mod wire;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use support::{Answer, TestApp, promptly};

/// Tests that measure have the machine to themselves; the others run side by side.
static MACHINE: RwLock<()> = RwLock::new(());

/// Held by a test that measures.
fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// Held by a test that does not.
fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// What every member of these tests has.
const BALANCE: i64 = 1_000;

/// Members 1 to `count`, NORMAL and welcomed.
fn join_many(app: &TestApp, count: i64) {
    for member_id in 1..=count {
        app.join(member_id, &format!("0101{member_id:07}"));
    }
    app.settle();
    for member_id in 1..=count {
        assert_eq!(app.points_of(member_id), Some(BALANCE), "member {member_id} is welcomed");
    }
}

/// A refused withdrawal says when to come back and leaves the member as before: NORMAL, with the whole balance, which
/// can be changed again. How long that took after the answer.
fn must_be_undone(app: &TestApp, member_id: i64, refused: &Answer) -> std::time::Duration {
    refused.must_be_problem(503);
    let took = promptly("the refused withdrawal is undone", || {
        let withdrawal = app.get(&format!("/withdrawals/{member_id}"));
        // An open breaker refuses before anything is begun, so there may be nothing to undo.
        let nothing_under_way = withdrawal.status == 404 || withdrawal.json["step"] == "RELEASED";
        nothing_under_way && app.change_points(member_id, 1).json["result"] == "APPLIED"
    });
    let member = app.get(&format!("/members/{member_id}"));
    assert_eq!(member.json["memberStatus"], "NORMAL", "{}", member.text);
    assert_eq!(app.points_of(member_id), Some(BALANCE + 1));
    app.change_points(member_id, -1).must_be(200);
    assert_eq!(app.points_of(member_id), Some(BALANCE));
    took
}
