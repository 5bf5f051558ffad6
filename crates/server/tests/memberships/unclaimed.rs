//! Units whose membership comes late, or never: asked about, refused for ever, and returned once.

use app::membership::{Claim, MembershipApi};
use serde_json::json;

use crate::line::{Line, Lost};
use crate::senders::Sent;
use crate::support::{Engine, TestApp, eventually};
use crate::{all_over, becomes, buy, count, id, quantities, register, shown};

/// After this product asks about a unit.
const ASKED_AFTER_MS: i64 = 4_000;

/// What membership says of units.
fn claims(app: &TestApp, unit_ids: &[i64]) -> Vec<Claim> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(app.app().purchases.memberships.claims(unit_ids.to_vec())).expect("membership answers")
}

fn keyed() -> Sent {
    Sent::post("/memberships", json!({"productId": 1, "customerId": 1})).key("k")
}

#[test]
fn a_unit_whose_membership_never_came_is_free_again_on_sqlite() {
    a_unit_whose_membership_never_came_is_free_again(Engine::Sqlite);
}

#[test]
fn a_unit_whose_membership_never_came_is_free_again_on_postgres() {
    a_unit_whose_membership_never_came_is_free_again(Engine::Postgres);
}

fn a_unit_whose_membership_never_came_is_free_again(engine: Engine) {
    let line = Line::default();
    let mut app = line.open(engine);
    line.lose(Lost::Questions);
    keyed().to(app.address()).must_be_problem(503);
    assert_eq!(quantities(&app), (0, 0));
    line.lose(Lost::Answers);
    for _ in 0..3 {
        keyed().to(app.address()).must_be_problem(503);
    }
    assert_eq!((quantities(&app), count(&app)), ((0, 1), 0), "control: one unit is away, and only one");
    line.lose(Lost::Nothing);
    assert_eq!(buy(&app, 2).code(), "product.sold_out");
    // While membership cannot be asked, the unit stays away.
    app.stop("membership");
    app.clock.advance_ms(ASKED_AFTER_MS);
    assert_eq!(app.app().purchases.unit_sweep.step().expect("it sweeps"), 0);
    assert_eq!(quantities(&app), (0, 1));
    app.start("membership");
    eventually("it is free again", || quantities(&app) == (0, 0));
    all_over(&app);
    app.restart();
    // The repeat of a request whose unit was given up keeps another one.
    let first = keyed().to(app.address()).must_be(201);
    assert_eq!(keyed().to(app.address()).must_be(201).json["memId"], first.json["memId"]);
    becomes(&app, id(&first), "USE");
    assert_eq!(quantities(&app), (1, 0));
    let sql = "SELECT unit_id FROM membership";
    let rows = app.app().purchases.memberships.funnel.with_session(|tx| tx.query(sql, &[]));
    let second = rows.expect("memberships can be read")[0].int(0);
    let said: Vec<_> = claims(&app, &[1, second, 1]).iter().map(|claim| claim.mem_id).collect();
    assert_eq!(said, [None, Some(id(&first)), None]);
    all_over(&app);
}

#[test]
fn a_repeat_in_time_takes_the_unit_that_was_kept_for_it() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let line = Line::default();
        let app = line.open(engine);
        line.lose(Lost::Answers);
        keyed().to(app.address()).must_be_problem(503);
        line.lose(Lost::Nothing);
        let mem_id = id(&keyed().to(app.address()).must_be(201));
        becomes(&app, mem_id, "USE");
        assert_eq!(claims(&app, &[1])[0].mem_id, Some(mem_id));
        all_over(&app);
    }
}

#[test]
fn who_is_overtaken_keeps_another_unit() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let line = Line::default();
        let app = line.open(engine);
        app.patch("/products/1", &json!({"salesLimit": 20})).must_be(200);
        line.overtake(2);
        becomes(&app, id(&keyed().to(app.address()).must_be(201)), "USE");
        // Not for ever: then another key is needed.
        line.overtake(7);
        let other = Sent::post("/memberships", json!({"productId": 1})).key("other").to(app.address());
        becomes(&app, id(&other.must_be(201)), "USE");
        line.overtake(8);
        let over = Sent::post("/memberships", json!({"productId": 1})).key("over");
        for _ in 0..2 {
            let answer = over.to(app.address());
            answer.must_be_problem(409);
            assert_eq!(answer.code(), "membership.key_is_over");
        }
        assert_eq!(count(&app), 2);
        app.clock.advance_ms(ASKED_AFTER_MS);
        eventually("all that was given up is free again", || quantities(&app) == (2, 0));
        all_over(&app);
    }
}

#[test]
fn a_unit_whose_payment_takes_long_is_asked_about_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &[crate::PATIENT]);
        register(&app, json!({"salesLimit": 1}));
        app.stop("payment");
        buy(&app, 1).must_be(201);
        app.clock.advance_ms(ASKED_AFTER_MS);
        let open = "SELECT count(*) FROM product_unit WHERE look_at IS NOT NULL";
        let product = &app.app().purchases.products.funnel;
        let waiting = || product.with_session(|tx| tx.query(open, &[])).expect("units can be read")[0].int(0);
        eventually("it is not looked at any more", || waiting() == 0);
        assert_eq!((quantities(&app), shown(&app, 1)["memStatus"].clone()), ((0, 1), json!("REQUESTED")));
        app.start("payment");
        becomes(&app, 1, "USE");
        assert_eq!(quantities(&app), (1, 0));
        all_over(&app);
    }
}
