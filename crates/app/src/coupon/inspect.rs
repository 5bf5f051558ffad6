//! What `onepoint verify` looks at in coupon.

use std::collections::HashMap;

use domain::coupon::code::read_code;
use domain::coupon::{self, Coupon, CouponStatus, Event, Wallet};
use domain::kernel::Day;
use platform::db::Session;
use platform::error::Result;
use platform::log::each_event;

use super::campaign;
use super::list::{coupons_after, wallets_after};
use super::store::{Slot, Stored};
use crate::kit::{Finding, Findings};

const PIECE_ROWS: i64 = 5_000;
const TOLD: &str = "every coupon of a member stands as its events tell";
const ONCE: &str = "a coupon is redeemed once, unless that was rolled back";
const NUMBERED: &str = "the events of a wallet are numbered without gaps, and say how it stands";
const LINKED: &str = "every coupon names the member's coupon before it, and the wallet the last one";
const LOST: &str = "of a member who is gone no coupon is good";
const CHECKED: &str = "every code passes its check";

/// What the events tell.
#[derive(Default)]
struct Told {
    wallets: HashMap<i64, Wallet>,
    /// Each with its code as it was told.
    coupons: HashMap<i64, (Coupon, String)>,
    /// Coupons of each member.
    of_member: HashMap<i64, Vec<i64>>,
}

/// Compares coupons and wallets with their events and with each other.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session) -> Result<Findings> {
    let checks = [TOLD, ONCE, NUMBERED, LINKED, LOST, CHECKED];
    let mut findings = Findings::new(&[&checks[..], &campaign::inspect::CHECKS].concat());
    campaign::inspect::inspect(session, &mut findings)?;
    let mut told = replay(session, &mut findings)?;
    // Of each coupon of a member, the member and the coupon before it.
    let mut links: HashMap<i64, (i64, i64)> = HashMap::new();
    let mut issued: HashMap<i64, i64> = HashMap::new();
    each(session, |stored| {
        let coupon_id = stored.coupon.coupon_id;
        if read_code(&stored.code.to_string()).as_deref() != Some(&*stored.code.text) {
            findings.add(CHECKED, Finding::of(coupon_id, "its code cannot be typed in"));
        }
        let Some(member_id) = stored.coupon.member_id else { return };
        links.insert(coupon_id, (member_id, stored.previous));
        if stored.coupon.status == CouponStatus::Issued {
            *issued.entry(member_id).or_insert(0) += 1;
        }
        if let Some(what) = contradicts(&stored, told.coupons.remove(&coupon_id)) {
            findings.add(TOLD, Finding::of(coupon_id, what));
        }
    })?;
    for coupon_id in told.coupons.into_keys() {
        findings.add(TOLD, Finding::of(coupon_id, "events tell of it, and it is not there"));
    }
    let mut after = i64::MIN;
    loop {
        let rows = wallets_after(session, after, PIECE_ROWS)?;
        let Some(last) = rows.last() else { break };
        after = last.int(0);
        for slot in rows.iter().map(Slot::read) {
            let member_id = slot.wallet.member_id;
            follow_links(&slot, &mut links, &mut findings);
            if slot.wallet.closed && issued.contains_key(&member_id) {
                findings.add(LOST, Finding::of(member_id, "the member is gone and has a coupon that is good"));
            }
            if told.wallets.remove(&member_id).as_ref() != Some(&slot.wallet) {
                findings.add(NUMBERED, Finding::of(member_id, "its row says something else than its events"));
            }
        }
    }
    for member_id in told.wallets.into_keys() {
        findings.add(NUMBERED, Finding::of(member_id, "events tell of this wallet, and it is not there"));
    }
    for coupon_id in links.into_keys() {
        findings.add(LINKED, Finding::of(coupon_id, "no way leads from its member's wallet to it"));
    }
    Ok(findings)
}

