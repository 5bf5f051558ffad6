//! A renewal is a membership of its own that begins where another one ends.

use serde_json::{Value, json};

use crate::senders::{Sent, send_together};
use crate::support::{Answer, Engine, Setup, TestApp};
use crate::{all_over, becomes, buy, count, id, paid, programme, quantities, set_up, shown};

fn renewal(renews: i64, customer_id: i64) -> Value {
    json!({"productId": 1, "customerId": customer_id, "renews": renews})
}

fn renew(app: &TestApp, renews: i64, customer_id: i64) -> Answer {
    app.post("/memberships", &renewal(renews, customer_id))
}

fn refused(answer: &Answer, status: u16) -> &str {
    answer.must_be_problem(status);
    assert_eq!(answer.json["pointer"], "/renews");
    answer.code()
}

#[test]
fn a_renewal_begins_where_the_old_one_ends() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = set_up(Setup::on(engine).starting_at("2024-02-29T12:00:00+09:00"));
        paid(&app, 1);
        app.clock.advance_days(300);
        assert_eq!(renew(&app, 1, 1).must_be(201).json["renews"], 1);
        becomes(&app, 2, "USE");
        let (old, new) = (shown(&app, 1), shown(&app, 2));
        assert_eq!(new["startsAt"], old["expiresAt"], "nothing of the first year is lost");
        let end = old["expiresAt"].as_str().expect("an instant").replace("2025-02-28", "2026-02-28");
        assert_eq!((&new["expiresAt"], quantities(&app)), (&json!(end), (2, 0)));
        // The old one ends by itself, the new one goes on.
        app.clock.advance_days(100);
        becomes(&app, 1, "EXPIRED");
        assert_eq!(shown(&app, 2)["memStatus"], "USE");
        assert_eq!(refused(&renew(&app, 1, 1), 409), "membership.renewed_not_in_use");
        id(&renew(&app, 2, 1).must_be(201));
        all_over(&app);
    }
}

#[test]
fn only_a_good_membership_of_the_same_customer_is_renewed_and_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine);
        paid(&app, 1);
        assert_eq!(refused(&renew(&app, 99, 1), 404), "membership.renewed_unknown");
        assert_eq!(refused(&renew(&app, 1, 2), 404), "membership.renewed_unknown", "another's is told apart from none");
        assert_eq!((count(&app), quantities(&app)), (1, (1, 0)), "no unit is kept for what is refused");
        let answers = send_together(&vec![(app.address(), Sent::post("/memberships", renewal(1, 1))); 16]);
        let (bought, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
        assert_eq!((bought.len(), count(&app)), (1, 2));
        for answer in others {
            assert_eq!(refused(answer, 409), "membership.renewed_already");
        }
        let renewed = id(bought[0]);
        becomes(&app, renewed, "USE");
        // A renewal that is cancelled makes room for another one.
        app.delete(&format!("/memberships/{renewed}")).must_be(204);
        let second = id(&renew(&app, 1, 1).must_be(201));
        becomes(&app, second, "USE");
        assert_eq!(refused(&renew(&app, renewed, 1), 409), "membership.renewed_not_in_use");
        // Units that were kept for those who were too late are free again in a moment.
        app.clock.advance_ms(5_000);
        crate::support::eventually("only what is paid is sold", || quantities(&app) == (2, 0));
        app.stop("payment");
        let open = id(&buy(&app, 1).must_be(201));
        assert_eq!(refused(&renew(&app, open, 1), 409), "membership.renewed_not_in_use");
        app.start("payment");
        becomes(&app, open, "USE");
        all_over(&app);
    }
}

#[test]
fn a_renewal_that_is_not_paid_leaves_the_old_one_as_it_is() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine);
        app.join_normal(1);
        paid(&app, 1);
        let before = shown(&app, 1);
        let body = json!({"productId": 1, "customerId": 1, "renews": 1, "method": "points"});
        app.post("/memberships", &body).must_be(201);
        becomes(&app, 2, "REFUSED");
        assert_eq!(shown(&app, 1), before);
        renew(&app, 1, 1).must_be(201);
        becomes(&app, 3, "USE");
        assert_eq!(shown(&app, 3)["startsAt"], before["expiresAt"]);
        all_over(&app);
    }
}
