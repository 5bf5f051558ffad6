//! What the answering process knows of itself: how far behind its consumers are, and what its breakers let through.

use serde::Serialize;
use utoipa::ToSchema;

use super::figures::{Definition, define};

/// What the process says of itself when it is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// Each consumer with the age of the oldest event that it has not taken in, in milliseconds.
    pub lags: Vec<(String, i64)>,
    /// Caller, callee and what is let through: `CLOSED`, `HALF_OPEN` or `OPEN`.
    pub breakers: Vec<(&'static str, &'static str, &'static str)>,
}

/// Asks the process.
pub type LookLive = Box<dyn Fn() -> Live + Send + Sync>;

/// What the answering process knows of itself. Other processes of the programme know their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveView {
    /// What a lag means.
    #[schema(value_type = String)]
    lag_definition: &'static str,
    /// What lags are counted in.
    #[schema(value_type = String, example = "ms")]
    lag_unit: &'static str,
    /// Consumers, by name.
    lags: Vec<LagView>,
    /// What a breaker's state means.
    #[schema(value_type = String)]
    breaker_definition: &'static str,
    /// Breakers, by caller and callee.
    breakers: Vec<BreakerView>,
}

/// How far behind a consumer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct LagView {
    /// Who follows whose log.
    #[schema(example = "dashboard<point")]
    consumer: String,
    /// Milliseconds.
    value: i64,
}

/// A circuit breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct BreakerView {
    /// Who asks.
    #[schema(value_type = String, example = "deal")]
    caller: &'static str,
    /// Who is asked.
    #[schema(value_type = String, example = "point")]
    callee: &'static str,
    /// `CLOSED`, `HALF_OPEN` or `OPEN`.
    #[schema(value_type = String, example = "CLOSED")]
    state: &'static str,
}

impl LiveView {
    pub(super) fn of(Live { mut lags, mut breakers }: Live) -> Self {
        lags.sort_unstable();
        breakers.sort_unstable();
        let (Definition { unit, meaning }, breaker) = (define("live.lag"), define("live.breaker"));
        Self {
            lag_definition: meaning,
            lag_unit: unit,
            lags: lags.into_iter().map(|(consumer, value)| LagView { consumer, value }).collect(),
            breaker_definition: breaker.meaning,
            breakers: breakers
                .into_iter()
                .map(|(caller, callee, state)| BreakerView { caller, callee, state })
                .collect(),
        }
    }
}
