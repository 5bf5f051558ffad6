//! What `onepoint verify` looks at in my page.

use std::collections::{BTreeMap, HashMap};

use platform::db::{Cursor, Session, Value};
use platform::error::Result;
use platform::funnel::read_cursor;
use platform::log::{Event, LogReader};
use platform::parked;

use super::coupons::{PageCoupon, SHOWN_COUPONS};
use super::purchases::{CART, Goods, MEMBERSHIP, Purchase, Purchases};
use super::schema::each_row;
use super::told::Told;
use crate::coupon::HeldCoupons;
use crate::kit::{Finding, Findings};

const CHECK: &str = "pages show the ledger's balances";
const COUPONS: &str = "pages show the members' coupons";
const PURCHASES: &str = "purchases are shown as cart, membership and payment tell of them";
const ALONE: &str = "purchases are listed beside the pages if their customer has none";
const WRONG: &str = "run 'onepoint rebuild mypage'";
/// Events read at once where all of them are.
const PIECE: usize = 5_000;

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

/// The logs that tell of purchases, from their start.
pub struct PurchaseLogs {
    /// Cart's.
    pub cart: LogReader,
    /// Membership's.
    pub membership: LogReader,
    /// Payment's.
    pub payment: LogReader,
}

/// Reads what an event tells of a purchase.
type Read = fn(&Event) -> Result<Option<Told>>;

/// Compares purchases with what the logs tell up to where they were followed; `session` sees one moment. While events are
/// parked they lack something, and are not compared.
///
/// # Errors
/// `Unavailable` when a store cannot be reached; `Internal` for an event that this version cannot read.
pub fn inspect_purchases(session: &mut dyn Session, logs: &mut PurchaseLogs) -> Result<Findings> {
    let mut findings = Findings::new(&[PURCHASES, ALONE]);
    alone_or_not(session, &mut findings)?;
    let PurchaseLogs { cart, membership, payment } = logs;
    let followed: [(_, &mut LogReader, Read); 3] = [
        ("mypage<cart", cart, Told::of_cart),
        ("mypage<membership", membership, Told::of_membership),
        ("mypage<payment", payment, Told::of_payment),
    ];
    let parked = parked::counts(session)?;
    if followed.iter().any(|(consumer, ..)| parked.iter().any(|(parked, _)| parked == consumer)) {
        return Ok(findings);
    }
    let mut told = Purchases::default();
    for (consumer, log, read) in followed {
        fold(&mut told, log, read_cursor(session, consumer)?, read)?;
    }
    compare(session, told.carts, &mut findings)?;
    compare(session, told.memberships, &mut findings)?;
    Ok(findings)
}

/// Takes in what a log tells up to and with `until`.
fn fold(told: &mut Purchases, log: &mut LogReader, until: Cursor, read: Read) -> Result<()> {
    let mut after = Cursor::default();
    while after < until {
        let page = log.read(after, PIECE)?;
        if page.end == after {
            return Ok(());
        }
        after = page.end;
        for event in page.events.iter().filter(|event| event.cursor <= until) {
            if let Some(what) = read(event)? {
                told.take(event.sequence, &what);
            }
        }
    }
    Ok(())
}

fn compare<G: Goods + PartialEq>(
    session: &mut dyn Session,
    mut told: BTreeMap<i64, Purchase<G>>,
    findings: &mut Findings,
) -> Result<()> {
    let name = G::TABLE.name;
    each_row(session, G::TABLE, &mut |row| {
        let (id, shown) = Purchase::<G>::read(row);
        if !told.remove(&id).is_some_and(|told| told.says_the_same(&shown)) {
            findings.add(PURCHASES, Finding::of(id, format!("{name} has it otherwise than the logs; {WRONG}")));
        }
        Ok(())
    })?;
    for id in told.into_keys() {
        findings.add(PURCHASES, Finding::of(id, format!("{name} has no row of it; {WRONG}")));
    }
    Ok(())
}

/// Looks whether those purchases are listed beside the pages that are to be.
fn alone_or_not(session: &mut dyn Session, findings: &mut Findings) -> Result<()> {
    for (table, key) in [&CART, &MEMBERSHIP].map(|table| (table.name, table.key())) {
        let sql = format!(
            "SELECT b.{key} FROM {table} b WHERE b.alone <> CASE WHEN b.sequence > 0 AND NOT EXISTS (SELECT 1 FROM page p \
             WHERE p.member_id = b.customer_id AND p.member_sequence > 0 AND p.gone = 0) THEN 1 ELSE 0 END ORDER BY b.{key}"
        );
        for row in session.query(&sql, &[])? {
            findings.add(ALONE, Finding::of(row.int(0), format!("not so in {table}; {WRONG}")));
        }
        let sql = format!(
            "SELECT p.member_id FROM page p WHERE p.bought = 0 AND p.gone = 0 AND p.member_sequence > 0 \
             AND EXISTS (SELECT 1 FROM {table} b WHERE b.customer_id = p.member_id) ORDER BY p.member_id"
        );
        for row in session.query(&sql, &[])? {
            findings.add(PURCHASES, Finding::of(row.int(0), format!("the page does not look into {table}; {WRONG}")));
        }
    }
    Ok(())
}
