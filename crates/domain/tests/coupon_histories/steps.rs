//! What may happen to coupons.

use std::ops::RangeInclusive;

use domain::kernel::Day;
use proptest::prelude::*;

/// The members there may be.
pub const MEMBERS: RangeInclusive<i64> = 1..=3;
/// The campaigns there are from the beginning.
pub const CAMPAIGNS: RangeInclusive<i64> = 1..=2;

/// The day on which every history begins.
pub fn first_day() -> Day {
    Day::new(2020, 7, 1)
}

/// When coupons of a campaign are good, how many there are, and how many a member may have.
pub fn terms(campaign_id: i64) -> (Day, Day, i64, i64) {
    match campaign_id {
        1 => (first_day(), Day::new(2020, 7, 6), 4, 1),
        _ => (Day::new(2020, 7, 3), Day::new(2020, 7, 9), 6, 2),
    }
}

/// The last day of join coupons; all are good from the first day on.
pub fn join_end() -> Day {
    Day::new(2020, 7, 5)
}

/// Something that happens.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// A member joins, with a join coupon or without.
    Join(i64, bool),
    /// A member asks for a coupon of a campaign.
    Claim(i64, i64),
    /// So many codes of a campaign are wanted.
    Request(i64, i64),
    /// The bulk issue with this number goes on by so many codes.
    Piece(usize, i64),
    /// Somebody brings the coupon with this number.
    Redeem(i64, usize),
    /// A redemption is undone.
    RollBack(usize),
    /// The operator takes a coupon back.
    Cancel(usize),
    /// What is over expires.
    Walk,
    /// Days pass.
    Days(i32),
    /// A member is leaving.
    Prepare(i64, i64),
    /// A member stays.
    Release(i64, i64),
    /// A member is gone.
    Close(i64, i64),
    /// A campaign gives coupons from now on, or does not.
    Open(i64, bool),
    /// A campaign has so many coupons from now on.
    Quantity(i64, i64),
}

/// Any step; coupons and bulk issues are named by numbers that there may not be.
pub fn any_step() -> impl Strategy<Value = Step> {
    let (member, campaign, attempt) = (MEMBERS, CAMPAIGNS, 1..=3_i64);
    prop_oneof![
        4 => (member.clone(), any::<bool>()).prop_map(|(member, gets)| Step::Join(member, gets)),
        8 => (member.clone(), campaign.clone()).prop_map(|(member, campaign)| Step::Claim(member, campaign)),
        4 => (campaign.clone(), 0..=5_i64).prop_map(|(campaign, count)| Step::Request(campaign, count)),
        4 => (0..4_usize, 1..=3_i64).prop_map(|(issue, most)| Step::Piece(issue, most)),
        9 => (member.clone(), 0..8_usize).prop_map(|(member, coupon)| Step::Redeem(member, coupon)),
        4 => (0..8_usize).prop_map(Step::RollBack),
        4 => (0..8_usize).prop_map(Step::Cancel),
        1 => Just(Step::Walk),
        2 => (1..=3_i32).prop_map(Step::Days),
        1 => (member.clone(), attempt.clone()).prop_map(|(member, attempt)| Step::Prepare(member, attempt)),
        1 => (member.clone(), attempt.clone()).prop_map(|(member, attempt)| Step::Release(member, attempt)),
        1 => (member, attempt).prop_map(|(member, attempt)| Step::Close(member, attempt)),
        1 => (campaign.clone(), any::<bool>()).prop_map(|(campaign, open)| Step::Open(campaign, open)),
        1 => (campaign, 0..=9_i64).prop_map(|(campaign, quantity)| Step::Quantity(campaign, quantity)),
    ]
}
