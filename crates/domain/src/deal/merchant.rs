//! Merchants: who may post deals, and at what rates (SPEC section 1).

use alloc::string::String;

use super::{Event, MerchantFacts, MerchantStatus, Rejection};

/// A whole in basis points.
const WHOLE_BP: i64 = 10_000;

/// What is to change about a merchant; nothing where it stays. A rate may go back to the programme's: `Some(None)`.
#[derive(Debug, Clone, Default)]
pub struct ChangeMerchant {
    /// The name from now on.
    pub name: Option<Option<String>>,
    /// Share of the amount that is earned from now on, in basis points.
    pub earn_rate_bp: Option<Option<i64>>,
    /// Share that the programme keeps from now on, in basis points.
    pub fee_rate_bp: Option<Option<i64>>,
    /// Whether it may post deals from now on.
    pub status: Option<MerchantStatus>,
}

/// A merchant as its first deal opens it.
pub(super) fn unnamed(merchant_id: i64) -> MerchantFacts {
    MerchantFacts { merchant_id, name: None, earn_rate_bp: None, fee_rate_bp: None, status: MerchantStatus::Active }
}

/// A new merchant under a number that is free.
///
/// # Errors
/// [`Rejection::NumberTaken`], [`Rejection::InvalidEarnRate`], [`Rejection::InvalidFeeRate`].
pub fn open_merchant(known: Option<&MerchantFacts>, merchant: &MerchantFacts) -> Result<Event, Rejection> {
    rates_must_hold(merchant)?;
    match known {
        Some(_) => Err(Rejection::NumberTaken),
        None => Ok(Event::MerchantOpened(merchant.clone())),
    }
}

/// Changes a merchant. `None`: it is like that already.
///
/// # Errors
/// [`Rejection::InvalidEarnRate`], [`Rejection::InvalidFeeRate`].
pub fn change_merchant(merchant: &MerchantFacts, cmd: &ChangeMerchant) -> Result<Option<Event>, Rejection> {
    let changed = MerchantFacts {
        merchant_id: merchant.merchant_id,
        name: cmd.name.clone().unwrap_or_else(|| merchant.name.clone()),
        earn_rate_bp: cmd.earn_rate_bp.unwrap_or(merchant.earn_rate_bp),
        fee_rate_bp: cmd.fee_rate_bp.unwrap_or(merchant.fee_rate_bp),
        status: cmd.status.unwrap_or(merchant.status),
    };
    rates_must_hold(&changed)?;
    Ok((changed != *merchant).then_some(Event::MerchantChanged(changed)))
}

fn rates_must_hold(merchant: &MerchantFacts) -> Result<(), Rejection> {
    let holds = |rate: Option<i64>| rate.is_none_or(|rate| (0..=WHOLE_BP).contains(&rate));
    if !holds(merchant.earn_rate_bp) {
        return Err(Rejection::InvalidEarnRate);
    }
    if holds(merchant.fee_rate_bp) { Ok(()) } else { Err(Rejection::InvalidFeeRate) }
}
