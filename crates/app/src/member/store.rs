//! Member's tables and rows.

use std::collections::{HashMap, VecDeque};

use domain::member::{self, Event, JoinCoupon, Member, MemberStatus, Withdrawal, WithdrawalStep};
use platform::db::{Fill, Kind, Migration, Row, Session, Table, Value};
use platform::error::Result;
use platform::funnel::Out;
use platform::seal::Seal;

use super::contacts::{Contacts, Kept};
use super::digests::Digests;

/// The schema of member.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 2,
        name: "member_members",
        sql: include_str!("../../../../migrations/0002_member_members.sql"),
        lives_with: 2,
    },
    // An older program would be done with withdrawals that coupon has not followed.
    Migration {
        number: 18,
        name: "member_coupons",
        sql: include_str!("../../../../migrations/0018_member_coupons.sql"),
        lives_with: 18,
    },
    Migration {
        number: 22,
        name: "member_contacts",
        sql: include_str!("../../../../migrations/0022_member_contacts.sql"),
        lives_with: 22,
    },
    Migration {
        number: 25,
        name: "member_remains",
        sql: include_str!("../../../../migrations/0025_member_remains.sql"),
        lives_with: 22,
    },
];

/// Steps in Rust of [`MIGRATIONS`].
pub const FILLS: &[Fill] = &[(22, seal_contacts)];

const MEMBER_COLUMNS: &[(&str, Kind)] = &[
    ("member_id", Kind::Int),
    ("contacts", Kind::Blob),
    ("status", Kind::Text),
    ("coupon_status", Kind::Text),
    ("notified", Kind::Text),
    ("coupon_cancelled", Kind::Text),
    ("joined_at", Kind::Int),
    ("phone_revision", Kind::Int),
    ("sequence", Kind::Int),
    ("gone_at", Kind::Int),
];

pub(super) static MEMBER: Table = Table { name: "member", columns: MEMBER_COLUMNS };
/// Where the members are put whose contact data stood in the open.
static MEMBER_ANEW: Table = Table { name: "member_anew", columns: MEMBER_COLUMNS };

pub(super) static WITHDRAWAL: Table = Table {
    name: "withdrawal",
    columns: &[
        ("member_id", Kind::Int),
        ("attempt", Kind::Int),
        ("step", Kind::Text),
        ("forfeited_point", Kind::Int),
        ("coupon_cancelled", Kind::Text),
        ("requested_at", Kind::Int),
        ("ended_at", Kind::Int),
        ("reason", Kind::Text),
    ],
};

pub(super) static WELCOME: Table =
    Table { name: "welcome_given", columns: &[("phone_digest", Kind::Blob), ("at", Kind::Int)] };

pub(super) static JOIN_COUPON: Table =
    Table { name: "join_coupon_given", columns: &[("phone_digest", Kind::Blob), ("at", Kind::Int)] };

/// Members who are read and written in one go when contact data that stood in the open is sealed.
const SEALED_AT_ONCE: i64 = 1_000;

/// Copies the members, with the contact data sealed that stood in the open. In the order of their numbers, so that the
/// pages are filled one after the other.
fn seal_contacts(tx: &mut dyn Session, seal: &Seal) -> Result<()> {
    let sql = "SELECT member_id, status, coupon_status, notified, coupon_cancelled, joined_at, phone_revision, sequence, \
               gone_at, phone_no, nickname, name, email, address, login_id FROM member \
               WHERE member_id > $1 ORDER BY member_id LIMIT $2";
    let mut after = 0;
    loop {
        let mut open = tx.query(sql, &[after.into(), SEALED_AT_ONCE.into()])?;
        let Some(last) = open.last() else { return Ok(()) };
        after = last.int(0);
        let mut sealed = Vec::with_capacity(open.len());
        for row in &mut open {
            let member_id = row.int(0);
            let [phone_no, nickname, name, email, address, login_id] =
                [9, 10, 11, 12, 13, 14].map(|at| row.take_text(at));
            let contacts = Contacts { phone_no, nickname, name, email, address, login_id };
            let is_gone = row.opt_int(8).is_some();
            let contacts = if is_gone { Value::Null } else { contacts.seal(seal, member_id)?.into() };
            row.0.truncate(9);
            row.0.insert(1, contacts);
            sealed.push(Row(std::mem::take(&mut row.0)));
        }
        tx.insert_many(&MEMBER_ANEW, sealed)?;
    }
}

