//! What the processes of the programme know of themselves: how far behind their consumers are, and what their breakers
//! let through.

use serde::Serialize;
use utoipa::ToSchema;

use super::figures::{Definition, define};

/// What the processes say of themselves when they are asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// Each consumer with the age of the oldest event that it has not taken in, in milliseconds.
    pub lags: Vec<(String, i64)>,
    /// Caller, callee and what is let through: `CLOSED`, `HALF_OPEN` or `OPEN`.
    pub breakers: Vec<(String, String, String)>,
}

/// Asks the processes; must not wait for any of them.
pub type LookLive = Box<dyn Fn() -> Live + Send + Sync>;

/// What the answering process and those that it can ask know of themselves.
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
    #[schema(example = "deal")]
    caller: String,
    /// Who is asked.
    #[schema(example = "point")]
    callee: String,
    /// `CLOSED`, `HALF_OPEN` or `OPEN`.
    #[schema(example = "CLOSED")]
    state: String,
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
