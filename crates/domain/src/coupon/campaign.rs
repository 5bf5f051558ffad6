//! Campaigns: so many coupons of one kind, with one pattern of codes and one time in which they are good (SPEC section
//! 4, Coupon). A campaign counts what became of its coupons; nothing else says how many are left.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::{CouponFacts, Event, Rejection};
use crate::kernel::{Day, MAX_SAFE};

/// The most coupons that a campaign may have.
pub const MAX_QUANTITY: i64 = 10_000_000;

/// The most coupons that a member may have of one campaign. What a member holds is looked through in one commit when the
/// member leaves.
pub const MAX_PER_MEMBER: i64 = 1_000;

/// A campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Its number.
    pub campaign_id: i64,
    /// What people call it.
    pub name: String,
    /// What its codes look like: `SUMMER-####-####-####`.
    pub code_pattern: String,
    /// Coupons that there may be at most, 1 to [`MAX_QUANTITY`].
    pub quantity: i64,
    /// Coupons that a member may have of it at most, 1 to [`MAX_PER_MEMBER`].
    pub per_member_limit: i64,
    /// The first day on which its coupons are good.
    pub start_date: Day,
    /// The last one.
    pub end_date: Day,
    /// Whether it gives coupons to members.
    pub open: bool,
    /// What became of its coupons.
    pub counts: Counts,
    /// Number of its last event.
    pub sequence: i64,
}

/// What became of a campaign's coupons. `issued` of them were made; those that are neither in stock nor redeemed,
/// cancelled or expired are in members' hands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Coupons that were made, with a member or without.
    pub issued: i64,
    /// Codes of bulk issues that are still to be made; nobody else gets them.
    pub promised: i64,
    /// Codes without a member that are still good.
    pub in_stock: i64,
    /// Redeemed.
    pub redeemed: i64,
    /// Cancelled, with a member or without.
    pub cancelled: i64,
    /// Expired, with a member or without.
    pub expired: i64,
}

impl Counts {
    /// Coupons that may still expire.
    #[must_use]
    pub fn good(&self) -> i64 {
        self.issued - self.redeemed - self.cancelled - self.expired
    }
}

/// What is said of a new campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCampaign {
    /// The number it is to have.
    pub campaign_id: i64,
    /// What people call it.
    pub name: String,
    /// What its codes look like.
    pub code_pattern: String,
    /// Coupons that there may be at most.
    pub quantity: i64,
    /// Coupons that a member may have at most.
    pub per_member_limit: i64,
    /// The first day on which its coupons are good.
    pub start_date: Day,
    /// The last one.
    pub end_date: Day,
    /// Whether it gives coupons to members from now on.
    pub open: bool,
}

/// What is to change about a campaign; `None` stays. Pattern, limit and dates never change: they stand on coupons that
/// people hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeCampaign {
    /// What people call it.
    pub name: Option<String>,
    /// Whether it gives coupons to members.
    pub open: Option<bool>,
    /// Coupons that there may be at most.
    pub quantity: Option<i64>,
}

/// Why a campaign says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such campaign.
    Unknown,
    /// The number is taken.
    NumberTaken,
    /// It ends before it begins, or is over already.
    WrongDates,
    /// Not a number of coupons, or fewer than were made and promised.
    WrongQuantity,
    /// Not a limit.
    WrongLimit,
    /// It gives no coupons at present.
    Closed,
    /// Its last day is over.
    Over,
    /// All its coupons have been given.
    Exhausted,
    /// All that are left are being made by a bulk issue; soon there are some.
    BeingMade,
    /// The member has had as many as one member may.
    MemberLimit,
    /// Not a number of codes that are left.
    WrongCount,
    /// What is wrong with the member.
    Member(Rejection),
}

impl Refusal {
    /// The reason on the wire, after `coupon.`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unknown => "campaign_unknown",
            Self::NumberTaken => "campaign_number_taken",
            Self::WrongDates => "wrong_dates",
            Self::WrongQuantity => "wrong_quantity",
            Self::WrongLimit => "wrong_limit",
            Self::Closed => "campaign_closed",
            Self::Over => "campaign_over",
            Self::Exhausted => "campaign_exhausted",
            Self::BeingMade => "codes_being_made",
            Self::MemberLimit => "member_limit",
            Self::WrongCount => "wrong_count",
            Self::Member(rejection) => rejection.reason(),
        }
    }
}

/// A new campaign under a number that is free. Its event is [`Event::CampaignOpened`].
///
/// # Errors
/// [`Refusal::NumberTaken`], [`Refusal::WrongDates`], [`Refusal::WrongQuantity`], [`Refusal::WrongLimit`].
pub fn open_campaign(known: Option<&Campaign>, cmd: OpenCampaign, today: Day) -> Result<Campaign, Refusal> {
    if known.is_some() {
        return Err(Refusal::NumberTaken);
    }
    if cmd.end_date < cmd.start_date || cmd.end_date < today {
        return Err(Refusal::WrongDates);
    }
    if !(1..=MAX_QUANTITY).contains(&cmd.quantity) {
        return Err(Refusal::WrongQuantity);
    }
    if !(1..=MAX_PER_MEMBER).contains(&cmd.per_member_limit) {
        return Err(Refusal::WrongLimit);
    }
    Ok(cmd.opened())
}

