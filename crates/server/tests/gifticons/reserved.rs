//! Pieces are kept for carts: never more than there are, however many ask, and once for each attempt.

use std::sync::Barrier;
use std::time::Duration;

use app::gifticon::{GifticonApi, ReserveStock};
use domain::gifticon::StockRefusal;
use platform::error::ErrorKind;
use platform::funnel::KeyStamp;
use serde_json::json;
use server::assembly::Options;
use server::config::Settings;
use server::serve::Running;

use crate::ENGINES;
use crate::kit::{ask, figures, gifticons, keep, number, pieces, register, runtime, shop};
use crate::support::Engine;

const BUYERS: usize = 64;

fn attempt(name: &str) -> KeyStamp {
    KeyStamp::new("cart", "POST", "/carts", name, b"{}")
}

/// Buyers ask for pieces, each of as many as it wants, all at the same moment; what they got.
fn rush<Api: GifticonApi + ?Sized>(apis: &[&Api], quantity: i64) -> Vec<Result<i64, StockRefusal>> {
    let start = Barrier::new(BUYERS);
    std::thread::scope(|scope| {
        let start = &start;
        let buy = |buyer: usize| {
            let api = apis[buyer % apis.len()];
            scope.spawn(move || {
                let runtime = runtime();
                start.wait();
                let answer = runtime.block_on(api.reserve(pieces(quantity))).expect("it answers");
                answer.map(|kept| kept.reservation_id)
            })
        };
        let buyers: Vec<_> = (0..BUYERS).map(buy).collect();
        buyers.into_iter().map(|buyer| buyer.join().expect("a buyer")).collect()
    })
}

#[test]
fn of_64_buyers_as_many_get_pieces_as_there_are() {
    for engine in ENGINES {
        let app = shop(engine, 100);
        let got = rush(&[gifticons(&app)], 3);
        let mut kept: Vec<i64> = got.iter().filter_map(|answer| answer.ok()).collect();
        assert_eq!(kept.len(), 33, "{got:?}");
        assert!(got.iter().all(|answer| !matches!(answer, Err(refusal) if *refusal != StockRefusal::OutOfStock)));
        kept.sort_unstable();
        kept.dedup();
        assert_eq!(kept.len(), 33, "each has a number of its own");
        assert_eq!(figures(&app, 1), [1, 99, 0, 100]);
        app.verify_gifticons();
    }
}

#[test]
fn of_64_buyers_at_two_servers_as_many_get_pieces_as_there_are() {
    let app = shop(Engine::Postgres, 100);
    let mut sets = app.store_settings();
    sets.push("listen=127.0.0.1:0".to_owned());
    let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
    let runtime = server::serve::runtime(&settings).expect("a runtime");
    let options = Options { clock: Some(std::sync::Arc::clone(&app.clock) as _), ..Options::default() };
    let second = Running::start(&settings, options, &runtime).expect("the second server starts");
    let both = [gifticons(&app), &*second.app.purchases.gifticons];
    let got = rush(&both, 2);
    assert_eq!(got.iter().filter(|answer| answer.is_ok()).count(), 50, "{got:?}");
    assert_eq!(figures(&app, 1), [0, 100, 0, 100]);
    // What one of them believes to be sold out the other may have filled up: it is not believed for long.
    app.patch("/gifticons/1", &json!({"availableQuantity": 1})).must_be(200);
    crate::support::within(Duration::from_secs(2), "the other server sells it", || {
        rush(&[&*second.app.purchases.gifticons], 1).iter().any(Result::is_ok)
    });
    assert_eq!(figures(&app, 1), [0, 101, 0, 101]);
    second.stop(&runtime, Duration::ZERO);
    app.verify_gifticons();
}

