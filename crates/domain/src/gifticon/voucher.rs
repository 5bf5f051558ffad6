//! A voucher is used once, extended, expires, or is taken back.

use super::{Event, LONGEST_EXTENSION_MS, Rejection, Voucher, VoucherFacts, VoucherStatus};

/// A voucher as it is issued.
#[must_use]
pub fn issued_voucher(facts: VoucherFacts, expires_at_ms: i64) -> Voucher {
    Voucher { facts, status: VoucherStatus::Issued, expires_at_ms }
}

/// Uses a voucher.
///
/// # Errors
/// [`Rejection::VoucherUsed`], [`Rejection::VoucherCancelled`], [`Rejection::VoucherExpired`].
pub fn use_voucher(voucher: &Voucher, now_ms: i64) -> Result<Event, Rejection> {
    must_be_good(voucher, now_ms)?;
    Ok(Event::VoucherUsed(voucher.facts.clone()))
}

/// Makes a voucher good until `until_ms`, also one that has expired.
///
/// # Errors
/// [`Rejection::VoucherUsed`], [`Rejection::VoucherCancelled`]; [`Rejection::InvalidExpiry`] for a moment that is over,
/// that is not later than it is good already, or more than ten years away.
pub fn extend_voucher(voucher: &Voucher, until_ms: i64, now_ms: i64) -> Result<Event, Rejection> {
    match voucher.status {
        VoucherStatus::Used => return Err(Rejection::VoucherUsed),
        VoucherStatus::Cancelled => return Err(Rejection::VoucherCancelled),
        VoucherStatus::Issued | VoucherStatus::Expired => {}
    }
    let earliest = now_ms.max(voucher.expires_at_ms).saturating_add(1);
    if !(earliest..=now_ms.saturating_add(LONGEST_EXTENSION_MS)).contains(&until_ms) {
        return Err(Rejection::InvalidExpiry);
    }
    Ok(Event::VoucherExtended {
        voucher: voucher.facts.clone(),
        expires_at_ms: until_ms,
        had_expired: voucher.status == VoucherStatus::Expired,
    })
}

/// Notes that a voucher's time is over. `None`: it is good, or something else became of it.
#[must_use]
pub fn expire_voucher(voucher: &Voucher, now_ms: i64) -> Option<Event> {
    let is_due = voucher.status == VoucherStatus::Issued && now_ms >= voucher.expires_at_ms;
    is_due.then(|| Event::VoucherExpired(voucher.facts.clone()))
}

/// The operator takes a voucher back. Its piece stays sold; no money moves.
///
/// # Errors
/// [`Rejection::VoucherUsed`], [`Rejection::VoucherCancelled`], [`Rejection::VoucherExpired`].
pub fn cancel_voucher(voucher: &Voucher, now_ms: i64) -> Result<Event, Rejection> {
    must_be_good(voucher, now_ms)?;
    Ok(Event::VoucherCancelled(voucher.facts.clone()))
}

fn must_be_good(voucher: &Voucher, now_ms: i64) -> Result<(), Rejection> {
    match voucher.standing(now_ms) {
        VoucherStatus::Issued => Ok(()),
        VoucherStatus::Used => Err(Rejection::VoucherUsed),
        VoucherStatus::Cancelled => Err(Rejection::VoucherCancelled),
        VoucherStatus::Expired => Err(Rejection::VoucherExpired),
    }
}
