//! Many at once: never oversold, and who finds no place is told so at once.

use std::time::Duration;

use serde_json::json;

use crate::senders::{Sent, send_together};
use crate::support::{Engine, TestApp, eventually};
use crate::{PATIENT, all_over, left, listed, pieces, programme, register};

#[test]
fn a_hundred_users_buy_what_there_is_and_no_more() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = programme(engine, 150);
        let mut sold = 0;
        for round in 0..3 {
            let all: Vec<_> = (0..100)
                .map(|user| {
                    let sent = Sent::post("/carts", pieces(1 + user % 3));
                    // Half of them without a key: those are refused from memory.
                    let sent = if user % 2 == 0 { sent.key(&format!("{round}-{user}")) } else { sent };
                    (app.address(), sent)
                })
                .collect();
            let answers = send_together(&all);
            for (answer, (_, sent)) in answers.iter().zip(&all) {
                match answer.status {
                    201 => sold += sent.body.as_ref().and_then(|body| body["quantity"].as_i64()).unwrap_or(0),
                    _ => assert_eq!((answer.status, answer.code()), (409, "gifticon.out_of_stock"), "{}", answer.text),
                }
            }
            // Whoever is told that there is none has to see it so.
            assert_eq!(left(&app), 150 - sold, "round {round}");
        }
        assert_eq!(sold, 150, "everything is sold");
        eventually("all is paid", || {
            app.all_of("carts").as_array().is_some_and(|all| all.iter().all(|cart| cart["status"] == "PaymentApproved"))
        });
        all_over(&app);
        let kept = app.all_of("vouchers");
        assert_eq!(kept.as_array().map(Vec::len), Some(150));
    }
}

#[test]
fn carts_beyond_the_capacity_are_told_at_once_to_come_back() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open_with(engine, &[PATIENT, &["cart.capacity=10"]].concat());
        register(&app, 1, 100);
        app.app().purchases.gifticon_delay.set(Some((600, 600)));
        let sent: Vec<_> = (0..60).map(|_| (app.address(), Sent::post("/carts", pieces(1)))).collect();
        let answers = send_together(&sent);
        let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
        for answer in &refused {
            answer.must_be_problem(503);
            assert_eq!(answer.code(), "cart.overloaded");
            assert!(answer.took < Duration::from_millis(500), "{:?}", answer.took);
        }
        assert!((10..=20).contains(&taken.len()), "{} found a place", taken.len());
        app.app().purchases.gifticon_delay.set(None);
        all_over(&app);
        let count = i64::try_from(taken.len()).expect("a few");
        assert_eq!((listed(&app).len(), left(&app)), (taken.len(), 100 - count), "of the refused nothing is stored");
        app.post("/carts", &json!({"gifticonId": 1, "quantity": 1})).must_be(201);
    }
}
