//! Events of carts, memberships and payments that come twice, late and in any order between purchases: each is paid once,
//! sold once, given back once.

use std::sync::Arc;

use app::cart::Wanted;
use app::gifticon::NewGifticon;
use app::membership::Purchase;
use domain::payment::PaymentMethod;
use domain::product::RegisterProduct;
use platform::funnel::{Funnel, Writer};

use super::bus::{Delivery, System};
use super::senders::Random;
use crate::support::Engine;

const CUSTOMERS: std::ops::RangeInclusive<i64> = 1..=12;
const LOADED: i64 = 100;
const EVENTS: &str = "SELECT '', count(*) FROM event";
/// Won for a piece, of which a cart takes two, and for a membership: what is paid, and what is declined, which the last
/// digits of the amount say (docs/payments.md).
const PRICES_WON: [(i64, i64); 2] = [(5_000, 5_000), (5_451, 5_901)];

/// Everybody buys a cart and a membership that are paid and ones that are declined; some take them back at once, some when
/// they are paid.
fn play(system: &mut System) {
    let purchases = Arc::clone(&system.app.purchases);
    for (id, (piece_won, price_won)) in (1..).zip(PRICES_WON) {
        let gifticon =
            NewGifticon { name: "COFFEE".to_owned(), price_won: piece_won, available: LOADED, on_sale: true };
        system.runtime.block_on(purchases.gifticons.register(Some(id), gifticon, None)).expect("registered");
        let product = RegisterProduct {
            product_id: id,
            product_name: "CLUB".to_owned(),
            price_won,
            sales_limit: Some(LOADED),
            sale_ends_at_ms: None,
            months: 12,
        };
        system.runtime.block_on(purchases.products.register(Some(id), product, None)).expect("registered");
    }
    let mut bought = Vec::new();
    for customer_id in CUSTOMERS {
        for id in [1, 2] {
            let (customer, method) = (Some(customer_id), PaymentMethod::Card);
            let wanted = Wanted { gifticon_id: id, quantity: 2, customer_id: customer, method };
            let cart = system.runtime.block_on(purchases.carts.add(wanted, None)).expect("added");
            let purchase = Purchase { product_id: id, customer_id: customer, method, renews: None };
            let membership = system.runtime.block_on(purchases.memberships.purchase(purchase, None)).expect("bought");
            if customer_id % 4 == 0 {
                take_back(system, cart.cart_id, membership.mem_id);
            } else if customer_id % 4 == 1 && id == 1 {
                bought.push((cart.cart_id, membership.mem_id));
            }
        }
    }
    system.settle();
    for (cart_id, mem_id) in bought {
        take_back(system, cart_id, mem_id);
    }
    system.settle();
}

fn take_back(system: &System, cart_id: i64, mem_id: i64) {
    let purchases = &system.app.purchases;
    system.runtime.block_on(purchases.carts.remove(cart_id, None, None)).expect("removed");
    system.runtime.block_on(purchases.memberships.cancel(mem_id, None, None)).expect("cancelled");
}

/// How everything stands, and how often.
fn outcome(system: &System) -> Vec<String> {
    let purchases = &system.app.purchases;
    let mut all = lines(&purchases.carts.funnel, "SELECT 'cart ' || status, count(*) FROM cart GROUP BY 1 ORDER BY 1");
    let vouchers = "SELECT 'voucher ' || status, count(*) FROM voucher GROUP BY 1 ORDER BY 1";
    all.extend(lines(&purchases.gifticons.funnel, vouchers));
    for what in ["free", "reserved", "sold"] {
        let pieces = format!("SELECT '{what} ' || gifticon_id, {what} FROM gifticon ORDER BY 1");
        all.extend(lines(&purchases.gifticons.funnel, &pieces));
    }
    let memberships = "SELECT 'membership ' || status, count(*) FROM membership GROUP BY 1 ORDER BY 1";
    all.extend(lines(&purchases.memberships.funnel, memberships));
    let units = "SELECT 'unit ' || status, count(*) FROM product_unit GROUP BY 1 ORDER BY 1";
    all.extend(lines(&purchases.products.funnel, units));
    let paid = "SELECT status || ' keeps', sum(CASE WHEN was_approved = 1 THEN 1 ELSE 0 END \
        - CASE WHEN refunded_won > 0 AND was_approved = 1 THEN 1 ELSE 0 END) FROM payment GROUP BY 1 ORDER BY 1";
    all.extend(lines(&purchases.payments.funnel, paid));
    let payments = "SELECT status, count(*) FROM payment GROUP BY 1 ORDER BY 1";
    all.extend(lines(&purchases.payments.funnel, payments));
    all
}

fn lines<W: Writer>(funnel: &Funnel<W>, sql: &str) -> Vec<String> {
    let rows = funnel.with_session(|tx| tx.query(sql, &[])).expect("rows");
    rows.iter().map(|row| format!("{} {}", row.text(0), row.int(1))).collect()
}

/// How many events payment, cart and gifticon have told.
fn told(system: &System) -> [i64; 3] {
    let purchases = &system.app.purchases;
    let all = [
        lines(&purchases.payments.funnel, EVENTS),
        lines(&purchases.carts.funnel, EVENTS),
        lines(&purchases.gifticons.funnel, EVENTS),
    ];
    all.map(|lines| lines[0].trim().parse().expect("a number"))
}

fn expected() -> Vec<String> {
    let all = [
        "cart CartRemoved 9",
        "cart PaymentApproved 6",
        "cart PaymentDeclined 9",
        "voucher CANCELLED 6",
        "voucher ISSUED 12",
        "free 1 88",
        "free 2 100",
        "reserved 1 0",
        "reserved 2 0",
        "sold 1 12",
        "sold 2 0",
        "membership CANC 9",
        "membership REFUSED 9",
        "membership USE 6",
        "unit RETURNED 18",
        "unit SOLD 6",
        "PaymentApproved keeps 12",
        "PaymentCanceled keeps 0",
        "PaymentDeclined keeps 0",
        "PaymentApproved 12",
        "PaymentCanceled 18",
        "PaymentDeclined 18",
    ];
    all.map(str::to_owned).to_vec()
}

#[test]
fn every_event_of_a_purchase_delivered_twice_and_late_is_carried_out_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for seed in [1, 20] {
            let mut system = System::on(engine, Delivery::Disorderly(Random::seeded(seed)));
            play(&mut system);
            assert_eq!(outcome(&system), expected(), "seed {seed}");
            let told = told(&system);
            system.redeliver(&mut Random::seeded(seed + 1));
            system.settle();
            assert_eq!(outcome(&system), expected(), "the whole past again, seed {seed}");
            assert_eq!(self::told(&system), told, "seed {seed}");
        }
    }
}

#[test]
fn control_a_payment_that_forgets_its_orders_charges_them_again() {
    let mut system = System::on(Engine::Sqlite, Delivery::Once);
    play(&mut system);
    assert_eq!(outcome(&system), expected());
    let payments = Arc::clone(&system.app.purchases.payments);
    let forgotten = payments.funnel.with_session(|tx| tx.execute("DELETE FROM payment", &[]));
    assert_eq!(forgotten.expect("payments can be removed"), 48);
    let before = told(&system);
    system.redeliver(&mut Random::seeded(1));
    system.settle();
    assert_eq!(told(&system)[1], before[1], "cart has decided");
    assert!(told(&system)[0] > before[0] + 48, "everything was paid for again");
}
