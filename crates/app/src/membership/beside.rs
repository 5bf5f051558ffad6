//! What payment says of the same memberships, for `onepoint verify`.

use std::collections::{HashMap, HashSet};

use domain::membership::{Event, Membership, MembershipStatus};
use domain::payment::{Order, PaymentStatus};
use platform::db::{Cursor, Session};
use platform::error::Result;
use platform::log::each_event;

use super::store::{MEMBERSHIP, read_membership, rows_after};
use crate::kit::{Finding, Findings};
use crate::payment::Paid;

const PIECE_ROWS: i64 = 5_000;
const PAID: &str = "a membership is paid or refused as its payment says, and that of one with a refund is cancelled";

/// Where membership's log tells of a membership what payment follows.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    requested: Cursor,
    /// That it is cancelled with a refund.
    refunds: Option<Cursor>,
}

/// Every membership as it stands, and where the log tells of it.
#[derive(Debug, Default)]
pub struct Standing {
    memberships: Vec<Membership>,
    told: HashMap<i64, Told>,
}

/// What payment says of memberships.
#[derive(Debug, Default)]
pub struct Beside {
    /// What was paid for by payments that were canceled before memberships were looked at.
    pub canceled: HashSet<Order>,
    /// How far membership had followed payment's log when memberships were looked at.
    pub heard: Cursor,
    /// Every payment, looked at after memberships.
    pub paid: Paid,
    /// How far payment had followed membership's log by then.
    pub paid_to: Cursor,
}

/// Every membership as it stands. Looked at before payment, what it says holds there too, even while a server is at work:
/// what payment has not followed yet is on its way.
///
/// # Errors
/// `Unavailable` when the store cannot be reached; `Internal` for an event that cannot be read.
pub fn standing(session: &mut dyn Session) -> Result<Standing> {
    let (mut standing, mut after) = (Standing::default(), 0);
    loop {
        let rows = rows_after(session, &MEMBERSHIP, after, PIECE_ROWS)?;
        let Some(last) = rows.last() else { break };
        after = last.int(0);
        standing.memberships.extend(rows.iter().map(read_membership));
    }
    each_event(session, |event| {
        match event.kind.as_str() {
            "MembershipRequested" => standing.told.entry(event.subject).or_default().requested = event.cursor,
            "MembershipCancelled" => {
                if matches!(event.decode()?, Event::MembershipCancelled { refunds: true, .. }) {
                    standing.told.entry(event.subject).or_default().refunds = Some(event.cursor);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(standing)
}

/// Compares memberships with their payments.
pub fn compare(standing: &Standing, beside: &Beside, findings: &mut Findings) {
    findings.checks.push((PAID, Vec::new()));
    for membership in &standing.memberships {
        let mem_id = membership.facts.mem_id;
        let told = standing.told.get(&mem_id).copied().unwrap_or_default();
        if let Some(what) = paid_wrongly(membership, told, beside) {
            findings.add(PAID, Finding::of(mem_id, what));
        }
    }
}

fn paid_wrongly(membership: &Membership, told: Told, beside: &Beside) -> Option<&'static str> {
    use MembershipStatus::{Canc, Expired, Refused, Requested, Use};
    let order = Order::Membership(membership.facts.mem_id);
    let Some(payment) = beside.paid.payments.get(&order) else {
        let is_due = membership.payment_id.is_some() || told.requested <= beside.paid_to;
        return is_due.then_some("its payment is not there");
    };
    if membership.payment_id.is_some_and(|payment_id| payment_id != payment.facts.payment_id) {
        return Some("its payment is not there");
    }
    if beside.canceled.contains(&order) && told.refunds.is_none() {
        return Some("its payment is cancelled, and it is not to be refunded");
    }
    let is_followed = told.refunds.is_some_and(|refunds| refunds <= beside.paid_to);
    let is_heard = beside.paid.decided.get(&order).is_some_and(|decided| *decided <= beside.heard);
    match (membership.status, payment.status) {
        (Requested, _) if is_heard => Some("its payment was decided, and it does not know of it"),
        (Use | Expired, PaymentStatus::PaymentRequested | PaymentStatus::PaymentDeclined) => {
            Some("it is good, and was never paid")
        }
        (Refused, PaymentStatus::PaymentRequested | PaymentStatus::PaymentApproved) => {
            Some("it is refused, and its payment stands")
        }
        (Canc, PaymentStatus::PaymentRequested | PaymentStatus::PaymentApproved) if is_followed => {
            Some("it is to be refunded, and its payment stands")
        }
        (Canc, PaymentStatus::PaymentRequested | PaymentStatus::PaymentDeclined) if told.refunds.is_none() => {
            Some("it is cancelled as one that is paid, and was never paid")
        }
        _ => None,
    }
}
