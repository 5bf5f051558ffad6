//! What `onepoint verify` looks at in my page.

use std::collections::HashMap;

use platform::db::{Session, Value};
use platform::error::Result;

use super::coupons::{PageCoupon, SHOWN_COUPONS};
use crate::coupon::HeldCoupons;
use crate::kit::{Finding, Findings};

const CHECK: &str = "pages show the ledger's balances";
const COUPONS: &str = "pages show the members' coupons";

/// Compares pages with the ledger's last entry of each member, sequence and balance (invariant I-19), and with the
/// coupons that members hold. A page that is behind or ahead, because a server is at work, is not compared.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session, balances: &HashMap<i64, (i64, i64)>, held: &HeldCoupons) -> Result<Findings> {
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

/// Member, sequence of the last entry taken in and balance of every page of a member who is not gone.
fn page_balances(session: &mut dyn Session, look: &mut dyn FnMut(i64, i64, i64)) -> Result<()> {
    let sql = "SELECT member_id, point_sequence, remain_point FROM page WHERE member_id > $1 AND gone = 0 \
               ORDER BY member_id LIMIT 5000";
    let mut after = 0;
    loop {
        let rows = session.query(sql, &[Value::Int(after)])?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.int(0);
        rows.iter().for_each(|row| look(row.int(0), row.int(1), row.int(2)));
    }
}

/// Member, sequence of the last event of coupon taken in and coupons of every page of a member who is not gone.
fn page_coupons(
    session: &mut dyn Session,
    look: &mut dyn FnMut(i64, i64, &mut dyn Iterator<Item = PageCoupon>),
) -> Result<()> {
    let sql = "SELECT member_id, coupon_sequence, coupons FROM page WHERE member_id > $1 AND gone = 0 \
               ORDER BY member_id LIMIT 5000";
    let mut after = 0;
    loop {
        let rows = session.query(sql, &[Value::Int(after)])?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.int(0);
        rows.iter().for_each(|row| look(row.int(0), row.int(1), &mut PageCoupon::stored(row.text(2))));
    }
}
