//! Whether a deal has been settled, read off the marks that runs leave (SPEC section 4, decision 0009).

use super::{DealStatus, DealType};

/// Whether a deal is billed. `month` is the one that it is dated in (`yyyyMM`), `sequence` that of the merchant's event
/// that ended it, and `marks` are month and highest `through` of the merchant's runs. A `use` is billed by the runs of
/// its own month; a cancelled `use` by those of its month or a later one; nothing else ever is.
#[must_use]
pub fn is_billed(deal_type: DealType, status: DealStatus, month: i64, sequence: i64, marks: &[(i64, i64)]) -> bool {
    let counts = |marked: i64| match deal_type {
        DealType::Use => marked == month,
        DealType::UseCancel => marked >= month,
        DealType::Save | DealType::SaveCancel | DealType::Cancel => false,
    };
    status == DealStatus::Success && marks.iter().any(|(marked, through)| counts(*marked) && *through >= sequence)
}
