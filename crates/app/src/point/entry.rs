//! Entries of the ledger: as rows, as events and on the wire.

use domain::kernel::Month;
use domain::point::{DealDecision, DonationDecision, EntryKind, LotChange, Lots, Movement, Notices, Reference};
use platform::db::{Row, Value};
use platform::zone::Zone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::hold::HoldFacts;
use crate::kit::ReferenceView;

/// An entry as it stands in the ledger.
#[derive(Debug, Clone)]
pub(super) struct EntryRow {
    pub(super) position: i64,
    pub(super) member_id: i64,
    pub(super) sequence: i64,
    pub(super) kind: EntryKind,
    pub(super) amount: i64,
    pub(super) balance_after: i64,
    pub(super) reference: Option<Reference>,
    pub(super) reason: Option<String>,
    pub(super) lots: String,
    pub(super) at_ms: i64,
    /// Position of the member's entry before it; 0 for the first one.
    pub(super) previous: i64,
}

impl EntryRow {
    pub(super) fn new(position: i64, member_id: i64, sequence: i64, at_ms: i64, movement: &Movement) -> Self {
        Self {
            position,
            member_id,
            sequence,
            kind: movement.kind,
            amount: movement.amount,
            balance_after: movement.balance_after,
            reference: movement.reference.clone(),
            reason: movement.reason.clone(),
            lots: write_lots(movement.lots.0.iter().copied()),
            at_ms,
            previous: 0,
        }
    }

    /// Columns in the order of the table, with its link and stamp.
    pub(super) fn into_row(self, link: &[u8; 32], [key, digest]: [Value; 2]) -> Row {
        let (debit, credit) = self.kind.postings(self.amount);
        let (reference_type, reference_id) =
            self.reference.map_or((None, None), |reference| (Some(reference.kind), Some(reference.id)));
        Row(vec![
            self.position.into(),
            self.member_id.into(),
            self.sequence.into(),
            self.kind.name().into(),
            debit.into(),
            credit.into(),
            self.amount.into(),
            self.balance_after.into(),
            reference_type.into(),
            reference_id.into(),
            self.reason.into(),
            self.lots.into(),
            self.at_ms.into(),
            link.to_vec().into(),
            key,
            digest,
            self.previous.into(),
        ])
    }

    /// Position of an entry and how it changed lots, from its row.
    pub(super) fn read_lots(row: &Row) -> (i64, LotChange) {
        (row.int(0), changed_lots(row.text(11)))
    }

    /// An entry from its row; nothing for a kind that this version does not know.
    pub(super) fn read(row: &Row) -> Option<Self> {
        let text = |place: usize| Some(row.text(place).to_owned()).filter(|text| !text.is_empty());
        Some(Self {
            position: row.int(0),
            member_id: row.int(1),
            sequence: row.int(2),
            kind: EntryKind::from_name(row.text(3))?,
            amount: row.int(6),
            balance_after: row.int(7),
            reference: text(8).map(|kind| Reference { kind, id: row.text(9).to_owned() }),
            reason: text(10),
            lots: row.text(11).to_owned(),
            at_ms: row.int(12),
            previous: row.int(16),
        })
    }
}

/// An entry on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    /// The entry's number.
    pub entry_id: i64,
    /// Whose points moved.
    pub member_id: i64,
    /// Why points moved: `WELCOME`, `EARN`, `USE`, `ADJUST`, `DONATE`, `EARN_CANCEL`, `OWED_REPAY`, `USE_CANCEL`, `HOLD_CAPTURE`, `EXPIRE`, `FORFEIT` or another.
    #[schema(value_type = String, example = "EARN")]
    pub kind: EntryKind,
    /// Points, with sign.
    pub amount: i64,
    /// The balance after it.
    pub balance_after: i64,
    /// What it is about.
    #[schema(value_type = Option<ReferenceView>)]
    pub reference: Option<Reference>,
    /// Why, in the words of whoever asked.
    pub reason: Option<String>,
    /// When, RFC 3339.
    pub at: String,
}

impl EntryView {
    pub(super) fn of(entry: &EntryRow, zone: &Zone) -> Self {
        Self {
            entry_id: entry.position,
            member_id: entry.member_id,
            kind: entry.kind,
            amount: entry.amount,
            balance_after: entry.balance_after,
            reference: entry.reference.clone(),
            reason: entry.reason.clone(),
            at: zone.format(entry.at_ms),
        }
    }

    pub(super) fn read(row: &Row, zone: &Zone) -> Option<Self> {
        EntryRow::read(row).map(|entry| Self::of(&entry, zone))
    }
}

/// What an entry says as an event. Free text stays in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryFacts {
    /// The entry's number.
    pub entry_id: i64,
    /// Whose points moved.
    pub member_id: i64,
    /// Points, with sign.
    pub amount: i64,
    /// The balance after it.
    pub balance_after: i64,
}

