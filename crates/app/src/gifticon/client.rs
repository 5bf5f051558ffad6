//! Gifticon in another process.

use domain::gifticon::StockRefusal;
use futures_util::future::BoxFuture;
use platform::error::Result;
use platform::funnel::KeyStamp;
use platform::http::peer::Peer;
use serde::{Deserialize, Serialize};

use super::{GifticonApi, ReserveStock, ReservedStock, Revocation};
use crate::kit::Asked;

/// Where pieces are reserved on an internal listener.
pub(super) const RESERVE: &str = "/internal/gifticon/reservations";
/// Where reservations are revoked on an internal listener.
pub(super) const REVOKE: &str = "/internal/gifticon/revocations";

/// The question for pieces.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Reserve {
    attempt: Option<Attempt>,
    gifticon_id: i64,
    quantity: i64,
}

/// Under what the answer is remembered.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attempt {
    hash: [u8; 16],
    digest: i64,
}

/// The answer: what is kept, or the reason of the refusal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reserved {
    reserved: Option<Kept>,
    refusal: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    reservation_id: i64,
    unit_price_won: i64,
}

/// The question whether a reservation can be revoked.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Revoke {
    pub(super) reservation_id: i64,
}

/// The answer: revoked, or why not.
#[derive(Serialize, Deserialize)]
pub(super) struct Revoked {
    revoked: bool,
    reason: Option<String>,
}

/// Asks gifticon over HTTP.
pub struct RemoteGifticons(pub Peer);

impl GifticonApi for RemoteGifticons {
    fn reserve(&self, question: ReserveStock) -> Asked<'_, ReservedStock, StockRefusal> {
        Box::pin(async move {
            let answer: Reserved = self.0.ask(RESERVE, &Reserve::of(&question)).await?;
            answer.read().ok_or_else(|| self.0.not_understood())
        })
    }

    fn revoke(&self, reservation_id: i64) -> BoxFuture<'_, Result<Revocation>> {
        Box::pin(async move {
            let answer: Revoked = self.0.ask(REVOKE, &Revoke { reservation_id }).await?;
            answer.read().ok_or_else(|| self.0.not_understood())
        })
    }
}

impl Reserve {
    fn of(question: &ReserveStock) -> Self {
        let attempt = question.attempt.map(|KeyStamp { hash, digest }| Attempt { hash, digest });
        Self { attempt, gifticon_id: question.gifticon_id, quantity: question.quantity }
    }

    pub(super) fn read(self) -> ReserveStock {
        let attempt = self.attempt.map(|Attempt { hash, digest }| KeyStamp { hash, digest });
        ReserveStock { attempt, gifticon_id: self.gifticon_id, quantity: self.quantity }
    }
}

impl Reserved {
    pub(super) fn of(answer: Result<ReservedStock, StockRefusal>) -> Self {
        match answer {
            Ok(ReservedStock { reservation_id, unit_price_won }) => {
                Self { reserved: Some(Kept { reservation_id, unit_price_won }), refusal: None }
            }
            Err(refusal) => Self { reserved: None, refusal: Some(refusal.reason().to_owned()) },
        }
    }

    /// Nothing for an answer that this version does not know.
    fn read(self) -> Option<Result<ReservedStock, StockRefusal>> {
        match (self.reserved, self.refusal.as_deref().and_then(StockRefusal::from_reason)) {
            (Some(Kept { reservation_id, unit_price_won }), None) => {
                Some(Ok(ReservedStock { reservation_id, unit_price_won }))
            }
            (None, Some(refusal)) => Some(Err(refusal)),
            _ => None,
        }
    }
}

impl Revoked {
    pub(super) fn of(answer: Revocation) -> Self {
        match answer {
            Revocation::Revoked => Self { revoked: true, reason: None },
            Revocation::Refused(reason) => Self { revoked: false, reason: Some(reason) },
        }
    }

    fn read(self) -> Option<Revocation> {
        match (self.revoked, self.reason) {
            (true, None) => Some(Revocation::Revoked),
            (false, Some(reason)) => Some(Revocation::Refused(reason)),
            _ => None,
        }
    }
}
