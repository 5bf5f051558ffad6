//! Point in another process.

use domain::point::{
    CancelledHold, CapturedHold, DealDecision, DonationDecision, HeldPoints, HoldOver, HoldRefusal, Rejection,
};
use futures_util::future::BoxFuture;
use platform::error::Result;
use platform::http::peer::Peer;
use serde::{Deserialize, Serialize};

use super::{DealQuestion, DonationQuestion, HoldQuestion, PaymentQuestion, PointApi};
use crate::kit::Asked;

/// Where the question is asked on an internal listener.
pub(super) const PREPARE: &str = "/internal/point/withdrawals";
/// Where donations are decided on an internal listener.
pub(super) const DONATE: &str = "/internal/point/donations";
/// Where deals are decided on an internal listener.
pub(super) const DEAL: &str = "/internal/point/deals";
/// Where points are set aside for payments on an internal listener; the answer is a `Result` as `serde` writes it.
pub(super) const HOLD: &str = "/internal/point/holds";
/// Where what is held for payments is taken on an internal listener; answered likewise.
pub(super) const CAPTURE: &str = "/internal/point/captures";
/// Where payments with points are cancelled on an internal listener.
pub(super) const CANCEL: &str = "/internal/point/cancellations";

/// The question: may this member leave?
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Prepare {
    pub(super) member_id: i64,
    pub(super) attempt: i64,
}

/// The answer: the points that would be lost, or the reason of the refusal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Prepared {
    pub(super) remain_point: Option<i64>,
    pub(super) rejection: Option<String>,
}

/// Asks point over HTTP.
pub struct RemotePoints(pub Peer);

impl PointApi for RemotePoints {
    fn prepare_withdrawal(&self, member_id: i64, attempt: i64) -> Asked<'_, i64, Rejection> {
        Box::pin(async move {
            let answer: Prepared = self.0.ask(PREPARE, &Prepare { member_id, attempt }).await?;
            answer.read().ok_or_else(|| self.0.not_understood())
        })
    }

    fn donate(&self, question: DonationQuestion) -> BoxFuture<'_, Result<DonationDecision>> {
        Box::pin(async move { self.0.ask(DONATE, &question).await })
    }

    fn deal(&self, question: DealQuestion) -> BoxFuture<'_, Result<DealDecision>> {
        Box::pin(async move { self.0.ask(DEAL, &question).await })
    }

    fn hold(&self, question: HoldQuestion) -> Asked<'_, HeldPoints, HoldRefusal> {
        Box::pin(async move { self.0.ask(HOLD, &question).await })
    }

    fn capture_hold(&self, question: PaymentQuestion) -> Asked<'_, CapturedHold, HoldOver> {
        Box::pin(async move { self.0.ask(CAPTURE, &question).await })
    }

    fn cancel_hold(&self, question: PaymentQuestion) -> BoxFuture<'_, Result<CancelledHold>> {
        Box::pin(async move { self.0.ask(CANCEL, &question).await })
    }
}

impl Prepared {
    pub(super) fn of(answer: Result<i64, Rejection>) -> Self {
        match answer {
            Ok(remain_point) => Self { remain_point: Some(remain_point), rejection: None },
            Err(rejection) => Self { remain_point: None, rejection: Some(rejection.reason().to_owned()) },
        }
    }

    /// Nothing for an answer that this version does not know.
    fn read(self) -> Option<Result<i64, Rejection>> {
        match (self.remain_point, self.rejection.as_deref().and_then(Rejection::from_reason)) {
            (Some(remain_point), None) => Some(Ok(remain_point)),
            (None, Some(rejection)) => Some(Err(rejection)),
            _ => None,
        }
    }
}
