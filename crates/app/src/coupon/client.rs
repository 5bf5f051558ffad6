//! Coupon in another process.

use domain::coupon::Rejection;
use platform::http::peer::Peer;
use serde::{Deserialize, Serialize};

use super::CouponApi;
use crate::kit::Asked;

/// Where the question is asked on an internal listener.
pub(super) const PREPARE: &str = "/internal/coupon/withdrawals";

/// The question: may this member leave?
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Prepare {
    pub(super) member_id: i64,
    pub(super) attempt: i64,
}

/// The answer: the coupons that would be cancelled, or the reason of the refusal.
#[derive(Serialize, Deserialize)]
pub(super) struct Prepared {
    pub(super) coupons: Option<i64>,
    pub(super) rejection: Option<String>,
}

/// Asks coupon over HTTP.
pub struct RemoteCoupons(pub Peer);

impl CouponApi for RemoteCoupons {
    fn prepare_withdrawal(&self, member_id: i64, attempt: i64) -> Asked<'_, i64, Rejection> {
        Box::pin(async move {
            let answer: Prepared = self.0.ask(PREPARE, &Prepare { member_id, attempt }).await?;
            answer.read().ok_or_else(|| self.0.not_understood())
        })
    }
}

impl Prepared {
    pub(super) fn of(answer: Result<i64, Rejection>) -> Self {
        match answer {
            Ok(coupons) => Self { coupons: Some(coupons), rejection: None },
            Err(rejection) => Self { coupons: None, rejection: Some(rejection.reason().to_owned()) },
        }
    }

    /// Nothing for an answer that this version does not know.
    fn read(self) -> Option<Result<i64, Rejection>> {
        match (self.coupons, self.rejection.as_deref().and_then(Rejection::from_reason)) {
            (Some(coupons), None) => Some(Ok(coupons)),
            (None, Some(rejection)) => Some(Err(rejection)),
            _ => None,
        }
    }
}
