//! The rules *save* and *use*: a deal is taken in, or fails without point being asked (SPEC section 4).

use alloc::vec;
use alloc::vec::Vec;

use super::merchant::unnamed;
use super::{DealFacts, DealType, Event, MerchantFacts, MerchantStatus, Policy, Rejection, fail};
use crate::kernel::MAX_AMOUNT;

/// A merchant posts a `save` or a `use`.
#[derive(Debug, Clone)]
pub struct RequestDeal {
    /// The number it gets.
    pub deal_id: i64,
    /// Whose points.
    pub member_id: i64,
    /// Where.
    pub merchant_id: i64,
    /// `Save` or `Use`.
    pub deal_type: DealType,
    /// What was paid, in won: at least 1 for a `save`; it does not matter for a `use`. At most `MAX_AMOUNT`.
    pub deal_amount: Option<i64>,
    /// Points of a `use`, 1 to `MAX_AMOUNT`; a `save` computes its own.
    pub point: Option<i64>,
    /// When, in milliseconds since 1970 in UTC.
    pub now_ms: i64,
    /// The month that it is then in the programme's time zone, `yyyyMM`.
    pub month: i64,
}

/// Takes a deal in. A blocked or unknown merchant is a business fact: the deal exists and fails at once; any other deal
/// is for point to decide. The first deal of an unknown merchant may open it, which is told first.
///
/// # Errors
/// [`Rejection::InvalidAmount`] and [`Rejection::InvalidPoint`], after which there is no deal.
pub fn request_deal(
    merchant: Option<&MerchantFacts>,
    cmd: &RequestDeal,
    policy: &Policy,
) -> Result<Vec<Event>, Rejection> {
    let least = if cmd.deal_type == DealType::Save { 1 } else { 0 };
    let deal_amount = cmd.deal_amount.unwrap_or(0);
    if !(least..=MAX_AMOUNT).contains(&deal_amount) {
        return Err(Rejection::InvalidAmount);
    }
    let rate_bp = merchant.and_then(|merchant| merchant.earn_rate_bp).unwrap_or(policy.earn_rate_bp);
    let point = match cmd.deal_type {
        DealType::Save => earned(deal_amount, rate_bp).ok_or(Rejection::InvalidAmount)?,
        _ => cmd.point.filter(|point| (1..=MAX_AMOUNT).contains(point)).ok_or(Rejection::InvalidPoint)?,
    };
    let deal = DealFacts {
        deal_id: cmd.deal_id,
        member_id: cmd.member_id,
        merchant_id: cmd.merchant_id,
        deal_type: cmd.deal_type,
        deal_amount,
        point,
        original_deal_id: None,
        dealt_at_ms: cmd.now_ms,
        month: cmd.month,
    };
    let failed = |deal, reason: &str| Ok(vec![Event::DealFailed { deal, reason: reason.into() }]);
    match merchant {
        Some(merchant) if merchant.status == MerchantStatus::Blocked => failed(deal, fail::MERCHANT_BLOCKED),
        Some(_) => Ok(vec![Event::DealRequested(deal)]),
        None if policy.opens_merchants => {
            Ok(vec![Event::MerchantOpened(unnamed(cmd.merchant_id)), Event::DealRequested(deal)])
        }
        None => failed(deal, fail::MERCHANT_UNKNOWN),
    }
}

/// Points for this amount at this rate in basis points, rounded down.
fn earned(deal_amount: i64, rate_bp: i64) -> Option<i64> {
    deal_amount.checked_mul(rate_bp).map(|shares| shares / 10_000)
}
