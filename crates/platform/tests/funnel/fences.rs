//! What a job writes stands under its lease: once the lease has passed on, the old holder's commands are refused in
//! the transaction that would carry them out. The control turns the check off, and the stale write gets through.

use platform::error::{ErrorKind, Result};
use platform::lease::{self, Fence, LEASE_MS};

use super::kit::{Move, Place, Purses, Shop};

const JOB: &str = "coin-counter";

fn fence(number: i64) -> Fence {
    Fence { lease: JOB, number }
}

fn hold(shop: &Shop, holder: &str, now_ms: i64) -> Option<i64> {
    shop.funnel.with_session(|tx| lease::hold(tx, JOB, holder, now_ms)).expect("the store answers")
}

/// Puts a coin into a purse under this fence.
fn work(shop: &Shop, purse: i64, number: i64) -> Result<i64> {
    let mut answer = shop.funnel.submit_under(fence(number), Move::of(purse, 1)).expect("there is room");
    shop.funnel.step();
    answer.try_recv().expect("answered after the commit")
}

#[test]
fn a_holder_whose_lease_has_passed_on_writes_nothing() {
    for fresh in Place::shared() {
        let place = fresh();
        let (first, second) = (place.shop(), place.shop());
        assert_eq!(hold(&first, "first", 0), Some(1));
        assert_eq!(work(&first, 1, 1).expect("it is the holder"), 1);
        // Late, but nobody has taken it over: no harm can come of it.
        assert_eq!(work(&first, 1, 1).expect("it still is"), 2);
        assert_eq!(hold(&second, "second", LEASE_MS + 1), Some(2));
        let stale = work(&first, 1, 1).expect_err("the lease has passed on");
        assert_eq!((stale.kind, stale.code.as_ref()), (ErrorKind::Unavailable, "lease.lost"));
        assert_eq!(work(&second, 1, 2).expect("it is the holder now"), 3);
        assert_eq!(first.balances(1), (3, 3));
        assert_eq!(first.events(3).len(), 3, "neither is there an event of what was refused");
        // The lease comes back under a new number; what was begun under the old one stays refused.
        assert_eq!(hold(&first, "first", 2 * LEASE_MS + 2), Some(3));
        assert!(work(&first, 1, 1).is_err());
        assert_eq!(work(&first, 1, 3).expect("a new number"), 4);
    }
}

#[test]
fn control_without_the_check_the_stale_write_gets_through() {
    for fresh in Place::shared() {
        let place = fresh();
        let (first, second) =
            (place.shop_with(Purses { checks_fences: false, ..Purses::default() }, true), place.shop());
        assert_eq!(hold(&first, "first", 0), Some(1));
        assert_eq!(hold(&second, "second", LEASE_MS + 1), Some(2));
        assert_eq!(work(&first, 1, 1).expect("nobody looks"), 1);
        assert_eq!(first.balances(1), (1, 1));
    }
}

#[test]
fn a_refused_command_takes_no_neighbour_with_it() {
    for fresh in Place::shared() {
        let place = fresh();
        let (first, second) = (place.shop(), place.shop());
        assert_eq!(hold(&first, "first", 0), Some(1));
        assert_eq!(hold(&second, "second", LEASE_MS + 1), Some(2));
        let mut before = first.funnel.submit(Move::of(1, 10), None).expect("there is room");
        let mut stale = first.funnel.submit_under(fence(1), Move::of(1, 100)).expect("there is room");
        let mut after = first.funnel.submit(Move::of(1, 1), None).expect("there is room");
        assert_eq!(first.funnel.step(), 3, "one batch");
        assert_eq!(before.try_recv().expect("an answer").expect("it is carried out"), 10);
        assert_eq!(stale.try_recv().expect("an answer").expect_err("it is refused").code, "lease.lost");
        assert_eq!(after.try_recv().expect("an answer").expect("it is carried out"), 11);
        assert_eq!(first.balances(1), (11, 11));
    }
}

#[test]
fn an_embedded_store_has_one_process_and_nothing_to_check() {
    let shop = Place::sqlite().shop();
    assert_eq!(hold(&shop, "a", 0), Some(1));
    assert_eq!(work(&shop, 1, 1).expect("it is the only one"), 1);
}
