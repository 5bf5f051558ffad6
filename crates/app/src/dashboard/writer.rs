//! The dashboard's side of the funnel: folds what was told into rows.

use std::collections::{HashMap, HashSet};

use domain::deal;
use domain::donation;
use domain::member::{self, MemberStatus, WithdrawalStep};
use domain::settlement;
use platform::db::{Row, Session, Value};
use platform::error::Result;
use platform::funnel::{Moment, Out, Writer};
use platform::log;
use platform::zone::Zone;

use super::coupons::CouponsMoved;
use super::days::Days;
use super::deals::{Deals, needed};
use super::purchases::{Purchased, Purchases};
use super::reactions::Moved;
use super::store::{COUPON, DEAL, DONATION, MARK, MEMBER, MERCHANT, Member, Merchant, POINT, mark_name};
use super::sums::{BILLED, JOINED, Sums, WITHDRAWN, coupon_kind, entry_kind, member_kind, plus};

/// Something that was told. Each but entries has the number of its event, for events are taken in once.
pub enum Command {
    /// Entries of the ledger, summed up by day and kind. They have no number of their own here: the cursor that moves
    /// in the same transaction says which were counted.
    Entries(Vec<Moved>),
    /// Coupons, counted by day and kind, as entries are.
    Coupons(Vec<CouponsMoved>),
    /// An event of deal, about this merchant.
    Deal {
        /// The merchant.
        merchant_id: i64,
        /// Number among the merchant's events.
        sequence: i64,
        /// What happened.
        event: deal::Event,
    },
    /// An event of settlement.
    Settlement {
        /// Number among the merchant's events of settlement.
        sequence: i64,
        /// What happened.
        event: settlement::Event,
    },
    /// An event of member.
    Member {
        /// The member.
        member_id: i64,
        /// Number among the member's events.
        sequence: i64,
        /// When, in milliseconds since 1970 in UTC.
        at_ms: i64,
        /// What happened.
        event: member::Event,
    },
    /// A donation was asked for.
    DonationRequested {
        /// The donation.
        donation_id: i64,
        /// Who gives.
        member_id: i64,
        /// When, in milliseconds since 1970 in UTC.
        at_ms: i64,
    },
    /// A donation was decided.
    DonationEnded {
        /// The donation.
        donation_id: i64,
    },
    /// Something happened to a purchase or to what is sold.
    Purchased(Purchased),
}

impl Command {
    /// What an event of donation comes to; nothing for one that never was under way.
    pub(super) fn of_donation(event: &donation::Event, at_ms: i64) -> Option<Self> {
        match *event {
            donation::Event::DonationRequested { donation_id, member_id, .. } => {
                Some(Self::DonationRequested { donation_id, member_id, at_ms })
            }
            donation::Event::DonationEnded { donation_id, .. } => Some(Self::DonationEnded { donation_id }),
            donation::Event::DonationRefused { .. }
            | donation::Event::CauseOpened { .. }
            | donation::Event::CauseChanged { .. } => None,
        }
    }
}

/// A donation that point was to decide.
#[derive(Debug, Clone, Copy, Default)]
struct Donation {
    member_id: i64,
    requested_at_ms: i64,
    ended: bool,
}

/// The dashboard's writer.
pub struct DashboardWriter {
    days: Days,
}

impl DashboardWriter {
    /// A writer that counts days in this zone.
    pub(super) fn new(zone: Zone) -> Self {
        Self { days: Days::new(zone) }
    }
}

/// What a batch works on.
#[derive(Default)]
pub struct Loaded {
    merchants: HashMap<i64, Merchant>,
    deals: Deals,
    /// Merchant, month, and up to which event its lines are billed.
    marks: HashMap<String, (i64, i64, i64)>,
    members: HashMap<i64, Member>,
    donations: HashMap<i64, Donation>,
    purchases: Purchases,
    sums: Sums,
}

/// Keys of rows, each once and in order.
fn keys(ids: impl Iterator<Item = i64>) -> Vec<Value> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().map(Value::Int).collect()
}

