//! Cart in another process.

use futures_util::future::BoxFuture;
use platform::error::Result;
use platform::http::peer::Peer;
use serde::{Deserialize, Serialize};

use super::{CartApi, Claim};

/// Where the question is asked on an internal listener.
pub(super) const CLAIMS: &str = "/internal/cart/claims";
/// Reservations in one question over HTTP, so that it fits into a body.
pub(super) const MOST_CLAIMS: usize = 2_000;

/// The question: what became of these reservations?
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WhichClaims {
    pub(super) reservation_ids: Vec<i64>,
}

/// The answer, in the order of the question.
#[derive(Serialize, Deserialize)]
pub(super) struct Claimed {
    pub(super) claims: Vec<ClaimMade>,
}

/// What became of one of them.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClaimMade {
    reservation_id: i64,
    cart_id: Option<i64>,
}

impl From<Claim> for ClaimMade {
    fn from(Claim { reservation_id, cart_id }: Claim) -> Self {
        Self { reservation_id, cart_id }
    }
}

/// Asks cart over HTTP.
pub struct RemoteCarts(pub Peer);

impl CartApi for RemoteCarts {
    fn claims(&self, reservation_ids: Vec<i64>) -> BoxFuture<'_, Result<Vec<Claim>>> {
        Box::pin(async move {
            let mut claims = Vec::with_capacity(reservation_ids.len());
            for piece in reservation_ids.chunks(MOST_CLAIMS) {
                let question = WhichClaims { reservation_ids: piece.to_vec() };
                let answer: Claimed = self.0.ask(CLAIMS, &question).await?;
                let asked = piece.iter().copied();
                if !answer.claims.iter().map(|claim| claim.reservation_id).eq(asked) {
                    return Err(self.0.not_understood());
                }
                let made = |ClaimMade { reservation_id, cart_id }| Claim { reservation_id, cart_id };
                claims.extend(answer.claims.into_iter().map(made));
            }
            Ok(claims)
        })
    }
}
