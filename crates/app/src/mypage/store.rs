//! My page's side of the funnel: pages and purchases, and what an event changes of them.

use std::collections::{HashMap, HashSet};

use domain::member::MemberStatus;
use platform::db::{Row, Session};
use platform::error::Result;
use platform::funnel::{Moment, Out, Writer};
use platform::log;
use platform::seal::Seal;

use super::coupons;
use super::donations::Told;
use super::purchases::{Purchases, keys};
use super::schema::{PAGE, PAGE_BOUGHT, PAGE_POINTS, PAGE_STANDING, has_bought};
use super::shown::Shown;
use super::told;
use crate::member::Contacts;
use crate::point::EntryFacts;

/// Entries that a page shows.
const RECENT_ENTRIES: usize = 5;

/// What one event changes.
pub enum Command {
    /// A page.
    Page(PageChange),
    /// A purchase.
    Purchase {
        /// The event's sequence in its log.
        sequence: i64,
        /// What it tells.
        told: told::Told,
    },
}

/// A change of one page, from one event.
pub struct PageChange {
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
    /// Whether the member ever bought something.
    bought: bool,
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
            bought: has_bought(&row),
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
            i64::from(self.bought).into(),
        ])
    }

    fn into_points_row(self, member_id: i64) -> Row {
        Row(vec![member_id.into(), self.remain_point.into(), self.recent.into(), self.point_sequence.into()])
    }

    /// Whether it is shown; of a member who is gone, or of whom only others have spoken, it is not.
    fn is_there(&self) -> bool {
        self.member_sequence > 0 && !self.gone
    }

    fn note_bought(&mut self) {
        if !self.bought {
            (self.bought, self.changed, self.is_reshaped) = (true, true, true);
        }
    }

    fn take(&mut self, PageChange { member_id, sequence, change }: &PageChange, seal: &Seal) -> Result<()> {
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
pub struct Loaded {
    pages: HashMap<i64, Page>,
    purchases: Purchases,
    /// Customers whose page does not know yet that they bought something, without those in `pages`.
    unaware: HashSet<i64>,
}

/// Pages that are locked.
#[derive(Default)]
struct Locked {
    pages: HashMap<i64, Page>,
    /// Whether customers have a page.
    have_pages: HashMap<i64, bool>,
    unaware: HashSet<i64>,
}

/// Members whose pages may come or go by these commands, which their purchases have to know.
fn come_and_go(commands: &[&Command], pages: &HashMap<i64, Page>) -> Vec<i64> {
    let may = |command: &&Command| match command {
        Command::Page(PageChange { member_id, change: Change::Contacts { .. } | Change::Status(_), .. }) => {
            Some(*member_id).filter(|member_id| !pages.get(member_id).is_some_and(Page::is_there))
        }
        Command::Page(PageChange { member_id, change: Change::Gone, .. }) => Some(*member_id),
        _ => None,
    };
    commands.iter().filter_map(may).collect()
}

/// Locks the pages that commands are about and those of customers, all of them in one order; and whether customers have
/// one.
fn lock_pages(tx: &mut dyn Session, ids: Vec<i64>, customers: Vec<i64>) -> Result<Locked> {
    let wanted = keys(ids.iter().copied());
    let (mut rows, mut locked) = (Vec::new(), Locked::default());
    if !customers.is_empty() {
        let all = keys(ids.into_iter().chain(customers));
        let standing = tx.lock_many(&PAGE_STANDING, &all)?;
        locked.have_pages = standing.iter().map(|row| (row.int(0), row.int(1) > 0 && row.int(2) == 0)).collect();
        locked.unaware = standing.iter().filter(|row| row.int(3) == 0).map(|row| row.int(0)).collect();
        if !wanted.is_empty() {
            rows = tx.load_many(&PAGE, &wanted)?;
        }
    } else if !wanted.is_empty() {
        rows = tx.lock_many(&PAGE, &wanted)?;
    }
    locked.pages = rows.into_iter().map(Page::read).collect();
    Ok(locked)
}

impl Writer for PageWriter {
    type Command = Command;
    type Answer = ();
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        let page_of = |command: &&Command| match command {
            Command::Page(change) => Some(change.member_id),
            Command::Purchase { .. } => None,
        };
        let told = commands.iter().filter_map(|command| match command {
            Command::Page(_) => None,
            Command::Purchase { told, .. } => Some(told),
        });
        let ids: Vec<i64> = commands.iter().filter_map(page_of).collect();
        let customers = told.clone().filter_map(told::Told::customer_id).collect();
        let Locked { pages, have_pages, unaware } = lock_pages(tx, ids, customers)?;
        let purchases = Purchases::load(tx, told, come_and_go(commands, &pages), have_pages)?;
        Ok(Loaded { pages, purchases, unaware })
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<()> {
        let change = match command {
            Command::Page(change) => change,
            Command::Purchase { sequence, told } => {
                loaded.purchases.take(*sequence, told);
                return Ok(());
            }
        };
        let page = loaded.pages.entry(change.member_id).or_default();
        let erases = match change.change {
            Change::Gone => true,
            // Who joins replaces nothing.
            Change::Contacts { .. } => page.contacts.is_some(),
            Change::Entry { .. } | Change::Status(_) | Change::Donation(_) | Change::Coupon(_) => false,
        };
        if erases {
            out.erase();
        }
        page.take(change, &self.0)
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        let Loaded { mut pages, mut purchases, unaware } = loaded;
        pages.iter().for_each(|(member_id, page)| purchases.note_page(*member_id, page.is_there()));
        let mut told = Vec::new();
        for customer_id in purchases.customers() {
            match pages.get_mut(&customer_id) {
                Some(page) => page.note_bought(),
                None if unaware.contains(&customer_id) => told.push(Row(vec![customer_id.into(), 1.into()])),
                None => {}
            }
        }
        if !told.is_empty() {
            tx.update_many(&PAGE_BOUGHT, told)?;
        }
        purchases.store(tx)?;
        let mut changed: Vec<(i64, Page)> = pages.into_iter().filter(|(_, page)| page.changed).collect();
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