impl Loaded {
    fn load(tx: &mut dyn Session, commands: &[&Command]) -> Result<Self> {
        let (mut merchants, mut members, mut donations, mut marks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for command in commands {
            match command {
                Command::Entries(_) | Command::Coupons(_) | Command::Purchased(_) => {}
                Command::Deal { merchant_id, .. } => merchants.push(*merchant_id),
                Command::Settlement { event: settlement::Event::Billed { merchant_id, billing_month, .. }, .. } => {
                    merchants.push(*merchant_id);
                    marks.push(mark_name(*merchant_id, *billing_month));
                }
                Command::Member { member_id, .. } => members.push(*member_id),
                Command::DonationRequested { donation_id, .. } | Command::DonationEnded { donation_id } => {
                    donations.push(*donation_id);
                }
            }
        }
        let bought = commands.iter().filter_map(|command| match command {
            Command::Purchased(purchased) => Some(purchased),
            _ => None,
        });
        let mut loaded = Self { purchases: Purchases::load(tx, bought)?, ..Self::default() };
        if !merchants.is_empty() {
            loaded.merchants =
                tx.lock_many(&MERCHANT, &keys(merchants.into_iter()))?.into_iter().map(Merchant::read).collect();
            loaded.deals = Deals::read(tx.load_many(&DEAL, &loaded.wanted_deals(commands))?);
        }
        if !marks.is_empty() {
            marks.sort_unstable();
            marks.dedup();
            let rows = tx.lock_many(&MARK, &marks.into_iter().map(Value::Text).collect::<Vec<_>>())?;
            loaded.marks =
                rows.iter().map(|row| (row.text(0).to_owned(), (row.int(1), row.int(2), row.int(3)))).collect();
        }
        if !members.is_empty() {
            let rows = tx.lock_many(&MEMBER, &keys(members.into_iter()))?;
            loaded.members = rows.into_iter().map(Member::read).collect();
        }
        if !donations.is_empty() {
            let read =
                |row: &Row| Donation { member_id: row.int(1), requested_at_ms: row.int(2), ended: row.int(3) != 0 };
            let rows = tx.lock_many(&DONATION, &keys(donations.into_iter()))?;
            loaded.donations = rows.iter().map(|row| (row.int(0), read(row))).collect();
        }
        Ok(loaded)
    }

    /// The stored deals that these commands are about. A deal that begins among them is not looked for: most do.
    fn wanted_deals(&self, commands: &[&Command]) -> Vec<Value> {
        let mut sequences: HashMap<i64, i64> = HashMap::new();
        let (mut begun, mut wanted) = (HashSet::new(), Vec::new());
        for command in commands {
            let Command::Deal { merchant_id, sequence, event } = command else { continue };
            let stored = self.merchants.get(merchant_id).map_or(0, |merchant| merchant.deal_sequence);
            let seen = sequences.entry(*merchant_id).or_insert(stored);
            if *sequence <= *seen {
                continue;
            }
            *seen = *sequence;
            let (begins, others) = needed(event);
            begun.extend(begins);
            wanted.extend(others.into_iter().flatten().filter(|deal_id| !begun.contains(deal_id)));
        }
        keys(wanted.into_iter())
    }

    fn take_deal(&mut self, merchant_id: i64, sequence: i64, event: &deal::Event, days: &mut Days) -> Result<()> {
        let merchant = self.merchants.entry(merchant_id).or_default();
        if sequence <= merchant.deal_sequence {
            return Ok(());
        }
        merchant.deal_sequence = sequence;
        self.deals.take(merchant, sequence, event, (days, &mut self.sums))
    }

    fn take_settlement(&mut self, sequence: i64, event: &settlement::Event, days: &mut Days) -> Result<()> {
        let settlement::Event::Billed {
            merchant_id,
            billing_month,
            used_point,
            billing_amount,
            through,
            billed_at_ms,
            ..
        } = *event;
        let merchant = self.merchants.entry(merchant_id).or_default();
        if sequence <= merchant.settlement_sequence {
            return Ok(());
        }
        merchant.settlement_sequence = sequence;
        merchant.billed_point = plus(merchant.billed_point, used_point)?;
        let mark = self.marks.entry(mark_name(merchant_id, billing_month)).or_insert((merchant_id, billing_month, 0));
        mark.2 = mark.2.max(through);
        self.sums.add(days.of(billed_at_ms), BILLED.to_owned(), 1, billing_amount)
    }

    fn take_member(
        &mut self,
        (member_id, sequence, at_ms): (i64, i64, i64),
        event: &member::Event,
        days: &mut Days,
    ) -> Result<()> {
        let known = self.members.contains_key(&member_id);
        let fresh = Member { status: MemberStatus::Ready, gone: false, withdrawal: None, followed: None, sequence: 0 };
        let member = self.members.entry(member_id).or_insert(fresh);
        if sequence <= member.sequence {
            return Ok(());
        }
        member.sequence = sequence;
        let sums = &mut self.sums;
        if !known {
            sums.add_standing(member_kind(member.status), 1)?;
        }
        match *event {
            member::Event::MemberJoined { .. } => sums.add(days.of(at_ms), JOINED.to_owned(), 1, 0)?,
            member::Event::ContactsChanged { status, .. } | member::Event::StatusChanged { status, .. } => {
                if !member.gone {
                    sums.add_standing(member_kind(member.status), -1)?;
                    sums.add_standing(member_kind(status), 1)?;
                }
                member.status = status;
            }
            member::Event::WithdrawalRequested { .. } => {
                member.withdrawal = Some((WithdrawalStep::Preparing.name().to_owned(), at_ms));
                member.followed = None;
            }
            member::Event::MemberWithdrawn { .. } => {
                let asked_ms = member.withdrawal.take().map_or(at_ms, |(_, asked_ms)| asked_ms);
                member.withdrawal = Some((WithdrawalStep::Withdrawing.name().to_owned(), asked_ms));
                if !member.gone {
                    sums.add_standing(member_kind(member.status), -1)?;
                    sums.add(days.of(at_ms), WITHDRAWN.to_owned(), 1, 0)?;
                }
                member.gone = true;
            }
            member::Event::WithdrawalReleased { .. } | member::Event::WithdrawalCompleted { .. } => {
                (member.withdrawal, member.followed) = (None, None);
            }
            member::Event::WithdrawalConfirmed { forfeited_point, .. } => {
                member.followed = Some(if forfeited_point.is_some() { POINT } else { COUPON });
            }
            member::Event::CouponNoted { .. } | member::Event::OperatorNotified { .. } => {}
        }
        Ok(())
    }
}

impl Writer for DashboardWriter {
    type Command = Command;
    type Answer = ();
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], _moment: &Moment) -> Result<Loaded> {
        Loaded::load(tx, commands)
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, _out: &mut Out<'_>) -> Result<()> {
        let days = &mut self.days;
        match command {
            Command::Entries(moved) => moved
                .iter()
                .try_for_each(|moved| loaded.sums.add(moved.day, entry_kind(moved.kind), moved.quantity, moved.point)),
            Command::Coupons(moved) => moved
                .iter()
                .try_for_each(|moved| loaded.sums.add(moved.day, coupon_kind(moved.kind), moved.quantity, 0)),
            Command::Deal { merchant_id, sequence, event } => loaded.take_deal(*merchant_id, *sequence, event, days),
            Command::Settlement { sequence, event } => loaded.take_settlement(*sequence, event, days),
            Command::Member { member_id, sequence, at_ms, event } => {
                loaded.take_member((*member_id, *sequence, *at_ms), event, days)
            }
            Command::DonationRequested { donation_id, member_id, at_ms } => {
                let fresh = Donation { member_id: *member_id, requested_at_ms: *at_ms, ended: false };
                loaded.donations.entry(*donation_id).or_insert(fresh);
                Ok(())
            }
            Command::DonationEnded { donation_id } => {
                loaded.donations.entry(*donation_id).or_default().ended = true;
                Ok(())
            }
            Command::Purchased(purchased) => loaded.purchases.take(purchased, (days, &mut loaded.sums)),
        }
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        let Loaded { merchants, deals, marks, members, donations, purchases, sums } = loaded;
        deals.store(tx)?;
        purchases.store(tx)?;
        let rows = |rows: &mut dyn Iterator<Item = (i64, Row)>| -> Vec<Row> {
            let mut rows: Vec<(i64, Row)> = rows.collect();
            rows.sort_unstable_by_key(|(id, _)| *id);
            rows.into_iter().map(|(_, row)| row).collect()
        };
        let merchants = rows(&mut merchants.into_iter().map(|(id, merchant)| (id, merchant.into_row(id))));
        tx.upsert_many(&MERCHANT, merchants)?;
        let mark = |(name, (merchant_id, month, through)): (String, (i64, i64, i64))| {
            Row(vec![name.into(), merchant_id.into(), month.into(), through.into()])
        };
        tx.upsert_many(&MARK, marks.into_iter().map(mark).collect())?;
        let members = rows(&mut members.into_iter().map(|(id, member)| (id, member.into_row(id))));
        tx.upsert_many(&MEMBER, members)?;
        let donation = |(id, donation): (i64, Donation)| {
            let Donation { member_id, requested_at_ms, ended } = donation;
            (id, Row(vec![id.into(), member_id.into(), requested_at_ms.into(), i64::from(ended).into()]))
        };
        tx.upsert_many(&DONATION, rows(&mut donations.into_iter().map(donation)))?;
        sums.store(tx)
    }

    fn recall(&self, _command: &Command, _event: &log::Event) -> Result<()> {
        Ok(())
    }
}
