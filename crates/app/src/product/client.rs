//! Product in another process.

use domain::product::UnitRefusal;
use platform::funnel::KeyStamp;
use platform::http::peer::Peer;
use serde::{Deserialize, Serialize};

use super::{ProductApi, ReserveUnit, ReservedUnit};
use crate::kit::Asked;

/// Where units are asked for on an internal listener.
pub(super) const UNITS: &str = "/internal/product/units";

/// The question: keep a unit.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Wanted {
    product_id: i64,
    attempt: Option<Attempt>,
}

/// Under which the answer is remembered.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attempt {
    hash: [u8; 16],
    digest: i64,
}

/// The answer: the unit, or the reason of the refusal.
#[derive(Serialize, Deserialize)]
pub(super) struct Reserved {
    unit: Option<Unit>,
    refusal: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unit {
    unit_id: i64,
    product_name: String,
    price_won: i64,
    months: i64,
}

/// Asks product over HTTP.
pub struct RemoteProducts(pub Peer);

impl ProductApi for RemoteProducts {
    fn reserve_unit(&self, question: ReserveUnit) -> Asked<'_, ReservedUnit, UnitRefusal> {
        Box::pin(async move {
            let answer: Reserved = self.0.ask(UNITS, &Wanted::of(&question)).await?;
            answer.read().ok_or_else(|| self.0.not_understood())
        })
    }
}

impl Wanted {
    fn of(question: &ReserveUnit) -> Self {
        let attempt = question.attempt.map(|KeyStamp { hash, digest }| Attempt { hash, digest });
        Self { product_id: question.product_id, attempt }
    }

    pub(super) fn read(self) -> ReserveUnit {
        let attempt = self.attempt.map(|Attempt { hash, digest }| KeyStamp { hash, digest });
        ReserveUnit { attempt, product_id: self.product_id }
    }
}

impl Reserved {
    pub(super) fn of(answer: Result<ReservedUnit, UnitRefusal>) -> Self {
        match answer {
            Ok(ReservedUnit { unit_id, product_name, price_won, months }) => {
                Self { unit: Some(Unit { unit_id, product_name, price_won, months }), refusal: None }
            }
            Err(refusal) => Self { unit: None, refusal: Some(refusal.reason().to_owned()) },
        }
    }

    /// Nothing for an answer that this version does not know.
    fn read(self) -> Option<Result<ReservedUnit, UnitRefusal>> {
        match (self.unit, self.refusal.as_deref().and_then(UnitRefusal::from_reason)) {
            (Some(Unit { unit_id, product_name, price_won, months }), None) => {
                Some(Ok(ReservedUnit { unit_id, product_name, price_won, months }))
            }
            (None, Some(refusal)) => Some(Err(refusal)),
            _ => None,
        }
    }
}
