//! Killed in between: what was answered is there, every piece is accounted for, and what nobody claims comes back.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::ENGINES;
use crate::kit::SOON;
use crate::process::Store;
use crate::senders::Sent;
use crate::support::{Client, Request, within};

const LOADED: i64 = 100_000;
const BUYERS: usize = 4;
const KILLS: usize = 2;
/// Carts that are answered before a server is killed.
const BOUGHT: i64 = 20;

#[test]
fn a_server_that_is_killed_loses_no_piece() {
    for engine in ENGINES {
        let store = Store::fresh(engine);
        let mut answered = 0;
        for kill in 0..KILLS {
            let serving = store.serve();
            if kill == 0 {
                let body = json!({"gifticonId": 1, "name": "Americano", "availableQuantity": LOADED, "price": 100});
                assert_eq!(Sent::post("/gifticons", body).to(serving.address).status, 201);
            }
            let (address, over, bought) = (serving.address, AtomicBool::new(false), AtomicI64::new(0));
            answered += std::thread::scope(|scope| {
                let buy = || {
                    let client = Client::new(address);
                    while !over.load(Ordering::Acquire) {
                        let cart = json!({"gifticonId": 1, "quantity": 1});
                        // Who asks while the server dies gets no answer.
                        let answer = Request::new(&client, "POST", "/carts").json(&cart).try_send();
                        bought.fetch_add(i64::from(answer.is_ok_and(|answer| answer.status == 201)), Ordering::AcqRel);
                    }
                };
                let buyers: Vec<_> = (0..BUYERS).map(|_| scope.spawn(buy)).collect();
                let started = Instant::now();
                while bought.load(Ordering::Acquire) < BOUGHT && started.elapsed() < SOON {
                    std::thread::sleep(Duration::from_millis(2));
                }
                serving.kill();
                over.store(true, Ordering::Release);
                buyers.into_iter().for_each(|buyer| buyer.join().expect("a buyer"));
                assert!(bought.load(Ordering::Acquire) >= BOUGHT, "carts were under way");
                bought.load(Ordering::Acquire)
            });
        }
        let verify = store.run(&["verify"]);
        assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
        let serving = store.serve();
        let client = Client::new(serving.address);
        let figure =
            |name: &str| Request::new(&client, "GET", "/gifticons/1").send().json[name].as_i64().expect("a number");
        // Each reservation has a cart or comes back; nothing else changes the stock.
        let count = |sql: &str, context: &str| store.with(context, |tx| tx.query(sql, &[]))[0].int(0);
        within(SOON, "what nobody claims is free again", || {
            count("SELECT count(*) FROM reservation WHERE ask_at IS NOT NULL", "gifticon") == 0
        });
        let carts = count("SELECT count(*) FROM cart WHERE status IN ('CartAdded', 'PaymentApproved')", "cart");
        assert!(carts >= answered, "{carts} carts, and {answered} answers");
        let [free, reserved, sold] = ["availableQuantity", "reservedQuantity", "soldQuantity"].map(figure);
        assert_eq!((reserved + sold, free + reserved + sold), (carts, LOADED));
    }
}
