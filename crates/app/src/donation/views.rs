//! Donations and causes on the wire.

use domain::donation::{Cause, Donation, DonationStatus};
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::Stored;

/// A donation on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DonationView {
    /// The donation's number.
    pub donation_id: i64,
    /// Who gives.
    pub member_id: i64,
    /// Who receives.
    pub cause_id: i64,
    /// Points.
    pub amount: i64,
    /// `REQUESTED`, `DONATED` or `REJECTED`.
    #[schema(value_type = String, example = "DONATED")]
    pub status: DonationStatus,
    /// Why it was refused: `balance_too_low`, `insufficient_points`, `member_not_normal`, `member_unknown`,
    /// `account_closing` or `cause_closed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The balance before the decision; nothing for a member who is not there.
    pub balance_before: Option<i64>,
    /// The balance after the decision.
    pub balance_after: Option<i64>,
    /// When it was asked for, RFC 3339.
    pub requested_at: String,
    /// When the points went to the cause, RFC 3339.
    pub donated_at: Option<String>,
}

impl DonationView {
    pub(super) fn of(stored: Stored, zone: &Zone) -> Self {
        let donated_at = donated_at(&stored.donation, zone);
        let Stored { donation, requested_at } = stored;
        Self {
            donation_id: donation.donation_id,
            member_id: donation.member_id,
            cause_id: donation.cause_id,
            amount: donation.amount,
            status: donation.status,
            reason: donation.reason,
            balance_before: donation.balance_before,
            balance_after: donation.balance_after,
            requested_at: zone.format(requested_at),
            donated_at,
        }
    }
}

fn donated_at(donation: &Donation, zone: &Zone) -> Option<String> {
    donation.ended_at_ms.filter(|_| donation.status == DonationStatus::Donated).map(|at_ms| zone.format(at_ms))
}

/// What a cause received at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptView {
    /// The donation's number.
    pub donation_id: i64,
    /// Who gave.
    pub member_id: i64,
    /// Points.
    pub amount: i64,
    /// When, RFC 3339.
    pub donated_at: Option<String>,
}

impl ReceiptView {
    pub(super) fn of(stored: &Stored, zone: &Zone) -> Self {
        let Donation { donation_id, member_id, amount, .. } = stored.donation;
        Self { donation_id, member_id, amount, donated_at: donated_at(&stored.donation, zone) }
    }
}

/// A cause on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CauseView {
    /// The cause's number; 1 is the general fund.
    pub cause_id: i64,
    /// What people call it.
    pub name: String,
    /// Points received so far.
    pub received_point: i64,
    /// Donations received so far.
    pub donation_count: i64,
    /// Whether it takes donations.
    pub open: bool,
}

impl From<Cause> for CauseView {
    fn from(cause: Cause) -> Self {
        let Cause { cause_id, name, received_point, donation_count, open, .. } = cause;
        Self { cause_id, name, received_point, donation_count, open }
    }
}
