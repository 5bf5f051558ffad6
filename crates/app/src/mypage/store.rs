//! My page's table, and its side of the funnel.

use std::collections::HashMap;

use domain::member::MemberStatus;
use platform::db::{Fill, Kind, Migration, Row, Session, Table, Value};
use platform::error::Result;
use platform::funnel::{Moment, Out, Writer};
use platform::log;
use platform::seal::Seal;
use sha2::{Digest as _, Sha256};

use super::coupons;
use super::donations::Told;
use super::shown::Shown;
use crate::member::Contacts;
use crate::point::EntryFacts;

/// Entries that a page shows.
const RECENT_ENTRIES: usize = 5;

/// The schema of mypage.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 5,
        name: "mypage_pages",
        sql: include_str!("../../../../migrations/0005_mypage_pages.sql"),
        lives_with: 5,
    },
    Migration {
        number: 9,
        name: "mypage_donations",
        sql: include_str!("../../../../migrations/0009_mypage_donations.sql"),
        lives_with: 5,
    },
    Migration {
        number: 20,
        name: "mypage_coupons",
        sql: include_str!("../../../../migrations/0020_mypage_coupons.sql"),
        lives_with: 5,
    },
    Migration {
        number: 23,
        name: "mypage_contacts",
        sql: include_str!("../../../../migrations/0023_mypage_contacts.sql"),
        lives_with: 23,
    },
    Migration {
        number: 26,
        name: "mypage_remains",
        sql: include_str!("../../../../migrations/0026_mypage_remains.sql"),
        lives_with: 23,
    },
];

/// Steps in Rust of [`MIGRATIONS`].
pub const FILLS: &[Fill] = &[(23, |tx, _| {
    // A process that still runs would carry on where it stood, and never fill what is emptied.
    platform::consumer::depose_followers(tx)?;
    platform::consumer::forget_cursors(tx)
})];

pub(super) static PAGE: Table = Table {
    name: "page",
    columns: &[
        ("member_id", Kind::Int),
        ("contacts", Kind::Blob),
        ("member_status", Kind::Text),
        ("remain_point", Kind::Int),
        ("recent", Kind::Text),
        ("member_sequence", Kind::Int),
        ("point_sequence", Kind::Int),
        ("gone", Kind::Int),
        ("donations", Kind::Text),
        ("donation_sequence", Kind::Int),
        ("coupons", Kind::Text),
        ("coupon_sequence", Kind::Int),
    ],
};

/// What an entry changes of a page. Entries are far the most of what changes, so they write nothing else.
static PAGE_POINTS: Table = Table {
    name: "page",
    columns: &[
        ("member_id", Kind::Int),
        ("remain_point", Kind::Int),
        ("recent", Kind::Text),
        ("point_sequence", Kind::Int),
    ],
};

pub(super) fn list_sql() -> String {
    format!(
        "SELECT {} FROM {} WHERE member_id > $1 AND gone = 0 AND member_sequence > 0 ORDER BY member_id LIMIT $2",
        PAGE.column_list(),
        PAGE.name
    )
}

/// Empties the read model and sets its consumers back to the start.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub(super) fn clear(tx: &mut dyn Session) -> Result<()> {
    tx.execute("DELETE FROM page", &[])?;
    platform::consumer::forget_cursors(tx)
}

/// A digest over every page, for comparing a page model with one rebuilt from the logs.
///
/// # Errors
/// `Unavailable` when the store cannot be reached; `seal.broken` if contact data cannot be opened.
pub(super) fn digest(session: &mut dyn Session, seal: &Seal) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut after = 0;
    let sql =
        format!("SELECT {} FROM {} WHERE member_id > $1 ORDER BY member_id LIMIT 5000", PAGE.column_list(), PAGE.name);
    loop {
        let mut rows = session.query(&sql, &[Value::Int(after)])?;
        for row in &mut rows {
            after = row.int(0);
            // The same is sealed differently each time.
            if let Some(sealed) = row.blob(1) {
                let shown = Shown::open(seal, after, sealed)?;
                row.0[1] = format!("{:?} {:?}", shown.nickname, shown.phone_no).into();
            }
            hasher.update(format!("{row:?}"));
        }
        if rows.is_empty() {
            let digest = hasher.finalize();
            return Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect());
        }
    }
}

/// A change of one page, from one event.
pub struct Command {
    pub(super) member_id: i64,
    /// The event's sequence in its log.
    pub(super) sequence: i64,
    pub(super) change: Change,
}

/// What changes.
pub enum Change {
    /// Contact data and status.
    Contacts { contacts: Contacts, status: MemberStatus },
    /// The status.
    Status(MemberStatus),
    /// The member is gone.
    Gone,
    /// Points moved.
    Entry { kind: &'static str, facts: EntryFacts, at_ms: i64 },
    /// A donation was asked for or decided.
    Donation(Told),
    /// Something happened to the member's coupons.
    Coupon(coupons::Told),
}

/// A page in a batch.
#[derive(Default)]
struct Page {
    /// Sealed; only a page that is shown is opened.
    contacts: Option<Vec<u8>>,
    member_status: String,
    remain_point: i64,
    recent: String,
    member_sequence: i64,
    point_sequence: i64,
    gone: bool,
    donations: String,
    donation_sequence: i64,
    coupons: String,
    coupon_sequence: i64,
    changed: bool,
    /// Whether more than points changed.
    is_reshaped: bool,
    is_known: bool,
}

impl Page {
    fn read(mut row: Row) -> (i64, Self) {
        let page = Self {
            contacts: row.blob(1).map(<[u8]>::to_vec),
            member_status: row.take_text(2).unwrap_or_default(),
            remain_point: row.int(3),
            recent: row.take_text(4).unwrap_or_default(),
            member_sequence: row.int(5),
            point_sequence: row.int(6),
            gone: row.int(7) != 0,
            donations: row.take_text(8).unwrap_or_default(),
            donation_sequence: row.int(9),
            coupons: row.take_text(10).unwrap_or_default(),
            coupon_sequence: row.int(11),
            changed: false,
            is_reshaped: false,
            is_known: true,
        };
        (row.int(0), page)
    }

