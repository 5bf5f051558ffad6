//! A dashboard that is rebuilt from the logs is the one that was built while everything happened.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::{Engine, TestApp};
use crate::{MONTH, open, post_deal, rows, summary};

const MEMBERS: i64 = 24;
const MERCHANTS: i64 = 5;
/// Requests of each of the four senders.
const ROUNDS: i64 = 60;

#[test]
fn a_rebuilt_dashboard_has_the_same_digest_on_sqlite() {
    a_rebuilt_dashboard_has_the_same_digest(Engine::Sqlite);
}

#[test]
fn a_rebuilt_dashboard_has_the_same_digest_on_postgres() {
    a_rebuilt_dashboard_has_the_same_digest(Engine::Postgres);
}

fn a_rebuilt_dashboard_has_the_same_digest(engine: Engine) {
    let mut app = open(engine);
    for member_id in 1..=MEMBERS {
        app.join(member_id, &format!("0101234{member_id:04}"));
    }
    app.settle();
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let app = &app;
            scope.spawn(move || send(app, sender));
        }
    });
    redeem_some(&app);
    app.leave(1);
    app.post("/billings", &json!({"merchantId": 1, "billingMonth": MONTH})).must_be(201);
    app.settle();
    app.verify();
    let figures = without_live(&app);
    let lived = digest(&app);
    assert!(summary(&app)["merchants"]["billed"]["value"].as_i64() > Some(0));
    let coupons = &summary(&app)["coupons"];
    let counted = ["given", "redeemed", "rolledBack"].map(|name| coupons[name]["value"].as_i64());
    assert_eq!(counted, [Some(MEMBERS), Some(7), Some(1)]);
    assert!(rebuild(&mut app).contains("The dashboard was right."));
    assert_eq!(digest(&app), lived);
    assert_eq!(without_live(&app), figures);
    let gone = rows(&app, "&memberId=1");
    assert!(!gone.is_empty() && gone.iter().all(|row| row["memberStatus"] == "invalid"), "{gone:?}");

    for wrong in [
        "UPDATE dashboard_figure SET quantity = quantity + 1 WHERE name LIKE '20200715.deal.use.%'",
        "UPDATE dashboard_deal SET sequence = sequence + 1 WHERE deal_id = 2",
        "UPDATE dashboard_figure SET amount = amount + 1 WHERE name = 'all.entry.EARN'",
        "UPDATE dashboard_deal SET member_id = member_id + 1 WHERE deal_id = 1",
        "UPDATE dashboard_member SET gone = 0 WHERE member_id = 1",
        "DELETE FROM dashboard_mark",
        "UPDATE dashboard_figure SET quantity = quantity + 1 WHERE name = 'all.coupon.given'",
    ] {
        app.app().dashboards.funnel.with_session(|tx| tx.execute(wrong, &[])).expect("it is changed by hand");
        assert_ne!(digest(&app), lived, "control: {wrong}");
    }
    assert_eq!(
        what_verify_finds(&app),
        [
            "sums are those of the ledger",
            "the days of a kind add up to what stands for all of them",
            "deals are those of deal",
            "coupons are counted as coupon tells of them"
        ]
    );
    assert!(rebuild(&mut app).contains("The dashboard was wrong or behind, and is right now."));
    assert_eq!(digest(&app), lived);
}

#[test]
fn a_rebuild_that_parks_an_event_does_not_call_the_dashboard_right() {
    let mut app = TestApp::open(Engine::Sqlite);
    for member_id in 1..=3 {
        app.join(member_id, &format!("0101234{member_id:04}"));
    }
    app.settle();
    let spoil = "UPDATE event SET data = '{}' WHERE subject = 2 AND sequence = 1";
    app.app().members.funnel.with_session(|tx| tx.execute(spoil, &[])).expect("it is changed by hand");
    let said = rebuild(&mut app);
    assert!(said.contains("dashboard<member: events that are parked: "), "{said}");
    assert!(said.contains("The dashboard lacks what is parked until that is retried or dropped."), "{said}");
    assert!(!said.contains("right"), "{said}");
}