/// Events of point. Public contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum PointEvent {
    /// An account with nothing in it exists.
    AccountOpened {
        /// Whose.
        member_id: i64,
    },
    /// The account took a status of its member over.
    StatusFollowed {
        /// Whose.
        member_id: i64,
        /// The status.
        status: domain::member::MemberStatus,
    },
    /// Welcome points were given.
    PointsWelcomed(EntryFacts),
    /// Points were earned.
    PointsEarned(EntryFacts),
    /// Points were used.
    PointsUsed(EntryFacts),
    /// The operator put a balance right.
    PointsAdjusted(EntryFacts),
    /// Points were given to a cause.
    PointsDonated(EntryFacts),
    /// Points were lost by withdrawal.
    PointsForfeited(EntryFacts),
    /// The question of a donation was answered.
    DonationDecided(DonationDecision),
    /// Points were lost because their month is over.
    PointsExpired(EntryFacts),
    /// Points that were given by mistake were taken back.
    EarnCancelled(EntryFacts),
    /// Points were earned and at once given for what was owed.
    OwedRepaid(EntryFacts),
    /// Points were given back because what they were used on was cancelled.
    UseCancelled(EntryFacts),
    /// Points were used out of what was held.
    HoldCaptured(EntryFacts),
    /// Points were set aside.
    PointsHeld(HoldFacts),
    /// What was set aside is free again.
    HoldReleased(HoldFacts),
    /// What was set aside is free again, because time is over.
    HoldExpired(HoldFacts),
    /// A deal that came by event was answered, now or before.
    DealDecided(DealDecision),
    /// What taking points back came to; the entry, if there is one, comes before.
    PointsClawedBack {
        /// Whose.
        member_id: i64,
        /// Points that were still there.
        taken_point: i64,
        /// Points that were not.
        owed_point: i64,
        /// All that is owed then.
        owed: i64,
        /// The balance then.
        remain_point: i64,
    },
    /// A lot is about to end.
    ExpiryAnnounced {
        /// Whose.
        member_id: i64,
        /// Its month, `yyyyMM`.
        month: String,
        /// 60, 30 or 3.
        days: i64,
        /// How many days there really are; 0 on the last one.
        days_left: i64,
        /// What is in it then.
        point: i64,
    },
    /// A lot has ended without its last announcement; it expires next.
    ExpiryUnannounced {
        /// Whose.
        member_id: i64,
        /// Its month, `yyyyMM`.
        month: String,
        /// Which of the announcements at 60, 30 and 3 days there were not.
        missed: Vec<i64>,
        /// Why: `not_looked_at_in_time`.
        reason: String,
    },
    /// The operator asked for an adjustment that was refused.
    AdjustmentRejected {
        /// Whose balance stays.
        member_id: i64,
        /// What was asked for.
        require_point: i64,
        /// Why it was refused.
        reason: String,
        /// The member's status then.
        member_status: domain::member::MemberStatus,
        /// The balance then.
        remain_point: i64,
    },
    /// The account refuses changes until a withdrawal is decided.
    WithdrawalPrepared {
        /// Whose.
        member_id: i64,
        /// Which attempt.
        attempt: i64,
    },
    /// The withdrawal did not happen.
    WithdrawalReleased {
        /// Whose.
        member_id: i64,
        /// Which attempt.
        attempt: i64,
    },
    /// The account is closed for good.
    AccountClosed {
        /// Whose.
        member_id: i64,
        /// Which attempt.
        attempt: i64,
        /// Points lost with it.
        forfeited_point: i64,
    },
}

impl PointEvent {
    /// The kind of entry that events of this type tell of; nothing for events that move no points. For those who pass
    /// over what does not concern them without reading it; an entry's fields are [`EntryFacts`].
    #[must_use]
    pub fn moved(event_kind: &str) -> Option<EntryKind> {
        EntryKind::ALL.into_iter().find(|kind| self::event_kind(*kind) == event_kind)
    }
}

/// The event type of an entry.
pub(super) fn event_kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Welcome => "PointsWelcomed",
        EntryKind::Earn => "PointsEarned",
        EntryKind::Use => "PointsUsed",
        EntryKind::Adjust => "PointsAdjusted",
        EntryKind::Donate => "PointsDonated",
        EntryKind::Forfeit => "PointsForfeited",
        EntryKind::Expire => "PointsExpired",
        EntryKind::EarnCancel => "EarnCancelled",
        EntryKind::OwedRepay => "OwedRepaid",
        EntryKind::UseCancel => "UseCancelled",
        EntryKind::HoldCapture => "HoldCaptured",
    }
}

/// Lots as text: `203111:1000 203112:-50`.
pub(super) fn write_lots(lots: impl Iterator<Item = (Month, i64)>) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (month, point) in lots {
        let gap = if text.is_empty() { "" } else { " " };
        // Writing into a String cannot fail.
        let _ = write!(text, "{gap}{month}:{point}");
    }
    text
}

/// Lots from text; what cannot be read is left out, which `verify` reports as a balance without lots.
pub(super) fn read_lots(text: &str) -> Vec<(Month, i64)> {
    let parts = text.split(' ').filter_map(|part| part.split_once(':'));
    parts.filter_map(|(month, point)| Some((Month::from_number(month.parse().ok()?)?, point.parse().ok()?))).collect()
}

/// The open lots of an account.
pub(super) fn open_lots(text: &str) -> Lots {
    Lots::new(read_lots(text))
}

/// How a movement changed lots.
pub(super) fn changed_lots(text: &str) -> LotChange {
    LotChange(read_lots(text))
}

/// Notices as text: `203111:7 203112:1`.
pub(super) fn write_notices(notices: &Notices) -> String {
    write_lots(notices.iter().map(|(month, mask)| (month, i64::from(mask))))
}

/// Notices from text.
pub(super) fn read_notices(text: &str) -> Notices {
    let marked = read_lots(text).into_iter().filter_map(|(month, mask)| Some((month, u8::try_from(mask).ok()?)));
    Notices::new(marked.collect())
}
