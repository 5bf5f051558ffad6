//! What the books say at the end: as many carts, vouchers and payments as pieces, each of somebody else.

use std::collections::BTreeSet;

use serde_json::Value;

use super::buyers::{Record, Told};
use super::market::{GIFTICON, Market, PRICE, Visitor};
use super::process::Store;

/// Fails unless carts, vouchers and payments are those of so many pieces, and of those who were told that they have one.
pub fn must_agree(market: &Market, record: &Record, pieces: i64) {
    let mut visitor = Visitor::new(market, 0);
    let count = usize::try_from(pieces).expect("not negative");
    let carts = visitor.all_of("carts", "");
    assert_eq!((carts.len(), numbers(&carts, "cartId").len()), (count, count), "a cart for each piece");
    assert_eq!(numbers(&carts, "customerId").len(), count, "each of somebody else");
    for cart in &carts {
        assert_eq!((&cart["status"], &cart["unitPrice"]), (&"PaymentApproved".into(), &PRICE.into()), "{cart}");
        assert!(could_have(record, cart), "{cart} is of somebody who was told that there is nothing left");
    }
    let stored = numbers(&carts, "cartId");
    for (buyer, told) in &record.told {
        if let Told::Bought(cart) = told {
            assert!(stored.contains(cart), "buyer {buyer} was told of cart {cart}, which is not there");
        }
    }
    let vouchers = visitor.all_of("vouchers", &format!("&gifticonId={GIFTICON}"));
    assert_eq!(vouchers.len(), count, "a voucher for each piece");
    let codes: BTreeSet<&str> = vouchers.iter().filter_map(|voucher| voucher["code"].as_str()).collect();
    assert_eq!((codes.len(), numbers(&vouchers, "cartId")), (count, stored.clone()), "each of another cart");
    assert!(vouchers.iter().all(|voucher| voucher["status"] == "ISSUED"));
    let payments = visitor.all_of("payments", "");
    assert_eq!((payments.len(), numbers(&payments, "cartId")), (count, stored), "a payment for each cart");
    assert!(payments.iter().all(|payment| payment["status"] == "PaymentApproved"));
    let journal = market.journal();
    let charged: BTreeSet<_> = journal.iter().filter_map(|line| line.strip_prefix("charged\t")).collect();
    assert_eq!((journal.len(), charged.len()), (count, count), "money was taken once for each, and never given back");
}

/// Whether the buyer of this cart was told so, or was told nothing at all.
fn could_have(record: &Record, cart: &Value) -> bool {
    let told = record.told.iter().filter(|(buyer, _)| cart["customerId"] == *buyer);
    told.map(|(_, told)| *told).any(|told| match told {
        Told::Bought(number) => cart["cartId"] == number,
        Told::SoldOut => false,
        Told::Nothing => true,
    })
}

fn numbers(items: &[Value], name: &str) -> BTreeSet<i64> {
    items.iter().filter_map(|item| item[name].as_i64()).collect()
}

/// `onepoint verify` says that everything holds.
pub fn must_verify(store: &Store) {
    let output = store.run(&["verify"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("Everything holds."), "{said}");
}

/// The control: of a store with one piece more or less than there was, `onepoint verify` says that it does not hold.
pub fn leaks_are_seen(store: &Store) {
    for change in ["reserved = reserved + 1", "sold = sold - 1", "free = free + 1"] {
        let copy = store.copy();
        copy.with("gifticon", |session| session.execute(&format!("UPDATE gifticon SET {change}"), &[]));
        let output = copy.run(&["verify"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!output.status.success() && said.contains("WRONG"), "{change}: {said}");
    }
}