impl OpenCampaign {
    /// The campaign as it stands right after it was opened.
    #[must_use]
    pub fn opened(self) -> Campaign {
        let Self { campaign_id, name, code_pattern, quantity, per_member_limit, start_date, end_date, open } = self;
        let counts = Counts::default();
        let sequence = 1;
        Campaign {
            campaign_id,
            name,
            code_pattern,
            quantity,
            per_member_limit,
            start_date,
            end_date,
            open,
            counts,
            sequence,
        }
    }
}

/// Changes a campaign. Its event says how it stands then, so that a repeat can be answered with the same; also where
/// nothing changed.
///
/// # Errors
/// [`Refusal::WrongQuantity`]: not a number of coupons, or fewer than were made and promised.
pub fn change_campaign(campaign: &mut Campaign, cmd: &ChangeCampaign) -> Result<Event, Refusal> {
    let (open, quantity) = (cmd.open.unwrap_or(campaign.open), cmd.quantity.unwrap_or(campaign.quantity));
    let given_away = campaign.counts.issued + campaign.counts.promised;
    if !(given_away.max(1)..=MAX_QUANTITY).contains(&quantity) {
        return Err(Refusal::WrongQuantity);
    }
    if let Some(name) = &cmd.name {
        campaign.name.clone_from(name);
    }
    (campaign.open, campaign.quantity) = (open, quantity);
    campaign.sequence += 1;
    let Campaign { campaign_id, counts, .. } = *campaign;
    Ok(Event::CampaignChanged { campaign_id, name: campaign.name.clone(), open, quantity, counts })
}

impl Campaign {
    /// Whether its last day is over.
    #[must_use]
    pub fn is_over(&self, today: Day) -> bool {
        self.end_date < today
    }

    /// Coupons that nobody has been given and nobody was promised.
    #[must_use]
    pub fn left(&self) -> i64 {
        (self.quantity - self.counts.issued - self.counts.promised).max(0)
    }

    /// Takes an event about one of its coupons, or about its codes, in. Those with the campaign as their subject are
    /// numbered by it.
    pub fn apply(&mut self, event: &Event) {
        let counts = &mut self.counts;
        match *event {
            Event::CouponIssued { from_stock: true, .. } => counts.in_stock -= 1,
            Event::CouponIssued { .. } => counts.issued += 1,
            Event::CouponRedeemed(_) => counts.redeemed += 1,
            Event::RedemptionRolledBack(_) => counts.redeemed -= 1,
            Event::CouponCancelled(_) => counts.cancelled += 1,
            Event::CouponExpired(_) => counts.expired += 1,
            Event::BulkIssueRequested { count, .. } => counts.promised += count,
            Event::CodesIssued { count, .. } => {
                counts.issued += count;
                counts.in_stock += count;
                counts.promised -= count;
            }
            Event::CodesExpired { count, .. } => {
                counts.in_stock -= count;
                counts.expired += count;
            }
            Event::CodeCancelled { .. } => {
                counts.in_stock -= 1;
                counts.cancelled += 1;
            }
            _ => {}
        }
        let is_its_own = matches!(
            event,
            Event::BulkIssueRequested { .. }
                | Event::CodesIssued { .. }
                | Event::CodesExpired { .. }
                | Event::CodeCancelled { .. }
        );
        self.sequence += i64::from(is_its_own);
    }

    /// A member has gone: this many of its coupons were not redeemed and are cancelled with the wallet.
    pub fn lose(&mut self, coupons: i64) {
        self.counts.cancelled += coupons;
    }
}

/// The campaign that an event moves the counts of; none for what concerns no coupon of a campaign.
#[must_use]
pub fn campaign_of(event: &Event) -> Option<i64> {
    match *event {
        Event::CouponIssued { campaign_id, .. } => campaign_id,
        Event::CouponRedeemed(CouponFacts { campaign_id, .. })
        | Event::RedemptionRolledBack(CouponFacts { campaign_id, .. })
        | Event::CouponCancelled(CouponFacts { campaign_id, .. })
        | Event::CouponExpired(CouponFacts { campaign_id, .. }) => campaign_id,
        Event::BulkIssueRequested { campaign_id, .. }
        | Event::CodesIssued { campaign_id, .. }
        | Event::CodesExpired { campaign_id, .. }
        | Event::CodeCancelled { campaign_id, .. } => Some(campaign_id),
        _ => None,
    }
}

/// Whether this can be the number of a campaign.
#[must_use]
pub fn is_campaign_number(campaign_id: i64) -> bool {
    (1..=MAX_SAFE).contains(&campaign_id)
}
