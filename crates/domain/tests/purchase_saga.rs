//! Purchases, every way that they can go: the rules of cart, gifticon, membership, product and payment put together with
//! a provider, senders, sweepers and messages, and every reachable state looked at, not a sample of them.
//!
//! A question or an answer may be lost, come late or come again, and so may a webhook; an event may come late and again,
//! also long after later ones; a driver may die between any two commits; a customer may take back what was bought at any
//! moment. At every moment what is sold, kept and free is what there is. Wherever nothing is left to happen, each
//! purchase has one legal end: bought and paid once, or not bought, what was kept returned once, and all money back.

#[path = "purchase_saga/explore.rs"]
mod explore;
#[path = "purchase_saga/memberships.rs"]
mod memberships;
#[path = "purchase_saga/provider.rs"]
mod provider;
#[path = "purchase_saga/till.rs"]
mod till;
#[path = "purchase_saga/world.rs"]
mod world;

use explore::{Seen, explore};
use memberships::Memberships;
use till::Till;
use world::{Bounds, World};

/// A protection that is left out, to see that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
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
}

/// One who sends once, and takes it back twice.
const ONE: Bounds = Bounds { buyers: 1, requests: 1, attempts: 1, loaded: 1, removals: 2, any_order: false };

fn memberships(bounds: Bounds, without: Without) -> Result<Seen, String> {
    let tills = (0..bounds.buyers).map(|buyer| Till::new(Memberships::payment(buyer), without)).collect();
    explore(World::new(bounds, without, Memberships::new(bounds, without), tills))
}

#[test]
fn every_membership_has_one_end() {
    for bounds in [ONE, Bounds { any_order: true, ..ONE }] {
        let seen = memberships(bounds, Without::Nothing).unwrap_or_else(|wrong| panic!("{bounds:?}: {wrong}"));
        println!("memberships, {bounds:?}: {seen:?}");
    }
}
