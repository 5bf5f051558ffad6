//! Calendar years in the programme's time zone, and expiry by itself.

use platform::clock::Clock;
use platform::zone::parse_instant;
use serde_json::{Value, json};

use crate::support::{Engine, Setup, TestApp, eventually};
use crate::{all_over, becomes, buy, paid, quantities, register, set_up, shown};

/// Milliseconds until an instant of a membership.
fn until(app: &TestApp, membership: &Value, name: &str) -> i64 {
    parse_instant(membership[name].as_str().expect("an instant")).expect("an instant") - app.clock.now_ms()
}

/// Whether the end is on record, not only shown.
fn is_noted(app: &TestApp, mem_id: i64) -> bool {
    let sql = "SELECT status FROM membership WHERE mem_id = $1";
    let rows = app.app().purchases.memberships.funnel.with_session(|tx| tx.query(sql, &[mem_id.into()]));
    rows.expect("memberships can be read")[0].text(0) == "EXPIRED"
}

#[test]
fn a_year_from_a_leap_day_ends_on_the_last_of_february() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = set_up(Setup::on(engine).starting_at("2024-02-29T23:30:00+09:00"));
        paid(&app, 1);
        let membership = shown(&app, 1);
        let at = |name: &str| membership[name].as_str().expect("an instant").to_owned();
        assert!(at("purchasedAt").starts_with("2024-02-29T23:3"), "{membership}");
        // The same time of day, to the millisecond.
        assert_eq!(at("expiresAt"), at("purchasedAt").replace("2024-02-29", "2025-02-28"));
        // In UTC it is still 28 February where the programme has 1 March.
        let utc = set_up(Setup::on(engine).starting_at("2024-02-29T23:30:00+09:00").with(&["timezone=UTC"]));
        paid(&utc, 1);
        let membership = shown(&utc, 1);
        assert!(membership["expiresAt"].as_str().is_some_and(|at| at.starts_with("2025-02-28T14:3")), "{membership}");
        all_over(&app);
    }
}

#[test]
fn what_is_over_expires_by_itself_and_is_shown_so_from_the_instant_on() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &[crate::PATIENT]);
        register(&app, json!({"months": 1, "salesLimit": 1}));
        paid(&app, 1);
        let membership = shown(&app, 1);
        app.stop("membership");
        app.clock.advance_ms(until(&app, &membership, "expiresAt") - 30_000);
        app.start("membership");
        assert_eq!(shown(&app, 1)["memStatus"], "USE", "control: half a minute before its end it is good");
        app.clock.advance_ms(30_000);
        assert_eq!(shown(&app, 1)["memStatus"], "EXPIRED");
        eventually("its end is on record", || is_noted(&app, 1));
        for refused in [app.delete("/memberships/1"), app.patch("/memberships/1", &json!({"memStatus": "CANC"}))] {
            refused.must_be_problem(409);
            assert_eq!(refused.code(), "membership.expired");
        }
        // It was sold, and stays so.
        assert_eq!((quantities(&app), buy(&app, 2).code()), ((1, 0), "product.sold_out"));
        all_over(&app);
    }
}

#[test]
fn what_is_not_paid_does_not_expire() {
    let app = crate::programme(Engine::Sqlite);
    app.stop("payment");
    buy(&app, 1).must_be(201);
    app.clock.advance_days(800);
    app.app().purchases.memberships.expire_due().expect("it walks");
    assert_eq!(shown(&app, 1)["memStatus"], "REQUESTED");
    assert_eq!(app.app().purchases.memberships.expire_due().expect("it walks"), 0);
    app.delete("/memberships/1").must_be(204);
    app.start("payment");
    becomes(&app, 1, "CANC");
    all_over(&app);
}
