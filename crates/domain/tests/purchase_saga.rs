//! Purchases, every way that they can go: the rules of cart, gifticon, membership, product and payment put together with
//! a provider, senders, sweepers and messages, and every reachable state looked at, not a sample of them.
//!
//! A question or an answer may be lost, come late or come again, and so may a webhook; an event may come late and again,
//! also long after later ones; a driver may die between any two commits; a customer may take back what was bought at any
//! moment. At every moment what is sold, kept and free is what there is. Wherever nothing is left to happen, each
//! purchase has one legal end: bought and paid once, or not bought, what was kept returned once, and all money back.

#[path = "purchase_saga/carts.rs"]
mod carts;
#[path = "purchase_saga/explore.rs"]
mod explore;
#[path = "purchase_saga/ledger.rs"]
mod ledger;
#[path = "purchase_saga/memberships.rs"]
mod memberships;
#[path = "purchase_saga/provider.rs"]
mod provider;
#[path = "purchase_saga/till.rs"]
mod till;
#[path = "purchase_saga/world.rs"]
mod world;

use carts::{Carts, Wish};
use domain::payment::PaymentMethod;
use explore::{Seen, explore};
use memberships::Memberships;
use till::Till;
use world::{Bounds, World};

/// A protection that is left out, to see that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// All of them are there.
    Nothing,
    /// What was said never to become a purchase becomes one all the same.
    LastingRefusal,
    /// Nobody asks about what is kept and of which no purchase came.
    ClaimSweep,
    /// What is returned is returned again.
    ReturnedOnce,
    /// What is sold was perhaps returned before.
    FinalReturn,
    /// The decider takes payment's word in, whatever it has decided before.
    OneEnd,
    /// The provider is given another reference each time.
    Reference,
    /// What was given up is not cancelled at the provider.
    CancelAfterGivingUp,
    /// What the provider said is recorded, however the payment stands.
    CheckedOutcome,
    /// That an order is off is not noted before it is to be paid.
    Tombstone,
    /// Vouchers are made void though one was used.
    UsedVoucher,
    /// Nobody asks again about a removal.
    RemovalSweep,
    /// Money goes back whenever something is cancelled.
    RefundDays,
    /// The ledger does not remember what was cancelled.
    CancelledHold,
}

/// One who sends once, and takes it back twice.
const ONE: Bounds =
    Bounds { buyers: 1, requests: 1, attempts: 1, loaded: 1, removals: 2, any_order: false, sound_provider: false };
/// Events come to who follows in any order.
const ANY_ORDER: Bounds = Bounds { any_order: true, ..ONE };
/// One who sends again under the same key, also when what was kept at first is refused.
const REPEATS: Bounds = Bounds { requests: 2, attempts: 2, loaded: 2, removals: 1, ..ONE };
/// Two who want what there is once.
const TWO: Bounds = Bounds { buyers: 2, removals: 1, sound_provider: true, ..ONE };

const CARD: Wish = Wish { quantity: 1, method: PaymentMethod::Card, uses: false };
const USED: Wish = Wish { uses: true, ..CARD };
const PAIR: Wish = Wish { quantity: 2, ..USED };
const POINTS: Wish = Wish { method: PaymentMethod::Points, ..CARD };

fn carts(bounds: Bounds, wish: Wish, without: Without) -> Result<Seen, String> {
    let till = |buyer| Till::new(Carts::payment(buyer, wish), bounds.sound_provider, without);
    let tills = (0..bounds.buyers).map(till).collect();
    explore(World::new(bounds, without, Carts::new(bounds, without, wish), tills))
}

fn memberships(bounds: Bounds, method: PaymentMethod, without: Without) -> Result<Seen, String> {
    let till = |buyer| Till::new(Memberships::payment(buyer, method), bounds.sound_provider, without);
    let tills = (0..bounds.buyers).map(till).collect();
    explore(World::new(bounds, without, Memberships::new(bounds, without, method), tills))
}

/// An exploration that does not come to all the ends proves nothing about them.
fn must_have_seen(name: &str, seen: Result<Seen, String>, ends: &[&str]) {
    let seen = seen.unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
    println!("{name}: {seen:?}");
    assert_eq!(seen.ends.keys().copied().collect::<Vec<_>>(), ends, "{name}");
}

