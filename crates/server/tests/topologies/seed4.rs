//! Seed 4: carts take pieces of a gifticon and are paid by event, one is removed; payment and gifticon are stopped meanwhile.

use serde_json::{Value, json};

use crate::support::Answer;
use crate::support::cluster::{Cluster, must_hold};

pub fn run(set: &Cluster) {
    let body = json!({"gifticonId": "1", "name": "Americano", "availableQuantity": "100", "price": "5000"});
    must_hold(&set.post("/gifticons", &body).must_be(201), &json!({"availableQuantity": 100, "price": 5_000}));
    carts_take_pieces(set);
    one_is_removed(set);
    without_payment_carts_wait(set);
    without_gifticon_nothing_is_stored(set);
}

fn carts_take_pieces(set: &Cluster) {
    let first = put_in(set, "10").must_be(201);
    assert!(set.leads_to(first.header("location"), "/carts/1"), "{:?}", first.header("location"));
    must_hold(
        &first,
        &json!({"cartId": 1, "gifticonId": 1, "quantity": 10, "unitPrice": 5_000, "status": "CartAdded"}),
    );
    must_hold(&put_in(set, "15").must_be(201), &json!({"cartId": 2, "quantity": 15}));
    let refused = put_in(set, "200");
    refused.must_be_problem(409);
    assert_eq!(refused.json["code"], "gifticon.out_of_stock");
    assert_eq!(set.listed("/carts", "carts").len(), 2, "what is refused is not stored");
    assert_eq!(available(set), 75);
    set.eventually("both are paid", || statuses(set, "/payments", "payments") == ["PaymentApproved"; 2]);
    set.eventually("my page shows both", || statuses(set, "/mypages", "carts") == ["PaymentApproved"; 2]);
    set.eventually("vouchers are issued", || vouchers(set, 1).len() == 10 && vouchers(set, 2).len() == 15);
}

fn one_is_removed(set: &Cluster) {
    set.delete("/carts/1").must_be(204);
    let left = set.listed("/carts", "carts");
    assert_eq!(left.iter().map(|cart| cart["cartId"].clone()).collect::<Vec<_>>(), [json!(2)]);
    set.eventually("the pieces are back", || available(set) == 85);
    let after = |path: &str, collection: &str| {
        let mut found = statuses(set, path, collection);
        found.sort_unstable();
        found == ["PaymentApproved", "PaymentCanceled"]
    };
    set.eventually("its payment is cancelled", || after("/payments", "payments"));
    set.eventually("my page keeps it, cancelled", || after("/mypages", "carts"));
    set.eventually("its vouchers are void", || vouchers(set, 1).iter().all(|one| one["status"] == "CANCELLED"));
}

fn without_payment_carts_wait(set: &Cluster) {
    set.stop("payment");
    let waiting = put_in(set, "20").must_be(201);
    let removed = put_in(set, "5").must_be(201);
    let path = |cart: &Answer| format!("/carts/{}", cart.json["cartId"]);
    assert_eq!(available(set), 60);
    // One is removed before its payment exists.
    set.delete(&path(&removed)).must_be(204);
    set.eventually("its pieces are back", || available(set) == 65);
    assert_eq!(set.get(&path(&waiting)).json["status"], "CartAdded");
    set.start("payment");
    set.eventually("the cart is paid", || set.get(&path(&waiting)).json["status"] == "PaymentApproved");
    assert_eq!(available(set), 65);
}

fn without_gifticon_nothing_is_stored(set: &Cluster) {
    let carts = set.listed("/carts", "carts").len();
    set.stop("gifticon");
    put_in(set, "1").must_be_problem(503);
    set.get("/gifticons/1").must_be_problem(503);
    assert_eq!(set.listed("/carts", "carts").len(), carts);
    set.start("gifticon");
    set.eventually("carts are taken in again", || put_in(set, "1").status == 201);
    set.eventually("what was kept for nobody is back", || available(set) == 64);
}

/// As the seed's clients send it: every value is a string.
fn put_in(set: &Cluster, quantity: &str) -> Answer {
    set.post("/carts", &json!({"gifticonId": "1", "quantity": quantity}))
}

fn available(set: &Cluster) -> i64 {
    set.get("/gifticons/1").must_be(200).json["availableQuantity"].as_i64().expect("a number")
}

fn statuses(set: &Cluster, path: &str, collection: &str) -> Vec<String> {
    let status = |item: &Value| item["status"].as_str().unwrap_or_default().to_owned();
    set.listed(path, collection).iter().map(status).collect()
}

fn vouchers(set: &Cluster, cart_id: i64) -> Vec<Value> {
    set.listed(&format!("/vouchers?cartId={cart_id}&limit=200"), "vouchers")
}
