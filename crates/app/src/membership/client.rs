//! Membership in another process.

use futures_util::future::BoxFuture;
use platform::error::Result;
use platform::http::peer::Peer;
use serde::{Deserialize, Serialize};

use super::{Claim, MembershipApi};

/// Where claims are asked about on an internal listener.
pub(super) const CLAIMS: &str = "/internal/membership/claims";

/// The question: what became of these units?
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Wanted {
    pub(super) unit_ids: Vec<i64>,
}

/// The answer.
#[derive(Serialize, Deserialize)]
pub(super) struct Found {
    claims: Vec<FoundClaim>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundClaim {
    unit_id: i64,
    mem_id: Option<i64>,
}

impl Found {
    pub(super) fn of(claims: Vec<Claim>) -> Self {
        let claims = claims.into_iter().map(|Claim { unit_id, mem_id }| FoundClaim { unit_id, mem_id });
        Self { claims: claims.collect() }
    }

    fn read(self) -> Vec<Claim> {
        self.claims.into_iter().map(|FoundClaim { unit_id, mem_id }| Claim { unit_id, mem_id }).collect()
    }
}

/// Asks membership over HTTP.
pub struct RemoteMemberships(pub Peer);

impl MembershipApi for RemoteMemberships {
    fn claims(&self, unit_ids: Vec<i64>) -> BoxFuture<'_, Result<Vec<Claim>>> {
        Box::pin(async move {
            let found: Found = self.0.ask(CLAIMS, &Wanted { unit_ids }).await?;
            Ok(found.read())
        })
    }
}
