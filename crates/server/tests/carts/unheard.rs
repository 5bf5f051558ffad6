//! Gifticon is stopped or slow: carts are told so quickly, and it recovers by itself.

use std::time::Duration;

use crate::senders::{Sent, send_together};
use crate::support::{Engine, TestApp, eventually, promptly};
use crate::{all_over, id, left, listed, paid, pieces, programme, put, register};

/// What each of these is about is the limit of 250 ms; the rest is for a busy machine.
const QUICK: Duration = Duration::from_millis(800);

fn refused_quickly(app: &TestApp) {
    let answer = put(app, 1);
    answer.must_be_problem(503);
    assert_eq!(answer.code(), "gifticon.unavailable");
    assert!(answer.took < QUICK, "{:?}", answer.took);
}

fn breaker(app: &TestApp) -> &'static str {
    app.app().purchases.carts.gifticon_guard().breaker().state().name()
}

#[test]
fn while_gifticon_is_stopped_carts_are_refused_at_once_and_it_recovers_by_itself() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &["questions.gifticon.time_limit_ms=10000", "breaker.open_ms=300"]);
        register(&app, 1, 100);
        put(&app, 1).must_be(201);
        all_over(&app);
        app.stop("gifticon");
        for _ in 0..6 {
            refused_quickly(&app);
        }
        assert_eq!(breaker(&app), "OPEN");
        // What was put in before can still be looked at.
        assert_eq!(listed(&app), [1]);
        app.start("gifticon");
        eventually("carts are taken again", || put(&app, 1).status == 201);
        assert_eq!(breaker(&app), "CLOSED");
        all_over(&app);
        assert_eq!((left(&app), listed(&app).len()), (98, 2));
    }
}

#[test]
fn while_gifticon_is_slow_the_breaker_opens_and_no_stock_leaks() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &["breaker.open_ms=300"]);
        register(&app, 1, 100);
        app.app().purchases.gifticon_delay.set(Some((450, 680)));
        let sent: Vec<_> = (0..20).map(|_| (app.address(), Sent::post("/carts", pieces(1)))).collect();
        for answer in send_together(&sent) {
            answer.must_be_problem(503);
            assert!(answer.took < QUICK, "{:?}", answer.took);
        }
        assert_eq!(breaker(&app), "OPEN");
        let open = put(&app, 1);
        assert_eq!(open.status, 503);
        assert!(open.took < Duration::from_millis(200), "gifticon is not even asked: {:?}", open.took);
        app.app().purchases.gifticon_delay.set(None);
        promptly("carts are taken again", || put(&app, 1).status == 201);
        app.clock.advance_ms(5_000);
        eventually("nothing but the cart's piece is away", || left(&app) == 99);
        all_over(&app);
        assert_eq!(listed(&app).len(), 1);
    }
}

#[test]
fn while_cart_is_stopped_no_stock_is_taken() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, 100);
        app.stop("cart");
        let sent: Vec<_> = (0..100)
            .map(|number| {
                let cart = Sent::post("/carts", pieces(1));
                (app.address(), if number % 2 == 0 { cart } else { cart.key(&format!("k{number}")) })
            })
            .collect();
        for answer in send_together(&sent) {
            answer.must_be_problem(503);
            assert_eq!(answer.code(), "cart.stopped");
        }
        assert_eq!(left(&app), 100, "nothing could bring it back");
        app.start("cart");
        put(&app, 1).must_be(201);
        all_over(&app);
        assert_eq!(left(&app), 99);
    }
}

#[test]
fn while_carts_cannot_be_stored_little_stock_is_taken_and_it_recovers_by_itself() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, 1_000);
        let rename = |sql: &str| {
            let renamed = app.app().purchases.carts.funnel.with_session(|tx| tx.execute(sql, &[]));
            renamed.expect("a table is renamed");
        };
        rename("ALTER TABLE cart RENAME TO cart_away");
        let mut codes: Vec<_> =
            (0..100).map(|_| put(&app, 1)).map(|answer| (answer.status, answer.code().to_owned())).collect();
        assert!(codes.iter().all(|(status, _)| *status >= 500), "{codes:?}");
        codes.retain(|(_, code)| code == "cart.not_storing");
        let tried = 100 - i64::try_from(codes.len()).expect("a hundred");
        // One finds out in each second, and sending them takes some.
        assert!((1..50).contains(&tried), "{tried}");
        assert_eq!(left(&app), 1_000 - tried);
        rename("ALTER TABLE cart_away RENAME TO cart");
        eventually("carts are taken again", || put(&app, 1).status == 201);
        app.clock.advance_ms(5_000);
        eventually("what no cart came for is free again", || left(&app) == 999);
        all_over(&app);
    }
}

#[test]
fn removals_that_gifticon_does_not_hear_of_do_not_close_the_shop() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &["questions.gifticon.time_limit_ms=10000", "breaker.open_ms=600000"]);
        register(&app, 1, 100);
        let cart_id = paid(&app, 1);
        app.stop("gifticon");
        for _ in 0..12 {
            app.delete(&format!("/carts/{cart_id}")).must_be_problem(503);
        }
        let carts = &app.app().purchases.carts;
        assert_eq!(carts.removal_guard().breaker().state().name(), "OPEN", "control");
        app.start("gifticon");
        assert_eq!((breaker(&app), id(&put(&app, 1).must_be(201))), ("CLOSED", 2));
    }
}
