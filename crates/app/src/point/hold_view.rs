//! Holds on the wire, and the use cases about those that belong to no payment.

use domain::point::{self, Event, Hold, HoldStatus, Reference};
use platform::error::{Error, Result};
use platform::funnel::KeyStamp;
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::hold::{HoldCommand, HoldEnd, hold_unknown};
use super::hold_rows::{HOLD, StoredHold, newest_first};
use super::store::{ACCOUNT, Slot};
use super::writer::{Answer, Command};
use super::{Points, account_unknown, unexpected};
use crate::kit::ReferenceView;

/// A hold on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldView {
    /// The hold's number.
    pub hold_id: i64,
    /// Whose points.
    pub member_id: i64,
    /// Points that were set aside.
    #[schema(example = 500)]
    pub amount: i64,
    /// Points of them that were taken; the rest is free again.
    #[schema(example = 0)]
    pub captured: i64,
    /// `HELD`, `CAPTURED`, `RELEASED` or `EXPIRED`.
    #[schema(value_type = String, example = "HELD")]
    pub status: HoldStatus,
    /// From when on it cannot be captured, RFC 3339.
    #[schema(example = "2026-11-21T19:10:00.000+09:00")]
    pub expires_at: String,
    /// What it is about.
    #[schema(value_type = Option<ReferenceView>)]
    pub reference: Option<Reference>,
}

impl HoldView {
    pub(super) fn of(hold: &Hold, zone: &Zone) -> Self {
        Self {
            hold_id: hold.hold_id,
            member_id: hold.member_id,
            amount: hold.amount,
            captured: hold.captured,
            status: hold.status,
            expires_at: zone.format(hold.expires_at_ms),
            reference: hold.reference.clone(),
        }
    }
}

impl Points {
    /// Sets points of a member aside for 1 second to 7 days.
    ///
    /// # Errors
    /// 404 without an account, 409 when the rule refuses, 422 for an amount or a time that cannot be.
    pub async fn place_hold(
        &self,
        member_id: i64,
        (amount, ttl_s): (i64, i64),
        reference: Option<Reference>,
        stamp: Option<KeyStamp>,
    ) -> Result<HoldView> {
        self.ask_hold(HoldCommand::Place { member_id, amount, ttl_s, reference }, stamp).await
    }

    /// Takes so many points of a hold, or all of them; the rest is free again.
    ///
    /// # Errors
    /// 404 without such a hold of this member, 409 when it is over, is smaller or belongs to a payment, 422 for an
    /// amount that cannot be moved.
    pub async fn capture(
        &self,
        (member_id, hold_id): (i64, i64),
        amount: Option<i64>,
        stamp: Option<KeyStamp>,
    ) -> Result<HoldView> {
        let hold = Box::new(self.stored_hold(member_id, hold_id).await?);
        self.ask_hold(HoldCommand::End { hold, how: HoldEnd::Capture { amount } }, stamp).await
    }

    /// Lets all points of a hold go. One that was released before stays as it is.
    ///
    /// # Errors
    /// 404 without such a hold of this member, 409 when it was captured, has expired or belongs to a payment.
    pub async fn release(&self, (member_id, hold_id): (i64, i64), stamp: Option<KeyStamp>) -> Result<()> {
        let hold = Box::new(self.stored_hold(member_id, hold_id).await?);
        let command = HoldCommand::End { hold, how: HoldEnd::Release };
        self.funnel.ask(Command::Hold(command), stamp).await.map(|_| ())
    }

    async fn ask_hold(&self, command: HoldCommand, stamp: Option<KeyStamp>) -> Result<HoldView> {
        match self.funnel.ask(Command::Hold(command), stamp).await? {
            Answer::Hold(hold) => Ok(hold),
            _ => Err(unexpected()),
        }
    }

    /// One hold of a member.
    ///
    /// # Errors
    /// 404 when there is none, or the account is closed.
    pub async fn hold_view(&self, member_id: i64, hold_id: i64) -> Result<HoldView> {
        let hold = self.stored_hold(member_id, hold_id).await?;
        Ok(HoldView::of(&self.standing(hold), &self.kit.zone))
    }

    /// Up to `limit` holds of a member, the newest first, those before the hold `after`; and where the next page begins.
    ///
    /// # Errors
    /// 404 when there is no account, or it is closed; 422 for an `after` that no page of this list ended with.
    pub async fn hold_views(
        &self,
        member_id: i64,
        after: Option<i64>,
        limit: i64,
    ) -> Result<(Vec<HoldView>, Option<i64>)> {
        self.must_run()?;
        let slot = self.database.get(&ACCOUNT, member_id).await?.map(|row| Slot::read(&row));
        let slot = slot.filter(|slot| !slot.account.closed).ok_or_else(account_unknown)?;
        let place = after.unwrap_or(slot.last_hold);
        if place == 0 {
            return Ok((Vec::new(), None));
        }
        let rows = self.database.query(&newest_first(), &[place.into(), limit.into()]).await?;
        if rows.first().is_none_or(|row| row.int(1) != member_id) {
            return Err(Error::invalid("/query/after", "after must be taken from the _links.next of an earlier page"));
        }
        let stored: Vec<StoredHold> = rows.iter().filter_map(StoredHold::read).collect();
        let next = stored.last().map(|stored| stored.previous).filter(|place| *place != 0);
        let views = stored.into_iter().map(|stored| HoldView::of(&self.standing(stored.hold), &self.kit.zone));
        Ok((views.collect(), next))
    }

    async fn stored_hold(&self, member_id: i64, hold_id: i64) -> Result<Hold> {
        self.account(member_id).await?;
        let row = self.database.get(&HOLD, hold_id).await?;
        let stored = row.as_ref().and_then(StoredHold::read).map(|stored| stored.hold);
        stored.filter(|hold| hold.member_id == member_id).ok_or_else(hold_unknown)
    }

    /// A hold as it stands now: whose time is over has expired, whether or not that was noted.
    fn standing(&self, hold: Hold) -> Hold {
        match point::expire_hold(&hold, self.kit.clock.now_ms()) {
            Some(Event::HoldExpired(expired)) => expired,
            _ => hold,
        }
    }
}
