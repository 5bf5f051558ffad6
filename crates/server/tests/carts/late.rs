//! Reservations whose cart comes late, or never: asked about, refused for ever, and their stock returned once.

use app::cart::{CartApi, Claim};

use crate::line::{Line, Lost};
use crate::senders::Sent;
use crate::support::{Engine, TestApp, eventually};
use crate::{all_over, id, left, listed, pieces, programme, put, register};

/// After this gifticon asks about a reservation.
const ASKED_AFTER_MS: i64 = 4_000;

/// What cart says of reservations.
fn claims(app: &TestApp, reservation_ids: &[i64]) -> Vec<Claim> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(app.app().purchases.carts.claims(reservation_ids.to_vec())).expect("cart answers")
}

#[test]
fn stock_whose_cart_never_came_is_free_again_on_sqlite() {
    stock_whose_cart_never_came_is_free_again(Engine::Sqlite);
}

#[test]
fn stock_whose_cart_never_came_is_free_again_on_postgres() {
    stock_whose_cart_never_came_is_free_again(Engine::Postgres);
}

fn stock_whose_cart_never_came_is_free_again(engine: Engine) {
    let line = Line::default();
    let app = line.open(engine, &[]);
    register(&app, 1, 10);
    line.lose(Lost::Answers);
    let (keyed, other) = (Sent::post("/carts", pieces(4)).key("k"), Sent::post("/carts", pieces(3)));
    for sent in [&keyed, &other, &keyed] {
        let answer = sent.to(app.address());
        answer.must_be_problem(503);
        assert_eq!(answer.code(), "gifticon.unavailable");
    }
    // The guard asks again what failed fast, but not what came without a key: that would keep twice as much.
    assert_eq!((left(&app), listed(&app)), (3, vec![]), "control: the pieces are away");
    line.lose(Lost::Nothing);
    // Before anyone asked, the repeat finds what was kept for it.
    keyed.to(app.address()).must_be(201);
    assert_eq!(left(&app), 3);
    app.clock.advance_ms(ASKED_AFTER_MS);
    eventually("what no cart came for is free again", || left(&app) == 6);
    all_over(&app);
    put(&app, 6).must_be(201);
    all_over(&app);
    assert_eq!(left(&app), 0);
}

#[test]
fn a_repeat_after_the_stock_returned_keeps_other_stock() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let line = Line::default();
        let mut app = line.open(engine, &[]);
        register(&app, 1, 10);
        line.lose(Lost::Answers);
        let sent = Sent::post("/carts", pieces(4)).key("k");
        assert_eq!(sent.to(app.address()).status, 503);
        app.clock.advance_ms(ASKED_AFTER_MS);
        eventually("its stock is free again", || left(&app) == 10);
        line.lose(Lost::Nothing);
        app.restart();
        let first = sent.to(app.address()).must_be(201);
        assert_eq!((left(&app), &sent.to(app.address()).must_be(201).json), (6, &first.json));
        // The first reservation stays refused, a later one is the cart's.
        let said: Vec<_> = claims(&app, &[1, 2, 3, 4, 5, 6]).iter().map(|claim| claim.cart_id).collect();
        assert_eq!((said[0], said.iter().flatten().collect::<Vec<_>>()), (None, vec![&id(&first)]));
        all_over(&app);
    }
}

#[test]
fn who_is_overtaken_tries_the_following_attempt_three_times_at_most() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let line = Line::default();
        let app = line.open(engine, &[]);
        register(&app, 1, 100);
        for key in [None, Some("k")] {
            let sent = Sent { key: key.map(str::to_owned), ..Sent::post("/carts", pieces(1)) };
            line.overtake(2);
            sent.to(app.address()).must_be(201);
        }
        line.overtake(3);
        let refused = put(&app, 1);
        refused.must_be_problem(503);
        assert_eq!(refused.code(), "cart.too_late");
        line.overtake(3);
        let sent = Sent::post("/carts", pieces(1)).key("over");
        for _ in 0..2 {
            let refused = sent.to(app.address());
            refused.must_be_problem(409);
            assert_eq!(refused.code(), "cart.key_is_over");
        }
        app.clock.advance_ms(ASKED_AFTER_MS);
        eventually("only what is in carts is away", || left(&app) == 98);
        all_over(&app);
        assert_eq!(listed(&app).len(), 2);
    }
}

#[test]
fn an_answer_about_a_reservation_is_given_for_ever() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut app = programme(engine, 10);
        put(&app, 1).must_be(201);
        // Many at once, in the order of the question, twice the same.
        let many: Vec<i64> = (1..=1_200).collect();
        let said = claims(&app, &many);
        assert_eq!(said.iter().map(|claim| claim.reservation_id).collect::<Vec<_>>(), many);
        assert_eq!(said.iter().filter_map(|claim| claim.cart_id).collect::<Vec<_>>(), [1]);
        app.delete("/carts/1");
        app.restart();
        assert_eq!(claims(&app, &many), said, "a cart that is removed had come");
        // Stock that is kept under a number that was refused becomes no cart; the next try takes another one.
        let answers: Vec<u16> = (0..3).map(|_| put(&app, 1).status).collect();
        assert_eq!(answers, [503, 503, 503], "each request takes three of them");
    }
}
