//! What a batch of membership works on: the rows that its commands touch, locked, and what became of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::membership::{self, Event, Membership, UnitClaim};
use platform::db::{Row, Session};
use platform::error::{Error, Result};
use platform::funnel::Out;

use super::store::{MEMBERSHIP, MEMBERSHIP_STATE, UNIT, membership_row, read_membership, state_row};
use crate::kit::lock_numbers;

/// Rows of a batch.
#[derive(Default)]
pub struct Loaded {
    memberships: BTreeMap<i64, Membership>,
    claims: BTreeMap<i64, UnitClaim>,
    pub(super) numbers: VecDeque<i64>,
    fresh: BTreeSet<i64>,
    changed: BTreeSet<i64>,
    fresh_claims: BTreeSet<i64>,
}

impl Loaded {
    /// Locks these memberships and those that they renew, and finds what became of these units. Two processes that
    /// decide about one unit at the same time meet at its row, which only one of them can add.
    pub(super) fn load(tx: &mut dyn Session, memberships: Vec<i64>, units: Vec<i64>) -> Result<Self> {
        let mut loaded = Self::default();
        loaded.lock(tx, memberships)?;
        let renewed = loaded.memberships.values().filter_map(|membership| membership.facts.renews_mem_id);
        let renewed = renewed.filter(|mem_id| !loaded.memberships.contains_key(mem_id)).collect();
        loaded.lock(tx, renewed)?;
        for row in lock_numbers(tx, &UNIT, units)? {
            loaded.claims.insert(row.int(0), row.opt_int(1).map_or(UnitClaim::Refused, UnitClaim::Membership));
        }
        Ok(loaded)
    }

    fn lock(&mut self, tx: &mut dyn Session, numbers: Vec<i64>) -> Result<()> {
        let rows = lock_numbers(tx, &MEMBERSHIP, numbers)?;
        self.memberships.extend(rows.iter().map(|row| (row.int(0), read_membership(row))));
        Ok(())
    }

    pub(super) fn membership(&self, mem_id: i64) -> Option<&Membership> {
        self.memberships.get(&mem_id)
    }

    pub(super) fn claim(&self, unit_id: i64) -> Option<UnitClaim> {
        self.claims.get(&unit_id).copied()
    }

    /// Takes what happened to a membership in, and tells of it.
    pub(super) fn record(
        &mut self,
        (mem_id, renews): (i64, Option<i64>),
        event: &Event,
        out: &mut Out<'_>,
    ) -> Result<Membership> {
        let mut membership = self.memberships.remove(&mem_id);
        if membership.is_some() {
            self.changed.insert(mem_id);
        } else {
            self.fresh.insert(mem_id);
        }
        let mut renewed = renews.and_then(|renews| self.memberships.get_mut(&renews));
        let renewed_by = renewed.as_ref().map(|renewed| renewed.renewed_by);
        membership::apply(&mut membership, renewed.as_deref_mut(), event);
        if let Some(renewed) = renewed.filter(|renewed| Some(renewed.renewed_by) != renewed_by) {
            self.changed.insert(renewed.facts.mem_id);
        }
        let membership = membership.ok_or_else(|| Error::internal("an event about a membership left none"))?;
        if matches!(event, Event::MembershipRequested(_)) {
            self.note(membership.facts.unit_id, UnitClaim::Membership(mem_id));
        }
        out.emit(mem_id, membership.sequence, event)?;
        self.memberships.insert(mem_id, membership.clone());
        Ok(membership)
    }

    /// A unit never becomes a membership. Its events have numbers below zero as their subjects.
    pub(super) fn refuse(&mut self, unit_id: i64, event: &Event, out: &mut Out<'_>) -> Result<()> {
        self.note(unit_id, UnitClaim::Refused);
        out.emit(-unit_id, 1, event).map(|_| ())
    }

    fn note(&mut self, unit_id: i64, claim: UnitClaim) {
        self.claims.insert(unit_id, claim);
        self.fresh_claims.insert(unit_id);
    }

    pub(super) fn store(self, tx: &mut dyn Session) -> Result<()> {
        let Self { memberships, claims, fresh, changed, fresh_claims, .. } = self;
        let claim = |unit_id: &i64| {
            let mem_id = match claims.get(unit_id)? {
                UnitClaim::Membership(mem_id) => Some(*mem_id),
                UnitClaim::Refused => None,
            };
            Some(Row(vec![(*unit_id).into(), mem_id.into()]))
        };
        tx.insert_many(&UNIT, fresh_claims.iter().filter_map(claim).collect())?;
        // What was bought and changed in one batch is written once.
        let changed = changed.difference(&fresh).filter_map(|id| memberships.get(id)).map(state_row);
        let fresh = fresh.iter().filter_map(|id| memberships.get(id)).map(membership_row);
        tx.insert_many(&MEMBERSHIP, fresh.collect())?;
        tx.update_many(&MEMBERSHIP_STATE, changed.collect())
    }
}