fn each(session: &mut dyn Session, mut look: impl FnMut(Stored)) -> Result<()> {
    let mut after = 0;
    loop {
        let piece = coupons_after(session, after, PIECE_ROWS)?;
        let Some(last) = piece.last() else { return Ok(()) };
        after = last.coupon.coupon_id;
        piece.into_iter().for_each(&mut look);
    }
}

/// Goes from a wallet to each of its coupons, and takes away those that are found.
fn follow_links(slot: &Slot, links: &mut HashMap<i64, (i64, i64)>, findings: &mut Findings) {
    let (member_id, mut place) = (slot.wallet.member_id, slot.last_coupon);
    while place != 0 {
        match links.remove(&place) {
            Some((owner, previous)) if owner == member_id => place = previous,
            _ => {
                findings
                    .add(LINKED, Finding::of(place, format!("it is named as one of member {member_id}, and is not")));
                return;
            }
        }
    }
}

fn contradicts(stored: &Stored, told: Option<(Coupon, String)>) -> Option<&'static str> {
    let Some((coupon, code)) = told else { return Some("no event tells of it") };
    if coupon != stored.coupon || code != stored.code.to_string() {
        return Some("its row says something else than its events");
    }
    let is_redeemed = coupon.status == CouponStatus::Redeemed;
    (is_redeemed != stored.redemption.is_some()).then_some("it does not say when it was redeemed, or it was not")
}

/// Reads every event of members' wallets and coupons.
fn replay(session: &mut dyn Session, findings: &mut Findings) -> Result<Told> {
    let mut told = Told::default();
    each_event(session, |logged| {
        let event: Event = logged.decode()?;
        if let Some(member_id) = event.member_id() {
            told.take_in(member_id, logged.sequence, &event, findings);
        }
        Ok(())
    })?;
    Ok(told)
}

impl Told {
    fn take_in(&mut self, member_id: i64, sequence: i64, event: &Event, findings: &mut Findings) {
        let wallet = self.wallets.entry(member_id).or_insert_with(|| Wallet::new(member_id));
        if sequence != wallet.sequence + 1 {
            let what = format!("event {sequence} comes after event {}", wallet.sequence);
            findings.add(NUMBERED, Finding::of(member_id, what));
        }
        if let Some((coupon, code)) = issued(event) {
            self.of_member.entry(member_id).or_default().push(coupon.coupon_id);
            self.coupons.insert(coupon.coupon_id, (coupon, code));
        }
        let coupon = event.coupon_id().and_then(|id| self.coupons.get_mut(&id)).map(|(coupon, _)| coupon);
        if matches!(event, Event::CouponRedeemed(_))
            && coupon.as_ref().is_none_or(|coupon| coupon.status != CouponStatus::Issued)
        {
            let coupon_id = event.coupon_id().unwrap_or_default();
            findings.add(ONCE, Finding::of(coupon_id, "it was redeemed when it could not be"));
        }
        coupon::apply(wallet, coupon, event);
        // Sequences are compared with what stands there, so that one gap is found once.
        wallet.sequence = sequence;
        if matches!(event, Event::WalletClosed { .. }) {
            for coupon_id in self.of_member.get(&member_id).into_iter().flatten() {
                if let Some((coupon, _)) = self.coupons.get_mut(coupon_id) {
                    coupon::lose(coupon);
                }
            }
        }
    }
}

/// The coupon that a member got by this event, if it is such a one, and its code.
fn issued(event: &Event) -> Option<(Coupon, String)> {
    let Event::CouponIssued { coupon_id, member_id, campaign_id, code, start_date, end_date, .. } = event else {
        return None;
    };
    let day = |text: &str| {
        let (year, month, day) = platform::zone::parse_day(text)?;
        Some(Day::new(year, month, day))
    };
    let coupon = Coupon {
        coupon_id: *coupon_id,
        member_id: Some(*member_id),
        campaign_id: *campaign_id,
        status: CouponStatus::Issued,
        start_date: day(start_date)?,
        end_date: day(end_date)?,
    };
    Some((coupon, code.clone()))
}
