//! Many spend the last coins at the same time: one gets them. The controls take away what prevents the others.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use platform::db::Value;

use super::kit::{Move, Place, Purses, Shop};

const SPENDERS: usize = 20;

#[test]
fn the_last_coins_are_spent_once_on_sqlite() {
    spent_once(&Place::sqlite());
}

#[test]
fn the_last_coins_are_spent_once_on_postgres() {
    spent_once(&Place::postgres());
}

#[test]
fn the_last_coins_are_spent_once_on_mariadb() {
    spent_once(&Place::mariadb());
}

/// One batch and one thread per spender, so that batches of every size occur.
fn spent_once(place: &Place) {
    let shop = Arc::new(place.shop());
    shop.run(Move::of(1, 100)).expect("coins");
    let stepping = shop.funnel.spawn().expect("a thread");
    let spent = spend_together(SPENDERS, |_| spend(&shop, None));
    shop.funnel.shut_down();
    stepping.join().expect("the funnel ends");
    assert_eq!(spent, 1);
    assert_eq!(shop.balances(1), (0, 0));
}

#[test]
fn control_a_decision_on_a_stale_read_spends_them_many_times() {
    for place in Place::all() {
        let shop = Arc::new(place.shop());
        shop.run(Move::of(1, 100)).expect("coins");
        let stepping = shop.funnel.spawn().expect("a thread");
        let read = Arc::new(Barrier::new(SPENDERS));
        let spent = spend_together(SPENDERS, |_| {
            let (seen, _) = shop.balances(1);
            // Everyone has read before anyone writes: what a slow moment brings about sooner or later.
            read.wait();
            spend(&shop, Some(seen))
        });
        shop.funnel.shut_down();
        stepping.join().expect("the funnel ends");
        assert_eq!(spent, SPENDERS, "each was told that the coins are there");
        assert_eq!(shop.balances(1).0, 100 - 100 * 20);
    }
}

#[test]
fn several_processes_spend_the_last_coins_once() {
    let place = Place::postgres();
    place.shop().run(Move::of(1, 100)).expect("coins");
    let purses = || Purses { linger: Duration::from_millis(20), ..Purses::default() };
    let shops: Vec<Shop> = (0..4).map(|_| place.shop_with(purses(), true)).collect();
    let spent = spend_together(shops.len(), |spender| shops[spender].run(Move::of(1, -100)).is_ok());
    assert_eq!((spent, shops[0].balances(1)), (1, (0, 0)));
}

#[test]
fn control_processes_that_read_and_then_write_overwrite_each_other() {
    let place = Place::postgres();
    place.shop().run(Move::of(1, 100)).expect("coins");
    let shops: Vec<Shop> = (0..4).map(|_| place.shop()).collect();
    let read = Barrier::new(shops.len());
    let spent = spend_together(shops.len(), |spender| {
        let mut session = shops[spender].database.session().expect("a session");
        let seen = session.query("SELECT balance FROM purse WHERE id = 1", &[]).expect("a row")[0].int(0);
        read.wait();
        let number = i64::try_from(spender).expect("a small number");
        let movement = [Value::Int(1_000_000 + number)];
        session.execute("UPDATE purse SET balance = $1 WHERE id = 1", &[Value::Int(seen - 100)]).is_ok()
            && session.execute("INSERT INTO movement (position, purse, coins) VALUES ($1, 1, -100)", &movement).is_ok()
    });
    assert_eq!(spent, shops.len(), "each was told that the coins are there");
    assert_eq!(shops[0].balances(1), (0, -300), "and the balance does not even show it");
}

fn spend(shop: &Shop, seen: Option<i64>) -> bool {
    let command = Move { seen, ..Move::of(1, -100) };
    let answer = shop.funnel.submit(command, None).expect("there is room");
    answer.blocking_recv().expect("answered").is_ok()
}

/// Starts them all at once; how many succeeded.
fn spend_together(count: usize, spend: impl Fn(usize) -> bool + Sync) -> usize {
    let start = Barrier::new(count);
    std::thread::scope(|scope| {
        let (start, spend) = (&start, &spend);
        let run = |spender| {
            scope.spawn(move || {
                start.wait();
                spend(spender)
            })
        };
        let threads: Vec<_> = (0..count).map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).filter(|won| *won).count()
    })
}
