//! What `onepoint verify` looks at in my page.

use std::collections::HashMap;

use platform::db::Session;
use platform::error::Result;

use super::coupons::SHOWN_COUPONS;
use super::store::{page_balances, page_coupons};
use crate::coupon::Held;
use crate::kit::{Finding, Findings};

const CHECK: &str = "pages show the ledger's balances";
const COUPONS: &str = "pages show the members' coupons";

/// Compares pages with the ledger's last entry of each member, sequence and balance (invariant I-19), and with the
/// coupons that members hold. A page that is behind or ahead, because a server is at work, is not compared.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session, balances: &HashMap<i64, (i64, i64)>, held: &Held) -> Result<Findings> {
    let mut findings = Findings::new(&[CHECK, COUPONS]);
    page_coupons(session, &mut |member_id, sequence, shown| {
        let Some(wallet) = held.wallets.get(&member_id).filter(|wallet| wallet.sequence == sequence) else { return };
        let mut count = 0;
        for coupon in shown {
            count += 1;
            if held.coupons.get(&coupon.coupon_id) != Some(&(member_id, coupon.status)) {
                let (coupon_id, status) = (coupon.coupon_id, coupon.status.name());
                let what = format!("the page shows coupon {coupon_id} as {status}; run 'onepoint rebuild mypage'");
                findings.add(COUPONS, Finding::of(member_id, what));
            }
        }
        let expected = wallet.coupons.min(SHOWN_COUPONS);
        if count != expected {
            let what = format!("the page shows {count} coupons and not {expected}; run 'onepoint rebuild mypage'");
            findings.add(COUPONS, Finding::of(member_id, what));
        }
    })?;
    page_balances(session, &mut |member_id, sequence, remain_point| {
        if let Some((last, balance)) = balances.get(&member_id)
            && *last == sequence
            && *balance != remain_point
        {
            let what =
                format!("the page shows {remain_point}, the ledger says {balance}; run 'onepoint rebuild mypage'");
            findings.add(CHECK, Finding::of(member_id, what));
        }
    })?;
    Ok(findings)
}