    fn into_row(self, member_id: i64) -> Row {
        Row(vec![
            member_id.into(),
            self.contacts.into(),
            self.member_status.into(),
            self.remain_point.into(),
            self.recent.into(),
            self.member_sequence.into(),
            self.point_sequence.into(),
            i64::from(self.gone).into(),
            self.donations.into(),
            self.donation_sequence.into(),
            self.coupons.into(),
            self.coupon_sequence.into(),
        ])
    }

    fn into_points_row(self, member_id: i64) -> Row {
        Row(vec![member_id.into(), self.remain_point.into(), self.recent.into(), self.point_sequence.into()])
    }

    fn take(&mut self, Command { member_id, sequence, change }: &Command, seal: &Seal) -> Result<()> {
        let seen = match change {
            Change::Entry { .. } => &mut self.point_sequence,
            Change::Donation(_) => &mut self.donation_sequence,
            Change::Coupon(_) => &mut self.coupon_sequence,
            Change::Contacts { .. } | Change::Status(_) | Change::Gone => &mut self.member_sequence,
        };
        if self.gone || *sequence <= *seen {
            return Ok(());
        }
        *seen = *sequence;
        self.changed = true;
        self.is_reshaped |= !matches!(change, Change::Entry { .. });
        match change {
            Change::Contacts { contacts, status } => {
                let shown = Shown { nickname: contacts.nickname.clone(), phone_no: contacts.phone_no.clone() };
                self.contacts = Some(shown.seal(seal, *member_id)?);
                status.name().clone_into(&mut self.member_status);
            }
            Change::Status(status) => status.name().clone_into(&mut self.member_status),
            // Only the number stays, so that what comes late finds the member gone.
            Change::Gone => {
                *self = Self {
                    gone: true,
                    changed: true,
                    is_reshaped: true,
                    is_known: self.is_known,
                    member_sequence: *sequence,
                    ..Self::default()
                };
            }
            Change::Entry { kind, facts, at_ms } => {
                self.remain_point = facts.balance_after;
                let kept = self
                    .recent
                    .match_indices(';')
                    .nth(RECENT_ENTRIES - 2)
                    .map_or(self.recent.len(), |(end, _)| end + 1);
                let kept = &self.recent[..kept];
                self.recent = format!("{} {kind} {} {at_ms};{kept}", facts.entry_id, facts.amount);
            }
            Change::Donation(told) => self.donations = told.add_to(&self.donations),
            Change::Coupon(told) => self.coupons = told.add_to(&self.coupons),
        }
        Ok(())
    }
}

/// My page's side of the funnel.
pub struct PageWriter(pub(super) Seal);

/// What a batch works on.
pub struct Loaded(HashMap<i64, Page>);

impl Writer for PageWriter {
    type Command = Command;
    type Answer = ();
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let mut ids: Vec<i64> = commands.iter().map(|command| command.member_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let keys: Vec<Value> = ids.into_iter().map(Value::Int).collect();
        Ok(Loaded(tx.lock_many(&PAGE, &keys)?.into_iter().map(Page::read).collect()))
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<()> {
        let page = loaded.0.entry(command.member_id).or_default();
        let erases = match command.change {
            Change::Gone => true,
            // Who joins replaces nothing.
            Change::Contacts { .. } => page.contacts.is_some(),
            Change::Entry { .. } | Change::Status(_) | Change::Donation(_) | Change::Coupon(_) => false,
        };
        if erases {
            out.erase();
        }
        page.take(command, &self.0)
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        let mut changed: Vec<(i64, Page)> = loaded.0.into_iter().filter(|(_, page)| page.changed).collect();
        // In key order neighbouring pages share what is written.
        changed.sort_unstable_by_key(|(member_id, _)| *member_id);
        let (known, new): (Vec<_>, Vec<_>) = changed.into_iter().partition(|(_, page)| page.is_known);
        tx.insert_many(&PAGE, new.into_iter().map(|(member_id, page)| page.into_row(member_id)).collect())?;
        let (reshaped, moved): (Vec<_>, Vec<_>) = known.into_iter().partition(|(_, page)| page.is_reshaped);
        tx.update_many(&PAGE, reshaped.into_iter().map(|(member_id, page)| page.into_row(member_id)).collect())?;
        let moved = moved.into_iter().map(|(member_id, page)| page.into_points_row(member_id));
        tx.update_many(&PAGE_POINTS, moved.collect())
    }

    fn recall(&self, _command: &Command, _event: &log::Event) -> Result<()> {
        Ok(())
    }
}
