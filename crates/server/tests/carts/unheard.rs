//! Gifticon is stopped or slow: carts are told so quickly, and it recovers by itself.

use std::time::Duration;

use crate::senders::{Sent, send_together};
use crate::support::{Engine, TestApp, eventually, promptly};
use crate::{all_over, left, listed, pieces, put, register};

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
