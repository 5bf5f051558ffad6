//! What a batch of coupon works on: the wallets and coupons that its commands touch, locked, and what became of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::coupon::code::Code;
use domain::coupon::{self, CouponStatus, Event, Wallet};
use domain::kernel::Day;
use platform::db::{Session, Value};
use platform::error::{Error, Result};
use platform::funnel::Out;

use super::campaign::{self, Campaigns};
use super::store::{COUPON, COUPON_STATE, Slot, Stored, WALLET};
use crate::kit::lock_numbers;

/// Rows of a batch.
#[derive(Default)]
pub struct Loaded {
    pub(super) wallets: BTreeMap<i64, Slot>,
    pub(super) coupons: BTreeMap<i64, Stored>,
    /// Numbers for new coupons.
    pub(super) numbers: VecDeque<i64>,
    /// Codes for join coupons.
    pub(super) join_codes: VecDeque<Code>,
    fresh: BTreeSet<i64>,
    changed: BTreeSet<i64>,
    /// Campaigns, of coupons that are touched too.
    pub(super) campaigns: Campaigns,
    /// Log rows beyond the usual.
    pub(super) more_rows: usize,
}

/// What the commands of a batch touch.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) coupons: Vec<i64>,
    /// Members whose wallets are touched, beside those of the coupons.
    pub(super) members: Vec<i64>,
    /// Members who leave for good.
    pub(super) leaving: Vec<i64>,
    /// What is touched of campaigns, beside those of the coupons.
    pub(super) campaigns: campaign::Touched,
}

/// The coupons of a member from `$1` backwards, at most `$2`, as `walk`.
pub(super) fn newest_first() -> String {
    COUPON.walk("previous")
}

impl Loaded {
    /// Finds and locks what is touched: coupons, the wallets they are in, and what leaving members would lose.
    pub(super) fn load(tx: &mut dyn Session, mut touched: Touched, today: Day) -> Result<Self> {
        let mut loaded = Self::default();
        let coupons = lock_numbers(tx, &COUPON, touched.coupons)?;
        loaded.coupons = coupons.iter().map(|row| (row.int(0), Stored::read(row))).collect();
        let owners = loaded.coupons.values().filter_map(|stored| stored.coupon.member_id);
        // Who brings a code that nobody has may have had as many as one member may.
        if loaded.coupons.values().any(|stored| stored.coupon.member_id.is_none()) {
            touched.campaigns.members.extend(&touched.members);
        }
        let wallets = lock_numbers(tx, &WALLET, owners.chain(touched.members).chain(touched.leaving.iter().copied()))?;
        loaded.wallets = wallets.iter().map(|row| (row.int(0), Slot::read(row))).collect();
        for member_id in touched.leaving {
            loaded.load_issued(tx, member_id, today)?;
        }
        touched.campaigns.campaigns.extend(loaded.coupons.values().filter_map(|stored| stored.coupon.campaign_id));
        loaded.campaigns = Campaigns::load(tx, touched.campaigns)?;
        Ok(loaded)
    }

    /// Loads the coupons that a member would lose: one for joining and at most `MAX_PER_MEMBER` of each campaign. Not
    /// sorted: so the walk ends where all of them are found.
    fn load_issued(&mut self, tx: &mut dyn Session, member_id: i64, today: Day) -> Result<()> {
        let slot = self.wallets.get(&member_id).filter(|slot| slot.wallet.issued > 0);
        let Some(Slot { wallet, last_coupon, .. }) = slot else { return Ok(()) };
        let columns = COUPON.column_list();
        let sql = format!("{} SELECT {columns} FROM walk WHERE status = 'ISSUED' LIMIT $3", newest_first());
        // Other writers of coupon wait for their turn, so these rows need no lock of their own.
        let rows = tx.query(&sql, &[*last_coupon, i64::MAX, wallet.issued].map(Value::Int))?;
        for stored in rows.iter().map(Stored::read) {
            // One that is over leaves an event of its own.
            self.more_rows += usize::from(stored.coupon.standing(today) == CouponStatus::Expired);
            self.coupons.entry(stored.coupon.coupon_id).or_insert(stored);
        }
        Ok(())
    }

    pub(super) fn wallet(&self, member_id: i64) -> Option<&Wallet> {
        self.wallets.get(&member_id).map(|slot| &slot.wallet)
    }

    /// The coupons of a member that are not redeemed, cancelled or expired, as far as they are loaded; all of them for
    /// one who leaves.
    pub(super) fn issued_of(&self, member_id: i64) -> Vec<i64> {
        let is_issued = |stored: &&Stored| {
            stored.coupon.member_id == Some(member_id) && stored.coupon.status == CouponStatus::Issued
        };
        self.coupons.values().filter(is_issued).map(|stored| stored.coupon.coupon_id).collect()
    }

    /// Takes a coupon in that was just made and that nobody has yet.
    pub(super) fn add(&mut self, stored: Stored) {
        self.fresh.insert(stored.coupon.coupon_id);
        self.coupons.insert(stored.coupon.coupon_id, stored);
    }

    /// Takes what happened to a member's wallet or a coupon in it in, and tells of it. A wallet that was not there is
    /// there from now on.
    pub(super) fn record(&mut self, member_id: i64, event: &Event, out: &mut Out<'_>) -> Result<()> {
        let slot = self.wallets.entry(member_id).or_insert_with(|| Slot::new(member_id));
        slot.changed = true;
        match event.coupon_id() {
            Some(coupon_id) => {
                let gone = || Error::internal("an event is about a coupon that was not loaded");
                let stored = self.coupons.get_mut(&coupon_id).ok_or_else(gone)?;
                if stored.coupon.member_id.is_none() {
                    stored.previous = std::mem::replace(&mut slot.last_coupon, coupon_id);
                }
                coupon::apply(&mut slot.wallet, Some(&mut stored.coupon), event);
                self.changed.insert(coupon_id);
            }
            None => coupon::apply(&mut slot.wallet, None, event),
        }
        out.emit(member_id, slot.wallet.sequence, event)?;
        self.campaigns.count(event)
    }

    /// Changes a coupon beside what its events say: what it was used for, that it was lost.
    pub(super) fn change(&mut self, coupon_id: i64, change: impl FnOnce(&mut Stored)) {
        if let Some(stored) = self.coupons.get_mut(&coupon_id) {
            change(stored);
            self.changed.insert(coupon_id);
        }
    }

    pub(super) fn store(self, tx: &mut dyn Session) -> Result<()> {
        self.campaigns.store(tx)?;
        let slots = self.wallets.values().filter(|slot| slot.changed);
        let (new, known): (Vec<&Slot>, Vec<&Slot>) = slots.partition(|slot| slot.is_new);
        tx.insert_many(&WALLET, new.into_iter().map(Slot::to_row).collect())?;
        tx.update_many(&WALLET, known.into_iter().map(Slot::to_row).collect())?;
        let fresh = self.fresh.iter().filter_map(|id| self.coupons.get(id)).map(Stored::to_row);
        tx.insert_many(&COUPON, fresh.collect())?;
        // What was made and changed in one batch is written once.
        let changed = self.changed.difference(&self.fresh).filter_map(|id| self.coupons.get(id));
        tx.update_many(&COUPON_STATE, changed.map(Stored::to_state_row).collect())
    }
}
