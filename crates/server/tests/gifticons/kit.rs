//! What the tests of gifticon share: gifticons, questions for stock, and what cart tells.

use std::time::Duration;

use app::gifticon::{GifticonApi, Gifticons, ReserveStock, ReservedStock};
use domain::cart::{CartFacts, Event as CartEvent};
use domain::gifticon::StockRefusal;
use domain::payment::PaymentMethod;
use platform::clock::Clock;
use platform::db::{Row, Value as Field};
use platform::error::Result;
use platform::log::{EVENTS, encode};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::{Answer, Engine, Setup, TestApp, within};

/// When these stories begin.
pub const BEGINS: &str = "2026-08-31T10:00:00+09:00";
/// What follows by itself has followed within this.
pub const SOON: Duration = Duration::from_secs(10);

/// A store with gifticon 1, of which there are so many pieces, for 5,000 won each. Cart is stopped: what is reserved stays
/// so, however long a test takes; what is written into cart's log is followed all the same.
pub fn shop(engine: Engine, available: i64) -> TestApp {
    let app = TestApp::start_up(Setup::on(engine).starting_at(BEGINS));
    app.stop("cart");
    register(&app, 1, available).must_be(201);
    app
}

/// The MD registers a gifticon.
pub fn register(app: &TestApp, gifticon_id: i64, available: i64) -> Answer {
    let body = json!({"gifticonId": gifticon_id, "name": "Americano", "availableQuantity": available, "price": 5_000});
    app.post("/gifticons", &body)
}

/// Available, reserved, sold and loaded pieces.
pub fn figures(app: &TestApp, gifticon_id: i64) -> [i64; 4] {
    let shown = app.get(&format!("/gifticons/{gifticon_id}")).must_be(200).json;
    ["availableQuantity", "reservedQuantity", "soldQuantity", "loadedQuantity"]
        .map(|name| shown[name].as_i64().expect("a number"))
}

/// A runtime of the test's own, to ask with.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The context behind the server.
pub fn gifticons(app: &TestApp) -> &Gifticons {
    &app.app().purchases.gifticons
}

/// A question for pieces of gifticon 1, of which nobody remembers the answer.
pub fn pieces(quantity: i64) -> ReserveStock {
    ReserveStock { attempt: None, gifticon_id: 1, quantity }
}

/// Asks for pieces.
pub fn ask(app: &TestApp, question: ReserveStock) -> Result<Result<ReservedStock, StockRefusal>> {
    runtime().block_on(gifticons(app).reserve(question))
}

/// Keeps pieces of gifticon 1; the reservation's number.
pub fn keep(app: &TestApp, quantity: i64) -> i64 {
    ask(app, pieces(quantity)).expect("it answers").expect("there are so many").reservation_id
}

/// A cart, as its events tell it: it has the number of its reservation, and belongs to member 7.
pub fn cart(reservation_id: i64, quantity: i64) -> CartFacts {
    CartFacts {
        cart_id: reservation_id,
        reservation_id,
        gifticon_id: 1,
        quantity,
        unit_price_won: 5_000,
        customer_id: Some(7),
        method: PaymentMethod::Card,
    }
}

/// Writes an event into cart's log, as cart would.
pub fn tell(app: &TestApp, cart_id: i64, event: &CartEvent) {
    let carts = &app.app().purchases.carts;
    let write = |tx: &mut dyn platform::db::Session| {
        let position = tx.next_ids("log_position", 1)?[0];
        let (kind, data) = encode(event)?;
        let mut row: Vec<Field> =
            vec![position.into(), kind.into(), cart_id.into(), 2.into(), app.clock.now_ms().into()];
        row.extend([Field::Null, Field::Null, data.into(), Field::Null, Field::Null]);
        tx.insert_many(&EVENTS, vec![Row(row)])
    };
    carts.funnel.with_session(write).expect("cart's log can be written");
    carts.log.ring(true);
}

/// Cart tells that the cart of this reservation is paid.
pub fn approve(app: &TestApp, reservation_id: i64, quantity: i64) {
    let event = CartEvent::CartApproved { cart: cart(reservation_id, quantity), payment_id: reservation_id };
    tell(app, reservation_id, &event);
}

/// Sells pieces of gifticon 1; the reservation's number, which is the cart's, and the codes of its vouchers.
pub fn sell(app: &TestApp, quantity: i64) -> (i64, Vec<String>) {
    let reservation_id = keep(app, quantity);
    approve(app, reservation_id, quantity);
    within(SOON, "the vouchers are issued", || !codes(app, reservation_id).is_empty());
    (reservation_id, codes(app, reservation_id))
}

/// The vouchers of a cart.
pub fn vouchers(app: &TestApp, cart_id: i64) -> Vec<Value> {
    let page = app.get(&format!("/vouchers?cartId={cart_id}&limit=200")).must_be(200).json;
    page["_embedded"]["vouchers"].as_array().cloned().unwrap_or_default()
}

/// The codes of a cart's vouchers.
pub fn codes(app: &TestApp, cart_id: i64) -> Vec<String> {
    vouchers(app, cart_id).iter().map(|voucher| voucher["code"].as_str().expect("a code").to_owned()).collect()
}

/// How a voucher stands.
pub fn status(app: &TestApp, code: &str) -> String {
    app.get(&format!("/vouchers/{code}")).must_be(200).json["status"].as_str().expect("a status").to_owned()
}

/// POST of nothing below a voucher.
pub fn on_voucher(app: &TestApp, code: &str, what: &str) -> Answer {
    app.request("POST", &format!("/vouchers/{code}/{what}")).send()
}

/// Puts the clock to this instant.
pub fn is_now(app: &TestApp, instant: &str) {
    let at_ms = platform::zone::parse_instant(instant).expect("an instant");
    app.clock.advance_ms(at_ms - app.clock.now_ms());
}

/// One number out of gifticon's store.
pub fn number(app: &TestApp, sql: &str) -> i64 {
    gifticons(app).funnel.with_session(|tx| tx.query(sql, &[])).expect(sql)[0].int(0)
}

/// A refusal with this status and code.
pub fn must_refuse(answer: &Answer, status: u16, code: &str) {
    answer.must_be_problem(status);
    assert_eq!(answer.code(), code, "{}", answer.text);
}
