//! What members hold, for those who show it and are compared with it by `onepoint verify`.

use std::collections::HashMap;

use domain::coupon::{Coupon, CouponStatus, Wallet};
use platform::db::Session;
use platform::error::Result;

use super::list::{coupons_after, wallets_after};
use super::store::Slot;

/// Rows read at once.
const PIECE: i64 = 5_000;

/// What members hold.
#[derive(Debug, Default)]
pub struct HeldCoupons {
    /// Each member's wallet.
    pub wallets: HashMap<i64, HeldWallet>,
    /// Each coupon that a member has: whose it is, and how it stands.
    pub coupons: HashMap<i64, (i64, CouponStatus)>,
}

/// A wallet, as far as others show it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeldWallet {
    /// Number of its last event.
    pub sequence: i64,
    /// Coupons that were ever put into it.
    pub coupons: usize,
}

/// Reads what members hold.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn held(session: &mut dyn Session) -> Result<HeldCoupons> {
    let (mut held, mut after) = (HeldCoupons::default(), i64::MIN);
    loop {
        let rows = wallets_after(session, after, PIECE)?;
        let Some(last) = rows.last() else { break };
        after = last.int(0);
        for Wallet { member_id, sequence, .. } in rows.iter().map(|row| Slot::read(row).wallet) {
            held.wallets.insert(member_id, HeldWallet { sequence, coupons: 0 });
        }
    }
    let mut after = 0;
    loop {
        let piece = coupons_after(session, after, PIECE)?;
        let Some(last) = piece.last() else { return Ok(held) };
        after = last.coupon.coupon_id;
        for Coupon { coupon_id, member_id, status, .. } in piece.into_iter().map(|stored| stored.coupon) {
            let Some(member_id) = member_id else { continue };
            held.coupons.insert(coupon_id, (member_id, status));
            held.wallets.entry(member_id).or_default().coupons += 1;
        }
    }
}
