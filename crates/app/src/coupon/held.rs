//! What members hold, for those who show it and are compared with it by `onepoint verify`.

use std::collections::HashMap;

use domain::coupon::CouponStatus;
use platform::db::{Session, Value};
use platform::error::Result;

/// Rows read at once.
const PIECE: i64 = 5_000;

/// What members hold.
#[derive(Debug, Default)]
pub struct Held {
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
pub fn held(session: &mut dyn Session) -> Result<Held> {
    let mut held = Held::default();
    let wallets = "SELECT member_id, sequence FROM coupon_wallet WHERE member_id > $1 ORDER BY member_id LIMIT $2";
    let mut after = 0;
    loop {
        let rows = session.query(wallets, &[Value::Int(after), Value::Int(PIECE)])?;
        let Some(last) = rows.last() else { break };
        after = last.int(0);
        let wallet = |sequence| HeldWallet { sequence, coupons: 0 };
        held.wallets.extend(rows.iter().map(|row| (row.int(0), wallet(row.int(1)))));
    }
    let coupons = "SELECT coupon_id, member_id, status FROM coupon WHERE coupon_id > $1 ORDER BY coupon_id LIMIT $2";
    let mut after = 0;
    loop {
        let rows = session.query(coupons, &[Value::Int(after), Value::Int(PIECE)])?;
        let Some(last) = rows.last() else { return Ok(held) };
        after = last.int(0);
        for row in &rows {
            let Some((member_id, status)) = row.opt_int(1).zip(CouponStatus::from_name(row.text(2))) else { continue };
            held.coupons.insert(row.int(0), (member_id, status));
            held.wallets.entry(member_id).or_default().coupons += 1;
        }
    }
}
