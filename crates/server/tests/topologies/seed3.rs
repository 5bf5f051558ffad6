//! Seed 3: a paid membership is bought, paid by event, good for a year, and cancelled again; payment is stopped meanwhile.

use serde_json::{Value, json};

use crate::support::cluster::{Cluster, must_hold};

pub fn run(set: &Cluster) {
    // As the seed's clients send it: numbers are strings, and a price that the client names is not believed.
    let product = set.post("/products", &json!({"productId": "1", "productName": "CLUB", "price": "30000"}));
    must_hold(&product.must_be(201), &json!({"productId": 1, "productName": "CLUB", "price": 30_000, "months": 12}));
    let bought = json!({"productId": "1", "customerId": "1", "price": "1", "memStatus": "USE"});
    let bought = set.post("/memberships", &bought).must_be(201);
    must_hold(&bought, &json!({"memId": 1, "price": 30_000, "customerId": 1, "memStatus": "REQUESTED"}));
    it_is_paid(set, 1);
    it_is_cancelled(set);
    a_product_whose_sale_is_over_is_refused(set);
    without_payment_a_purchase_is_taken_in(set);
}

fn it_is_paid(set: &Cluster, mem_id: i64) {
    let membership = || set.get(&format!("/memberships/{mem_id}")).json;
    set.eventually("the membership is good", || membership()["memStatus"] == "USE");
    let date = |field: &str| membership()[field].as_str().map(|instant| instant[..10].to_owned()).unwrap_or_default();
    let (from, until) = (date("startsAt"), date("expiresAt"));
    let year = |date: &str| date[..4].parse::<i32>().expect("a year");
    assert_eq!(year(&until), year(&from) + 1, "{from} to {until}");
    assert!(until[4..] == from[4..] || from.ends_with("-02-29"), "{from} to {until}");
    set.eventually("its payment is shown", || payment_of(set, mem_id)["status"] == "PaymentApproved");
    assert_eq!(payment_of(set, mem_id)["amount"], 30_000);
    set.eventually("the product is sold", || set.get("/products/1").json["salesQuantity"] == 1);
    set.eventually("my page says so", || {
        let shown = on_my_page(set, mem_id);
        shown["memStatus"] == "USE" && shown["status"] == "PaymentApproved"
    });
}

fn it_is_cancelled(set: &Cluster) {
    set.delete("/memberships/1").must_be(204);
    assert_eq!(set.get("/memberships/1").must_be(200).json["memStatus"], "CANC");
    set.eventually("its payment is cancelled and given back", || {
        let payment = payment_of(set, 1);
        payment["status"] == "PaymentCanceled" && payment["refundedAmount"] == 30_000
    });
    set.eventually("the unit is back", || set.get("/products/1").json["salesQuantity"] == 0);
    set.eventually("my page says so", || {
        let shown = on_my_page(set, 1);
        shown["memStatus"] == "CANC" && shown["status"] == "PaymentCanceled"
    });
}

fn a_product_whose_sale_is_over_is_refused(set: &Cluster) {
    let over =
        json!({"productId": 2, "productName": "SUMMER", "price": 10_000, "saleEndsAt": "2024-08-31T23:59:59+09:00"});
    set.post("/products", &over).must_be(201);
    set.post("/memberships", &json!({"productId": 2, "customerId": 1})).must_be_problem(409);
    assert_eq!(set.listed("/memberships", "memberships").len(), 1, "nothing is stored");
}

fn without_payment_a_purchase_is_taken_in(set: &Cluster) {
    set.stop("payment");
    set.get("/payments").must_be_problem(503);
    let bought = set.post("/memberships", &json!({"productId": 1, "customerId": 1})).must_be(201);
    let mem_id = bought.json["memId"].as_i64().expect("a number");
    set.eventually("my page shows it", || on_my_page(set, mem_id)["memStatus"] == "REQUESTED");
    assert_eq!(on_my_page(set, mem_id)["status"], Value::Null, "payment has not heard of it");
    assert_eq!(set.get("/products/1").json["salesQuantity"], 0);
    set.start("payment");
    it_is_paid(set, mem_id);
    let charged = set.listed(&format!("/payments?memId={mem_id}"), "payments");
    assert_eq!(charged.len(), 1, "charged once");
}

fn payment_of(set: &Cluster, mem_id: i64) -> Value {
    set.get(&format!("/payments?memId={mem_id}")).json["_embedded"]["payments"][0].clone()
}

/// A membership beside the pages, for its customer has left or never joined.
fn on_my_page(set: &Cluster, mem_id: i64) -> Value {
    let listed = set.listed("/mypages?limit=200", "memberships");
    listed.into_iter().find(|membership| membership["memId"] == mem_id).unwrap_or_default()
}
