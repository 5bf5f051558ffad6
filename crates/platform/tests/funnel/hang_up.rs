//! A sender that goes away takes nothing with it. The control is the handler that everyone writes first: two writes
//! with a pause between them, in a future that its server drops when the client hangs up.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use platform::db::transaction;
use platform::error::Result;

use super::kit::{Move, Place, Shop};

const PURSE: i64 = 1;

#[test]
fn a_sender_that_hangs_up_leaves_a_whole_effect() {
    for place in Place::all() {
        let shop = place.shop();
        {
            // A sender waits with a time limit, so it needs a clock to wait by.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            let _entered = runtime.enter();
            let mut asking = pin!(shop.funnel.ask(Move::of(PURSE, 100), None));
            assert!(asking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        assert_eq!(shop.funnel.depth(), 1, "the command outlives its sender");
        shop.funnel.step();
        assert_eq!(shop.balances(PURSE), (100, 100));
        assert_eq!(shop.events(1).len(), 1);
    }
}

#[test]
fn a_sender_that_never_asked_leaves_nothing() {
    let place = Place::sqlite();
    let shop = place.shop();
    drop(shop.funnel.ask(Move::of(PURSE, 100), None));
    assert_eq!((shop.funnel.step(), shop.balances(PURSE)), (0, (0, 0)));
}

#[test]
fn control_a_dropped_handler_leaves_half_an_effect() {
    for place in Place::all() {
        let shop = Arc::new(place.shop());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let handling = runtime.block_on(async {
            let handler = naive_handler(Arc::clone(&shop));
            tokio::time::timeout(Duration::from_millis(700), handler).await
        });
        assert!(handling.is_err(), "the client was gone before the handler was done");
        assert_eq!(shop.balances(PURSE), (100, 0), "the balance moved, its movement is missing");
    }
}

/// The first write, a pause as any question to someone else is one, the second write.
async fn naive_handler(shop: Arc<Shop>) -> Result<()> {
    write(&shop, "INSERT INTO purse (id, balance, sequence) VALUES (1, 100, 1)").await?;
    tokio::time::sleep(Duration::from_secs(60)).await;
    write(&shop, "INSERT INTO movement (position, purse, coins) VALUES (1, 1, 100)").await
}

async fn write(shop: &Arc<Shop>, sql: &'static str) -> Result<()> {
    let shop = Arc::clone(shop);
    let writing = move || {
        let mut session = shop.database.session()?;
        transaction(&mut *session, |tx| tx.execute(sql, &[]).map(|_| ()))
    };
    tokio::task::spawn_blocking(writing).await.expect("no panic")
}