pub(super) fn list_members_sql() -> String {
    format!(
        "SELECT {} FROM {} WHERE member_id > $1 AND gone_at IS NULL ORDER BY member_id LIMIT $2",
        MEMBER.column_list(),
        MEMBER.name
    )
}

pub(super) fn list_withdrawals_sql() -> String {
    format!(
        "SELECT {} FROM {} WHERE member_id > $1 ORDER BY member_id LIMIT $2",
        WITHDRAWAL.column_list(),
        WITHDRAWAL.name
    )
}

pub(super) fn unfinished_withdrawals_sql() -> String {
    format!(
        "SELECT {} FROM {} WHERE member_id > $1 AND ended_at IS NULL ORDER BY member_id LIMIT $2",
        WITHDRAWAL.column_list(),
        WITHDRAWAL.name
    )
}

/// Withdrawals that have been preparing since before `before_ms`: member and attempt.
pub(super) fn stuck_withdrawals(session: &mut dyn Session, before_ms: i64) -> Result<Vec<(i64, i64)>> {
    let sql = "SELECT member_id, attempt FROM withdrawal WHERE step = 'PREPARING' AND requested_at < $1 ORDER BY requested_at LIMIT 100";
    Ok(session.query(sql, &[before_ms.into()])?.iter().map(|row| (row.int(0), row.int(1))).collect())
}

/// Forgets phone numbers that were welcomed, or had a join coupon or came to a member, before `before_ms`.
pub(super) fn forget_phones(session: &mut dyn Session, before_ms: i64) -> Result<()> {
    session.execute("DELETE FROM welcome_given WHERE at < $1", &[before_ms.into()])?;
    session.execute("DELETE FROM join_coupon_given WHERE at < $1", &[before_ms.into()]).map(|_| ())
}

/// Members who are gone although contact data is left.
pub(super) fn members_not_erased(session: &mut dyn Session) -> Result<Vec<i64>> {
    let sql = "SELECT member_id FROM member WHERE gone_at IS NOT NULL AND contacts IS NOT NULL ORDER BY member_id";
    Ok(session.query(sql, &[])?.iter().map(|row| row.int(0)).collect())
}

/// Withdrawals that were asked for before `before_ms` and have not ended.
pub(super) fn unfinished_withdrawals(session: &mut dyn Session, before_ms: i64) -> Result<Vec<Withdrawal>> {
    let columns = WITHDRAWAL.column_list();
    let sql =
        format!("SELECT {columns} FROM withdrawal WHERE ended_at IS NULL AND requested_at < $1 ORDER BY member_id");
    Ok(session.query(&sql, &[before_ms.into()])?.iter().map(read_withdrawal).collect())
}

/// Withdrawals that are done although point or coupon has not said that it followed, and members who are gone without
/// a decision, or here after one: the member numbers.
pub(super) fn withdrawals_gone_wrong(session: &mut dyn Session) -> Result<(Vec<i64>, Vec<i64>)> {
    let unconfirmed = "SELECT member_id FROM withdrawal \
        WHERE step = 'DONE' AND (forfeited_point IS NULL OR coupon_cancelled <> 'Y') ORDER BY member_id";
    let at_odds = "SELECT member.member_id FROM member LEFT JOIN withdrawal ON withdrawal.member_id = member.member_id \
        WHERE (gone_at IS NOT NULL) <> (step IS NOT NULL AND (step = 'WITHDRAWING' OR step = 'DONE')) \
        ORDER BY member.member_id";
    let mut members = |sql| Ok(session.query(sql, &[])?.iter().map(|row| row.int(0)).collect());
    Ok((members(unconfirmed)?, members(at_odds)?))
}

/// A withdrawal from its row.
pub(super) fn read_withdrawal(row: &Row) -> Withdrawal {
    Withdrawal {
        member_id: row.int(0),
        attempt: row.int(1),
        step: WithdrawalStep::from_name(row.text(2)).unwrap_or(WithdrawalStep::Done),
        forfeited_point: row.opt_int(3),
        coupons_cancelled: row.text(4) == "Y",
    }
}

fn yes_or_no(yes: bool) -> Value {
    Value::from(if yes { "Y" } else { "N" })
}

/// A member in a batch.
pub(super) struct Slot {
    pub(super) member: Member,
    pub(super) contacts: Kept,
    pub(super) joined_at: i64,
    pub(super) gone_at: Option<i64>,
    pub(super) withdrawal: Option<Withdrawal>,
    pub(super) requested_at: i64,
    pub(super) ended_at: Option<i64>,
    pub(super) reason: Option<String>,
    pub(super) changed: bool,
    pub(super) withdrawal_changed: bool,
}