/// The control: whoever looks first and writes what follows from it afterwards sells what is not there.
#[test]
fn control_without_turns_more_is_sold_than_there_is() {
    for engine in ENGINES {
        let app = shop(engine, 3);
        let start = Barrier::new(8);
        let sold = std::thread::scope(|scope| {
            let buy = || {
                start.wait();
                let funnel = &gifticons(&app).funnel;
                let look = "SELECT free FROM gifticon WHERE gifticon_id = 1";
                let free = funnel.with_session(|tx| tx.query(look, &[])).expect("it can be read")[0].int(0);
                // What it takes to decide.
                std::thread::sleep(Duration::from_millis(20));
                let take = "UPDATE gifticon SET free = $1, reserved = reserved + 2 WHERE gifticon_id = 1";
                let write = |tx: &mut dyn platform::db::Session| tx.execute(take, &[(free - 2).into()]);
                free >= 2 && funnel.with_session(write).expect("it can be written") == 1
            };
            let buyers: Vec<_> = (0..8).map(|_| scope.spawn(buy)).collect();
            buyers.into_iter().map(|buyer| buyer.join().expect("a buyer")).filter(|did| *did).count()
        });
        assert!(sold > 1, "{sold} bought two of three");
        assert!(!crate::verified::found(&app).is_empty(), "verify sees it");
    }
}

#[test]
fn what_is_not_there_or_not_sold_is_refused_and_changes_nothing() {
    for engine in ENGINES {
        let app = shop(engine, 10);
        register(&app, 2, 10).must_be(201);
        app.patch("/gifticons/2", &json!({"onSale": false})).must_be(200);
        let shown = || (figures(&app, 1), figures(&app, 2), number(&app, "SELECT count(*) FROM event"));
        let before = shown();
        let of = |gifticon_id, quantity| ask(&app, ReserveStock { attempt: None, gifticon_id, quantity });
        // Asked twice: whoever comes again is told from memory.
        for _ in 0..2 {
            assert_eq!(of(1, 11).expect("it answers"), Err(StockRefusal::OutOfStock));
            assert_eq!(of(2, 1).expect("it answers"), Err(StockRefusal::NotOnSale));
            assert_eq!(of(3, 1).expect("it answers"), Err(StockRefusal::Unknown));
        }
        for quantity in [0, -1, i64::MIN, 1_001, 1_000_000_000_000, i64::MAX] {
            let error = of(1, quantity).expect_err("no cart has so many");
            assert_eq!((error.kind, error.pointer.as_deref()), (ErrorKind::Invalid, Some("/quantity")), "{quantity}");
        }
        assert_eq!(shown(), before);
        keep(&app, 10);
        assert_eq!(of(1, 1).expect("it answers"), Err(StockRefusal::OutOfStock));
        // What the MD adds is there at once.
        app.patch("/gifticons/1", &json!({"availableQuantity": 1})).must_be(200);
        keep(&app, 1);
        app.stop("gifticon");
        assert_eq!(of(1, 1).expect_err("it is stopped").code, "gifticon.stopped");
        app.start("gifticon");
        app.verify();
    }
}

#[test]
fn an_attempt_keeps_pieces_once_and_a_refusal_stays_one() {
    for engine in ENGINES {
        let mut app = shop(engine, 10);
        let question = |name: &str, quantity| ReserveStock { attempt: Some(attempt(name)), ..pieces(quantity) };
        let first = ask(&app, question("a", 4)).expect("it answers").expect("there are so many");
        assert_eq!(first.unit_price_won, 5_000);
        assert_eq!(ask(&app, question("b", 7)).expect("it answers"), Err(StockRefusal::OutOfStock));
        app.patch("/gifticons/1", &json!({"availableQuantity": 50, "price": 9_000})).must_be(200);
        let same_moment = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| ask(&app, question("c", 2)))).collect();
            asked.into_iter().map(|one| one.join().expect("an answer").expect("it answers")).collect::<Vec<_>>()
        });
        assert!(same_moment.iter().all(|answer| *answer == same_moment[0] && answer.is_ok()), "{same_moment:?}");
        // So that nobody is asked about what was kept while the server starts.
        app.clock.advance_ms(-600_000);
        app.restart();
        app.stop("cart");
        assert_eq!(ask(&app, question("a", 4)).expect("it answers"), Ok(first), "price and number as they were");
        assert_eq!(ask(&app, question("b", 7)).expect("it answers"), Err(StockRefusal::OutOfStock), "it stays refused");
        assert!(
            ask(&app, question("d", 7)).expect("it answers").is_ok(),
            "control: another attempt is another question"
        );
        assert_eq!(number(&app, "SELECT count(*) FROM reservation"), 3);
        assert_eq!(figures(&app, 1), [41, 13, 0, 54]);
        app.verify_gifticons();
    }
}
