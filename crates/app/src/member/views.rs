//! Members and withdrawals on the wire.

use domain::member::{Follower, MemberStatus, WithdrawalStep};
use platform::db::Row;
use platform::error::Result;
use platform::seal::Seal;
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use super::contacts::Contacts;
use super::store::read_withdrawal;

/// A member on the wire. Never printed: its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberView {
    /// The member number.
    pub member_id: i64,
    /// As it was given.
    pub phone_no: Option<String>,
    /// What the member wants to be called.
    pub nickname: Option<String>,
    /// Full name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Postal address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Name to sign in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_id: Option<String>,
    /// `READY`, `NORMAL` or `ABNORMAL`.
    #[schema(value_type = String)]
    pub member_status: MemberStatus,
    /// `NONE`, `ISSUED` or `CANCELLED`: the coupon for joining.
    pub coupon_status: String,
    /// `Y` once the operator was told that the member joined.
    pub notified: String,
    /// `Y` once the coupon for joining was taken back.
    pub coupon_cancelled: String,
    /// When the member joined, RFC 3339.
    pub joined_at: String,
}

impl std::fmt::Debug for MemberView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemberView({})", self.member_id)
    }
}

impl MemberView {
    /// A member who has just joined.
    pub(super) fn joined(member_id: i64, joined_at_ms: i64, contacts: Contacts, zone: &Zone) -> Self {
        let Contacts { phone_no, nickname, name, email, address, login_id } = contacts;
        Self {
            member_id,
            phone_no,
            nickname,
            name,
            email,
            address,
            login_id,
            member_status: MemberStatus::Ready,
            coupon_status: "NONE".to_owned(),
            notified: "N".to_owned(),
            coupon_cancelled: "N".to_owned(),
            joined_at: zone.format(joined_at_ms),
        }
    }

    /// A member from the row; nothing for one who is gone.
    ///
    /// # Errors
    /// `seal.broken` if the contact data cannot be opened.
    pub(super) fn read(row: &Row, (seal, zone): (&Seal, &Zone)) -> Result<Option<Self>> {
        let (Some(sealed), Some(member_status)) = (row.blob(1), MemberStatus::from_name(row.text(2))) else {
            return Ok(None);
        };
        let joined = Self::joined(row.int(0), row.int(6), Contacts::open(seal, row.int(0), sealed)?, zone);
        Ok(Some(Self {
            member_status,
            coupon_status: row.text(3).to_owned(),
            notified: row.text(4).to_owned(),
            coupon_cancelled: row.text(5).to_owned(),
            ..joined
        }))
    }
}

/// A withdrawal on the wire; nothing personal is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawalView {
    /// Whose.
    pub member_id: i64,
    /// `PREPARING`, `RELEASED`, `WITHDRAWING` or `DONE`.
    #[schema(value_type = String)]
    pub step: WithdrawalStep,
    /// Points lost, once point has said so.
    pub forfeited_point: Option<i64>,
    /// `Y` once coupon has said that no coupon is left.
    pub coupon_cancelled: String,
    /// Who has yet to answer (`PREPARING`) or to follow (`WITHDRAWING`): `point`, `coupon`; nobody once it has ended.
    #[schema(value_type = Vec<String>)]
    pub waiting_for: Vec<Follower>,
    /// When it was asked for, RFC 3339.
    pub requested_at: String,
    /// When it ended, RFC 3339.
    pub ended_at: Option<String>,
    /// Why it was undone.
    pub reason: Option<String>,
}

impl WithdrawalView {
    /// A withdrawal from its row.
    pub(super) fn read(row: &Row, zone: &Zone) -> Self {
        let withdrawal = read_withdrawal(row);
        Self {
            member_id: withdrawal.member_id,
            step: withdrawal.step,
            forfeited_point: withdrawal.forfeited_point,
            coupon_cancelled: row.text(4).to_owned(),
            waiting_for: withdrawal.waits_for(),
            requested_at: zone.format(row.int(5)),
            ended_at: row.opt_int(6).map(|at_ms| zone.format(at_ms)),
            reason: Some(row.text(7).to_owned()).filter(|reason| !reason.is_empty()),
        }
    }
}