impl Slot {
    pub(super) fn new(member_id: i64, contacts: Kept, now_ms: i64) -> Self {
        let member = Member {
            member_id,
            status: MemberStatus::Ready,
            phone_revision: 0,
            join_coupon: JoinCoupon::None,
            operator_told: false,
            sequence: 0,
        };
        Self {
            member,
            contacts,
            joined_at: now_ms,
            gone_at: None,
            withdrawal: None,
            requested_at: 0,
            ended_at: None,
            reason: None,
            changed: false,
            withdrawal_changed: false,
        }
    }

    pub(super) fn read(row: &Row) -> Self {
        let status = MemberStatus::from_name(row.text(2)).unwrap_or(MemberStatus::Abnormal);
        let member = Member {
            member_id: row.int(0),
            status,
            phone_revision: row.int(7),
            join_coupon: JoinCoupon::from_name(row.text(3)).unwrap_or(JoinCoupon::None),
            operator_told: row.text(4) == "Y",
            sequence: row.int(8),
        };
        let slot = Self::new(row.int(0), Kept::read(row.blob(1)), row.int(6));
        Self { member, gone_at: row.opt_int(9), ..slot }
    }

    pub(super) fn read_withdrawal(&mut self, row: &mut Row) {
        self.withdrawal = Some(read_withdrawal(row));
        self.requested_at = row.int(5);
        self.ended_at = row.opt_int(6);
        self.reason = row.take_text(7);
    }

    /// The member, unless gone.
    pub(super) fn present(&self) -> Option<&Member> {
        self.gone_at.is_none().then_some(&self.member)
    }

    pub(super) fn record(&mut self, event: &Event, out: &mut Out<'_>) -> Result<()> {
        member::apply(&mut self.member, &mut self.withdrawal, event);
        self.changed = true;
        let now_ms = out.moment.now_ms;
        match event {
            Event::WithdrawalRequested { .. } => {
                (self.requested_at, self.ended_at, self.reason) = (now_ms, None, None);
                self.withdrawal_changed = true;
            }
            Event::MemberWithdrawn { .. } => {
                self.contacts = Kept::Nothing;
                self.gone_at = Some(now_ms);
                self.withdrawal_changed = true;
                out.erase();
            }
            Event::WithdrawalReleased { .. } | Event::WithdrawalCompleted { .. } => {
                self.ended_at = Some(now_ms);
                self.withdrawal_changed = true;
            }
            Event::WithdrawalConfirmed { .. } => self.withdrawal_changed = true,
            // Of what it was before nothing is to be left either.
            Event::ContactsChanged { .. } => out.erase(),
            Event::MemberJoined { .. }
            | Event::StatusChanged { .. }
            | Event::CouponNoted { .. }
            | Event::OperatorNotified { .. } => {}
        }
        out.emit(self.member.member_id, self.member.sequence, event).map(|_| ())
    }

    /// The member's row.
    ///
    /// # Errors
    /// `Internal` if contact data cannot be sealed.
    pub(super) fn member_row(&self, seal: &Seal) -> Result<Row> {
        let Member { member_id, status, phone_revision, join_coupon, operator_told, sequence } = self.member;
        let cancelled = yes_or_no(join_coupon == JoinCoupon::Cancelled);
        let mut columns = vec![Value::Int(member_id), self.contacts.column(seal, member_id)?];
        columns.extend([status.name().into(), join_coupon.name().into(), yes_or_no(operator_told), cancelled]);
        columns.extend([self.joined_at.into(), phone_revision.into(), sequence.into(), self.gone_at.into()]);
        Ok(Row(columns))
    }

    pub(super) fn withdrawal_row(&self) -> Option<Row> {
        let Withdrawal { member_id, attempt, step, forfeited_point, coupons_cancelled } = self.withdrawal.clone()?;
        let followed = [forfeited_point.into(), yes_or_no(coupons_cancelled)];
        let columns = [member_id.into(), attempt.into(), step.name().into()].into_iter().chain(followed);
        let more = [self.requested_at.into(), self.ended_at.into(), self.reason.clone().into()];
        Some(Row(columns.chain(more).collect()))
    }
}

/// What a batch works on.
pub struct Loaded {
    pub(super) slots: HashMap<i64, Slot>,
    pub(super) free_numbers: VecDeque<i64>,
    /// Phone numbers that become NORMAL, and when they were welcomed.
    pub(super) welcomed: Digests,
    /// Phone numbers that join or come to a member, and when they had a join coupon or did so before.
    pub(super) coupons_given: Digests,
}
