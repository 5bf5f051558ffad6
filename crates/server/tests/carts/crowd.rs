//! Many at once: never oversold, and who finds no place is told so at once.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use app::gifticon::{GifticonApi, ReserveStock, ReservedStock, Revocation};
use app::kit::Asked;
use domain::gifticon::StockRefusal;
use futures_util::future::BoxFuture;
use platform::error::Result;
use serde_json::json;
use server::assembly::Betweens;
use tokio::sync::Semaphore;

use crate::senders::{Sent, send_together};
use crate::support::{Engine, Setup, TestApp, eventually};
use crate::{PATIENT, all_over, left, listed, pieces, programme, register};

/// Longer nobody waits for an answer, on a busy machine.
const ANSWERS_WITHIN: Duration = Duration::from_secs(25);

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

/// Gifticon answers nobody before the gate is open.
struct Gated {
    api: Arc<dyn GifticonApi>,
    gate: Arc<Semaphore>,
}

impl GifticonApi for Gated {
    fn reserve(&self, question: ReserveStock) -> Asked<'_, ReservedStock, StockRefusal> {
        Box::pin(async move {
            let _open = self.gate.acquire().await;
            self.api.reserve(question).await
        })
    }

    fn revoke(&self, reservation_id: i64) -> BoxFuture<'_, Result<Revocation>> {
        self.api.revoke(reservation_id)
    }
}

fn gated(engine: Engine, gate: &Arc<Semaphore>, sets: &[&str]) -> TestApp {
    let gate = Arc::clone(gate);
    let wrap = move |api| Arc::new(Gated { api, gate: Arc::clone(&gate) }) as Arc<dyn GifticonApi>;
    let betweens = Betweens { cart_and_gifticon: Some(Arc::new(wrap)), ..Betweens::default() };
    TestApp::start_up(Setup { betweens, ..Setup::on(engine) }.with(PATIENT).with(sets))
}

#[test]
fn carts_beyond_the_capacity_are_told_at_once_to_come_back() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let gate = Arc::new(Semaphore::new(0));
        let app = gated(engine, &gate, &["cart.capacity=10", "questions.gifticon.time_limit_ms=60000"]);
        register(&app, 1, 100);
        let taken = std::thread::scope(|scope| {
            let (told, answers) = channel();
            for _ in 0..60 {
                let (told, address) = (told.clone(), app.address());
                scope.spawn(move || told.send(Sent::post("/carts", pieces(1)).to(address)).expect("somebody listens"));
            }
            // Ten have a place and wait; everybody else is answered although gifticon has said nothing yet.
            for _ in 0..50 {
                let answer = answers.recv_timeout(ANSWERS_WITHIN).expect("an answer");
                answer.must_be_problem(503);
                assert_eq!(answer.code(), "cart.overloaded");
            }
            gate.add_permits(60);
            (0..10).filter(|_| answers.recv_timeout(ANSWERS_WITHIN).expect("an answer").status == 201).count()
        });
        assert_eq!(taken, 10, "all that found a place");
        all_over(&app);
        assert_eq!((listed(&app).len(), left(&app)), (10, 90), "of the refused nothing is stored");
        app.post("/carts", &json!({"gifticonId": 1, "quantity": 1})).must_be(201);
    }
}
