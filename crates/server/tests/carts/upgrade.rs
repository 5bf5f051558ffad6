//! A store of an older program, which did not note whether a member ever bought anything, is brought up to date.

use serde_json::{Value, json};

use crate::support::older::UNDO_BOUGHT;
use crate::support::{Engine, TestApp, eventually};
use crate::{all_over, programme, shown};

const MEMBERS: std::ops::RangeInclusive<i64> = 1..=3;

/// The members' pages without links, which name the server's port.
fn pages(app: &TestApp) -> Vec<Value> {
    let page = |member_id| {
        let mut page = app.get(&format!("/mypages/{member_id}")).must_be(200).json;
        page.as_object_mut().expect("a page").remove("_links");
        page
    };
    MEMBERS.map(page).collect()
}

#[test]
fn what_was_bought_before_stays_on_the_pages() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut app = programme(engine, 100);
        MEMBERS.for_each(|member_id| app.join_normal(member_id));
        app.post("/products", &json!({"productId": 1, "productName": "CLUB", "price": 30_000})).must_be(201);
        app.post("/memberships", &json!({"productId": 1, "customerId": 1})).must_be(201);
        app.post("/carts", &json!({"gifticonId": 1, "quantity": 2, "customerId": 2})).must_be(201);
        eventually("both are paid", || {
            app.get("/memberships/1").json["memStatus"] == "USE" && shown(&app, 1)["status"] == "PaymentApproved"
        });
        all_over(&app);
        let before = pages(&app);
        let bought =
            before.iter().map(|page| ["memberships", "carts"].map(|goods| page[goods].as_array().map_or(0, Vec::len)));
        assert_eq!(bought.collect::<Vec<_>>(), [[1, 0], [0, 1], [0, 0]]);
        app.shut_down();
        app.scripts("mypage")(UNDO_BOUGHT);
        app.restart();
        assert_eq!(pages(&app), before);
        app.delete("/carts/1").must_be(204);
        eventually("the older purchase is followed", || pages(&app)[1] != before[1]);
        all_over(&app);
    }
}
