//! The daily walk over coupons: what is over expires.
//!
//! Once for each day of the programme. Join coupons are looked at one and all, as each member's ends on another day;
//! then campaigns whose last day is over and that have coupons left, in order, each coupon once. How far it has come is
//! stored, so that a restart carries on; a page that is looked at twice does no harm, because the rule decides at the
//! commit. A coupon that is over cannot be redeemed meanwhile either: redeeming looks at its dates.

use std::sync::Arc;

use platform::db::Session;
use platform::error::{Error, ErrorKind, Result};
use platform::lease::{self, Fence};

use super::super::Coupons;
use super::super::store::{StoredCoupon, coupons_of, write_date};
use super::super::writer::Command;
use super::CampaignCommand;
use super::rows::{WalkPlace, next_ended, save_walk_place, walk_place};

/// The job, in leases and for whoever looks at threads.
pub const EXPIRY_JOB: &str = "coupon-expiry";
/// Coupons looked at in a step; as many commands may follow, which the queue has room for.
const PAGE_COUPONS: i64 = 1_000;
/// How often the place is stored and the lease renewed.
const SAVE_EVERY_MS: i64 = 1_000;

/// Walks over the coupons; each process has one, and one at a time walks.
pub struct ExpiryWalk {
    coupons: Arc<Coupons>,
    session: Option<Box<dyn Session>>,
    place: Option<Place>,
    /// The day whose walk is over, however it was done.
    done_day: Option<i64>,
}

/// How far the walk of a day has come.
#[derive(Clone, Copy)]
struct Place {
    at: WalkPlace,
    saved_at_ms: i64,
    fence: Fence,
}

impl ExpiryWalk {
    /// A walk that has not begun.
    pub(in super::super) fn new(coupons: Arc<Coupons>) -> Self {
        Self { coupons, session: None, place: None, done_day: None }
    }

    /// Looks at the next page of coupons; how many there were, from 1. 0 when today's walk is over, when another
    /// process does it, or when the context is stopped.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached or the context has too much to do; the page is looked at again.
    pub fn step(&mut self) -> Result<usize> {
        let day = i64::from(self.coupons.today().number());
        if self.done_day == Some(day) || !self.coupons.funnel.is_open() {
            return Ok(0);
        }
        let place = match self.place.filter(|place| place.at.day == day) {
            Some(place) => place,
            None => match self.begin(day)? {
                Some(place) => place,
                None => return Ok(0),
            },
        };
        let walked = self.walk(place);
        if walked.is_err() {
            // Another process may have taken the job over; what is stored says where it goes on.
            (self.place, self.session) = (None, None);
        }
        walked
    }

    fn walk(&mut self, place: Place) -> Result<usize> {
        let today = write_date(self.coupons.today());
        let WalkPlace { campaign_id, after_coupon, .. } = place.at;
        let of = Some(campaign_id).filter(|campaign_id| *campaign_id > 0);
        let page = coupons_of(self.session()?, of, after_coupon, PAGE_COUPONS)?;
        self.expire(&page, of, &today, place.fence)?;
        let mut at = WalkPlace { after_coupon: page.last().map_or(after_coupon, |last| last.coupon_id), ..place.at };
        if i64::try_from(page.len()).unwrap_or(i64::MAX) < PAGE_COUPONS {
            match next_ended(self.session()?, campaign_id, &today)? {
                Some(campaign_id) => (at.campaign_id, at.after_coupon) = (campaign_id, 0),
                None => at.done = true,
            }
        }
        let now_ms = self.coupons.kit.clock.monotonic_ms();
        let place = Place { at, ..place };
        self.place = Some(place);
        if at.done || now_ms - place.saved_at_ms >= SAVE_EVERY_MS {
            self.save(Place { saved_at_ms: now_ms, ..place })?;
        }
        Ok(page.len().max(1))
    }

    /// Where today's walk goes on; nothing if it is over, or another process does it.
    fn begin(&mut self, day: i64) -> Result<Option<Place>> {
        let kit = &self.coupons.kit;
        let (now_ms, saved_at_ms) = (kit.clock.now_ms(), kit.clock.monotonic_ms());
        let (is_over, ours) = self.coupons.funnel.with_session(|tx| {
            let stored = walk_place(tx, EXPIRY_JOB)?.filter(|place| place.day == day);
            let at = stored.unwrap_or(WalkPlace { day, ..WalkPlace::default() });
            let number = if at.done { None } else { lease::hold(tx, EXPIRY_JOB, &kit.holder, now_ms)? };
            Ok((at.done, number.map(|number| (at, Fence { lease: EXPIRY_JOB, number }))))
        })?;
        if is_over {
            self.done_day = Some(day);
        }
        Ok(ours.map(|(at, fence)| Place { at, saved_at_ms, fence }))
    }

    /// Has those of these coupons expire that are over.
    fn expire(&self, page: &[StoredCoupon], of: Option<i64>, today: &str, fence: Fence) -> Result<()> {
        let over: Vec<&StoredCoupon> = page.iter().filter(|coupon| coupon.is_over(today)).collect();
        let codes: Vec<i64> = over.iter().filter(|one| one.member_id.is_none()).map(|one| one.coupon_id).collect();
        let held = over.iter().filter(|one| one.member_id.is_some());
        let mut commands: Vec<_> = held.map(|one| CampaignCommand::ExpireCoupon { coupon_id: one.coupon_id }).collect();
        if let Some(campaign_id) = of.filter(|_| !codes.is_empty()) {
            commands.push(CampaignCommand::ExpireCodes { campaign_id, codes });
        }
        let mut answers = Vec::with_capacity(commands.len());
        for command in commands {
            answers.push(self.coupons.funnel.submit_under(fence, Command::Campaign(command))?);
        }
        for answer in answers {
            match answer.blocking_recv().map_err(|_| Error::internal("the funnel ended"))? {
                Err(error) if error.kind == ErrorKind::Unavailable => return Err(error),
                // One coupon that cannot expire must not keep all others waiting.
                Err(error) => tracing::error!(%error, "a coupon could not expire"),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Stores the place, unless the job has passed to another process; then this one's walk is over.
    fn save(&mut self, place: Place) -> Result<()> {
        let kit = &self.coupons.kit;
        let now_ms = kit.clock.now_ms();
        let is_ours = self.coupons.funnel.with_session(|tx| {
            let is_ours = lease::hold(tx, EXPIRY_JOB, &kit.holder, now_ms)? == Some(place.fence.number);
            if is_ours {
                save_walk_place(tx, EXPIRY_JOB, place.at)?;
            }
            Ok(is_ours)
        })?;
        self.place = (is_ours && !place.at.done).then_some(place);
        if is_ours && place.at.done {
            self.done_day = Some(place.at.day);
        }
        Ok(())
    }

    fn session(&mut self) -> Result<&mut dyn Session> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.coupons.database.read_session()?,
        };
        Ok(&mut **self.session.insert(session))
    }
}