#[test]
fn every_cart_has_one_end() {
    const STAYS: &str = "bought, and could not be removed";
    let ends = ["bought", "declined", "never came", "removed after payment's word", "removed before payment's word"];
    let mut ends_of_used = ends.to_vec();
    ends_of_used.insert(1, STAYS);
    let play = |name, bounds, wish: Wish| {
        let ends = if wish.uses { ends_of_used.as_slice() } else { &ends };
        must_have_seen(name, carts(bounds, wish, Without::Nothing), ends);
    };
    play("a cart", ONE, USED);
    play("a cart of two pieces", Bounds { loaded: 2, ..ONE }, PAIR);
    play("a cart, events in any order", ANY_ORDER, USED);
    play("a cart, sent twice", REPEATS, CARD);
    play("two carts", TWO, CARD);
    play("a cart for points", ONE, POINTS);
}

const ENDS_OF_MEMBERSHIPS: [&str; 6] =
    ["bought", "cancelled and given back", "cancelled too late", "expired", "never came", "refused"];

#[test]
fn every_membership_has_one_end() {
    let play = |name, bounds, method| {
        must_have_seen(name, memberships(bounds, method, Without::Nothing), &ENDS_OF_MEMBERSHIPS);
    };
    play("a membership", ONE, PaymentMethod::Card);
    play("a membership, events in any order", Bounds { removals: 1, ..ANY_ORDER }, PaymentMethod::Card);
    play("a membership, sent twice", Bounds { sound_provider: true, ..REPEATS }, PaymentMethod::Card);
    play("two memberships", TWO, PaymentMethod::Card);
}

#[test]
fn every_membership_for_points_has_one_end() {
    let seen = memberships(Bounds { removals: 1, ..ONE }, PaymentMethod::Points, Without::Nothing);
    must_have_seen("a membership for points", seen, &ENDS_OF_MEMBERSHIPS);
}

#[test]
fn a_protection_that_is_left_out_shows() {
    const MISCOUNTED: &str = "sold and reserved and free";
    const PAID: &str = "not bought, but paid";
    for (without, bounds, wish, wrong) in [
        (Without::LastingRefusal, ONE, CARD, "said to have come and never to come"),
        (Without::ClaimSweep, ONE, CARD, "stock is kept that nobody has"),
        (Without::ReturnedOnce, ONE, CARD, MISCOUNTED),
        (Without::FinalReturn, ONE, CARD, MISCOUNTED),
        (Without::OneEnd, ONE, CARD, "ended twice"),
        (Without::Reference, ONE, CARD, "charged twice"),
        (Without::CancelAfterGivingUp, ONE, CARD, PAID),
        (Without::CheckedOutcome, ONE, CARD, "approved and declined"),
        (Without::Tombstone, ANY_ORDER, CARD, PAID),
        (Without::UsedVoucher, ONE, USED, "used, but removed"),
        (Without::RemovalSweep, ONE, CARD, "not ended"),
        (Without::CancelledHold, ONE, POINTS, "given back before that was certain"),
    ] {
        let said = carts(bounds, wish, without).err().unwrap_or_default();
        assert!(said.contains(wrong), "without {without:?}: {said}");
    }
    let by_card = PaymentMethod::Card;
    for (without, bounds, method, wrong) in [
        (Without::LastingRefusal, ONE, by_card, "said to have come and never to come"),
        (Without::ClaimSweep, ONE, by_card, "a unit is kept that nobody has"),
        (Without::ReturnedOnce, ONE, by_card, "the counters are not those of the units"),
        (Without::OneEnd, ONE, by_card, "ended twice"),
        (Without::Reference, ONE, by_card, "charged twice"),
        (Without::CancelAfterGivingUp, ONE, by_card, PAID),
        (Without::CheckedOutcome, ONE, by_card, "approved and declined"),
        (Without::Tombstone, ANY_ORDER, by_card, PAID),
        (Without::RefundDays, ONE, by_card, "bought, but not paid"),
        (Without::CancelledHold, ONE, PaymentMethod::Points, "given back before that was certain"),
    ] {
        let said = memberships(bounds, method, without).err().unwrap_or_default();
        assert!(said.contains(wrong), "without {without:?}: {said}");
    }
}
