//! The real program, killed in the middle of its work and started again: what it has acknowledged is there exactly
//! once, what is stored is sound, and the checks that say so see damage when there is some.

mod support;

#[path = "recovery/carts.rs"]
mod carts;
#[path = "recovery/checker.rs"]
mod checker;
#[path = "recovery/coupons.rs"]
mod coupons;
#[path = "recovery/damage.rs"]
mod damage;
#[path = "recovery/deals.rs"]
mod deals;
#[path = "recovery/donations.rs"]
mod donations;
#[path = "recovery/fences.rs"]
mod fences;
#[path = "recovery/kills.rs"]
mod kills;
#[path = "recovery/process.rs"]
mod process;
#[path = "recovery/withdrawals.rs"]
mod withdrawals;
