//! Keys older than the memory: they are found in the runs beside the store, by the same process and after a restart.

use platform::error::Result;

use super::kit::{Move, Place, Purses, Shop, stamp};

/// More than the memory holds (65,536) before it writes a run.
const KEYS: usize = 70_000;
const BATCH: usize = 512;

fn send(shop: &Shop, key: usize, coins: i64) -> Result<i64> {
    shop.batch([(Move::of(1, coins), stamp(&format!("key-{key}"), &coins.to_string()))]).remove(0)
}

fn fill(shop: &Shop) {
    for first in (0..KEYS).step_by(BATCH) {
        let keys = first..(first + BATCH).min(KEYS);
        let sent = keys.map(|key| (Move::of(1, 1), stamp(&format!("key-{key}"), "1")));
        assert!(shop.batch(sent).iter().all(Result::is_ok));
    }
}

/// The first key, one that is now in a run, the last of the run's size and the newest.
const LOOKED_AT: [usize; 5] = [0, 1, 30_000, 65_535, KEYS - 1];

fn all_recalled(shop: &Shop) {
    let count = i64::try_from(KEYS).expect("a small number");
    for key in LOOKED_AT {
        let balance = i64::try_from(key + 1).expect("a small number");
        assert_eq!(send(shop, key, 1).ok(), Some(balance), "key {key} has the answer of its first time");
        let reused = send(shop, key, 2).expect_err("another body");
        assert_eq!(reused.code, "idempotency.key_reused");
    }
    assert_eq!(shop.balances(1), (count, count), "nothing moved again");
}

#[test]
fn a_key_older_than_the_memory_is_recalled_before_and_after_a_restart() {
    let place = Place::sqlite();
    let shop = place.shop();
    fill(&shop);
    all_recalled(&shop);
    drop(shop);
    let runs = std::fs::read_dir(place.folder().join("purses.keys")).expect("the folder of the runs").count();
    assert!(runs > 0, "no run was written, so the test looked at the memory only");

    let again = place.shop();
    all_recalled(&again);
    drop(again);
    // The runs are a projection: without them the same is known.
    std::fs::remove_dir_all(place.folder().join("purses.keys")).expect("the runs can be removed");
    all_recalled(&place.shop());
}

#[test]
fn control_without_the_memory_an_old_key_moves_coins_again() {
    let place = Place::sqlite();
    let shop = place.shop_with(Purses::default(), false);
    assert_eq!(send(&shop, 0, 1).ok(), Some(1));
    assert_eq!(send(&shop, 0, 1).ok(), Some(2));
    assert_eq!(shop.balances(1), (2, 2));
}
