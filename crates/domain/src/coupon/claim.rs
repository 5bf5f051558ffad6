//! Who may have a coupon of a campaign, and how many.
//!
//! What a member was ever given of a campaign, or brought to it as a code without a member, counts for good: a coupon
//! that was cancelled, or whose redemption was rolled back, does not make room for another.

use alloc::vec::Vec;

use super::campaign::{Campaign, Refusal};
use super::{Wallet, must_be_active};
use crate::kernel::Day;

/// How many coupons of each campaign a member has had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken(pub Vec<(i64, i64)>);

impl Taken {
    /// Coupons of this campaign.
    #[must_use]
    pub fn of(&self, campaign_id: i64) -> i64 {
        self.0.iter().find(|(known, _)| *known == campaign_id).map_or(0, |(_, count)| *count)
    }

    /// One more of this campaign.
    pub fn add(&mut self, campaign_id: i64) {
        match self.0.iter_mut().find(|(known, _)| *known == campaign_id) {
            Some((_, count)) => *count += 1,
            None => self.0.push((campaign_id, 1)),
        }
    }
}

/// Where a member's coupon comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It is the next code that was made in advance.
    Stock,
    /// Its code is made now.
    Fresh,
}

/// Whether the member with this wallet, who has had `taken` coupons of this campaign, gets another one today, and where
/// it comes from: codes made in advance go first, in the order in which they were made.
///
/// # Errors
/// [`Refusal`], for the first reason there is.
pub fn claim(campaign: Option<&Campaign>, wallet: Option<&Wallet>, taken: i64, today: Day) -> Result<Source, Refusal> {
    let campaign = campaign.ok_or(Refusal::Unknown)?;
    if campaign.is_over(today) {
        return Err(Refusal::Over);
    }
    if !campaign.open {
        return Err(Refusal::Closed);
    }
    must_be_active(wallet).map_err(Refusal::Member)?;
    may_have(campaign, taken)?;
    if campaign.counts.in_stock > 0 {
        return Ok(Source::Stock);
    }
    if campaign.left() > 0 {
        return Ok(Source::Fresh);
    }
    Err(if campaign.counts.promised > 0 { Refusal::BeingMade } else { Refusal::Exhausted })
}

/// Whether a member who has had `taken` coupons of this campaign may have one more, however it comes.
///
/// # Errors
/// [`Refusal::MemberLimit`].
pub fn may_have(campaign: &Campaign, taken: i64) -> Result<(), Refusal> {
    if taken < campaign.per_member_limit { Ok(()) } else { Err(Refusal::MemberLimit) }
}
