//! A provider that charges, and does not give back: nothing of what it says instead counts as a refund, somebody can see
//! why it is still to be given, and others are charged all the same.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use platform::access::Role;
use serde_json::{Value, json};

use crate::shown::key;
use crate::support::{Engine, TestApp, eventually};
use crate::{PATIENT, given_back, payment, stands};

/// What it says of cancellations: the status line, and what stands beside reference and amount.
type Says = (&'static str, Value);

/// It charges everything, and says of cancellations what it is told to. Ends with the test program.
fn provider(says: Arc<Mutex<Says>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let says = Arc::clone(&says);
            std::thread::spawn(move || while answer(&stream, &says).is_some() {});
        }
    });
    address
}

/// Answers the next request of a connection; nothing once there is none.
fn answer(stream: &TcpStream, says: &Mutex<Says>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok().filter(|count| *count > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut order: Value = serde_json::from_slice(&body).ok()?;
    let (status, more) = if first.contains("/v1/charges") {
        ("200 OK", json!({"status": "approved"}))
    } else {
        says.lock().expect("nobody panicked").clone()
    };
    let order = order.as_object_mut()?;
    order.extend(more.as_object()?.clone());
    let text = Value::Object(order.clone()).to_string();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", text.len());
    (&*stream).write_all(format!("{head}{text}").as_bytes()).ok()
}

fn put(app: &TestApp) -> i64 {
    let body = json!({"gifticonId": 1, "quantity": 1, "customerId": 7});
    app.post("/carts", &body).must_be(201).json["cartId"].as_i64().expect("a cart's number")
}

#[test]
fn a_refund_that_is_not_confirmed_stays_open_and_says_why() {
    let says: Arc<Mutex<Says>> = Arc::new(Mutex::new(("422 Unprocessable Entity", json!({"error": "no"}))));
    let url = format!("payment.url=http://{}", provider(Arc::clone(&says)));
    let sets = [PATIENT, "breaker.min_calls=3", "breaker.open_ms=600000", &url, "payment.key=k"];
    let app = TestApp::open_with(Engine::Sqlite, &sets);
    let gifticon = json!({"gifticonId": 1, "name": "Americano", "availableQuantity": 10, "price": 5_000});
    app.post("/gifticons", &gifticon).must_be(201);
    let cart_id = put(&app);
    stands(&app, cart_id, "PaymentApproved");
    assert!(payment(&app, cart_id)["attempts"].is_null(), "nothing is to be done");
    app.delete(&format!("/carts/{cart_id}")).must_be(204);
    let member = key(&app, Role::Owner("member"), 7);
    for (answer, why) in [
        (None, "provider.422"),
        (Some(json!({"status": "pending", "refunded": 5_000})), "provider.pending"),
        (Some(json!({"status": "canceled", "refunded": 5_000, "amount": 1})), "provider.not_understood"),
        (Some(json!({"status": "canceled", "refunded": 0})), "refund_mismatch:0"),
    ] {
        if let Some(answer) = answer {
            *says.lock().expect("nobody panicked") = ("200 OK", answer);
        }
        let asked_again = || {
            app.clock.advance_ms(60_000);
            payment(&app, cart_id)["failure"] == why
        };
        eventually(why, asked_again);
        let shown = payment(&app, cart_id);
        assert_eq!(shown["refundStatus"], "PENDING", "{shown}");
        assert!(shown["attempts"].as_i64() > Some(0), "{shown}");
        let path = format!("/payments/{}", shown["paymentId"]);
        assert_eq!(app.get(&path).must_be(200).json["failure"], why);
        let own = app.request("GET", &path).header("Authorization", &format!("Bearer {member}")).send().must_be(200);
        assert!(own.json["failure"].is_null() && own.json["attempts"].is_null(), "{}", own.text);
    }
    let other = put(&app);
    stands(&app, other, "PaymentApproved");
    *says.lock().expect("nobody panicked") = ("200 OK", json!({"status": "canceled", "refunded": 5_000}));
    app.clock.advance_ms(60_000);
    given_back(&app, cart_id);
    assert!(payment(&app, cart_id)["failure"].is_null());
    app.settle();
    app.verify();
}