/// Earns, uses and cancels, at merchants and of members that others work on too. What is refused is fine as well.
fn send(app: &TestApp, sender: i64) {
    for round in 0..ROUNDS {
        let between = (1 + (7 * round + sender) % MEMBERS, 1 + (round + sender) % MERCHANTS);
        match round % 6 {
            0 | 3 => post_deal(app, "save", between, &json!({"dealAmount": 1_000 * (1 + round)})),
            1 | 4 => post_deal(app, "use", between, &json!({"dealAmount": 77, "point": 5 + round})),
            2 => post_deal(app, "cancel", between, &json!({"dealAmount": 77})),
            _ => post_deal(app, "use", between, &json!({"point": 1_000_000})),
        }
        .must_be(201);
    }
}

/// Redeems the coupons of some members, undoes one redemption and takes one coupon back.
fn redeem_some(app: &TestApp) {
    let coupons = app.all_of("coupons");
    let coupons = coupons.as_array().expect("coupons");
    assert_eq!(coupons.len(), MEMBERS as usize);
    for coupon in coupons.iter().take(7) {
        app.post("/coupons/redemptions", &json!({"code": coupon["code"]})).must_be(201);
    }
    let number = |place: usize| coupons[place]["couponId"].as_i64().expect("a number");
    app.delete(&format!("/coupons/{}/redemption", number(2))).must_be(204);
    app.delete(&format!("/coupons/{}", number(9))).must_be(204);
}

/// What `onepoint verify` would find wrong with the dashboard.
fn what_verify_finds(app: &TestApp) -> Vec<&'static str> {
    let app = app.app();
    let told = app.dashboards.funnel.with_session(app::dashboard::told).expect("the dashboard can be read");
    let until = told.read_to.expect("nothing is parked");
    let ledger = app.points.funnel.with_session(|tx| app::point::summed(tx, until)).expect("the ledger can be read");
    let mut log = app.coupons.log.reader(platform::log::Scope::EventTable).expect("coupon's log can be read");
    let coupons_to = told.coupons_to.expect("nothing is parked");
    let counted = app::dashboard::counted_in(&mut log, coupons_to).expect("coupon's log can be read");
    let found = app.deals.funnel.with_session(|tx| {
        let mut comparing = app::dashboard::Comparing::new(told, (&ledger, &counted), app::deal::sequences(tx)?);
        app::deal::each_deal(tx, &mut |deal, sequence| comparing.look(deal, sequence))?;
        Ok(comparing.findings())
    });
    let wrong = found.expect("deals can be read").checks.into_iter().filter(|(_, found)| !found.is_empty());
    wrong.map(|(check, _)| check).collect()
}

fn digest(app: &TestApp) -> String {
    app.app().dashboards.digest().expect("a digest")
}

/// The summary without what belongs to the moment and the process.
fn without_live(app: &TestApp) -> serde_json::Value {
    let mut seen = summary(app);
    let fields = seen.as_object_mut().expect("a summary");
    for field in ["at", "live", "_links"] {
        fields.remove(field);
    }
    // Links begin with the address, which is another one after a restart.
    serde_json::from_str(&seen.to_string().replace(&app.base(), "")).expect("JSON")
}

/// Stops the server, runs `onepoint rebuild dashboard` on its stores and starts it again; what the program said.
fn rebuild(app: &mut TestApp) -> String {
    app.shut_down();
    let mut command = Command::new(env!("CARGO_BIN_EXE_onepoint"));
    command.args(["rebuild", "dashboard"]).stdin(Stdio::null()).current_dir(std::env::temp_dir());
    for set in app.store_settings() {
        command.args(["--set", &set]);
    }
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    app.restart();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
