//! Many customers at the same moment, and a product of which there are few.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::senders::{Sent, send_together};
use crate::support::{Engine, eventually};
use crate::{all_over, buy, count, id, programme, quantities, shown};

const LIMIT: i64 = 10;
const BUYERS: i64 = 64;

#[test]
fn never_more_than_the_limit_are_sold_on_sqlite() {
    never_more_than_the_limit_are_sold(Engine::Sqlite);
}

#[test]
fn never_more_than_the_limit_are_sold_on_postgres() {
    never_more_than_the_limit_are_sold(Engine::Postgres);
}

fn never_more_than_the_limit_are_sold(engine: Engine) {
    let app = programme(engine);
    app.patch("/products/1", &json!({"salesLimit": LIMIT})).must_be(200);
    let sent: Vec<_> = (1..=BUYERS)
        .map(|customer_id| {
            let body = json!({"productId": 1, "customerId": customer_id});
            (app.address(), Sent::post("/memberships", body).key(&format!("k-{customer_id}")))
        })
        .collect();
    let over = AtomicBool::new(false);
    let answers = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                let (sold, kept) = quantities(&app);
                assert!(sold + kept <= LIMIT, "{sold} sold and {kept} kept");
            }
        });
        let answers = send_together(&sent);
        over.store(true, Ordering::SeqCst);
        answers
    });
    let (bought, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(bought.len(), usize::try_from(LIMIT).expect("it fits"));
    for answer in &refused {
        answer.must_be_problem(409);
        assert_eq!(answer.code(), "product.sold_out");
    }
    eventually("all of them are paid", || quantities(&app) == (LIMIT, 0));
    assert_eq!(count(&app), bought.len());
    // Who was refused stays refused, and who bought has bought.
    for ((_, sent), answer) in sent.iter().zip(&answers) {
        assert_eq!(sent.to(app.address()).status, answer.status);
    }
    assert_eq!(count(&app), bought.len());
    // A unit that comes back is sold once more.
    let back = id(bought[0]);
    app.delete(&format!("/memberships/{back}")).must_be(204);
    eventually("it is free again", || quantities(&app) == (LIMIT - 1, 0));
    let last = send_together(&vec![(app.address(), Sent::post("/memberships", json!({"productId": 1}))); 8]);
    assert_eq!(last.iter().filter(|answer| answer.status == 201).count(), 1);
    eventually("it is sold", || quantities(&app) == (LIMIT, 0));
    assert_eq!((buy(&app, 1).code(), &shown(&app, back)["memStatus"]), ("product.sold_out", &json!("CANC")));
    all_over(&app);
}
