//! The other processes of the programme, as they see themselves: asked twice a second, on their internal listeners.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use app::dashboard::Live;
use futures_util::future::join_all;
use parking_lot::Mutex;
use platform::breaker::BreakerState;
use platform::error::Result;
use platform::http::peer::{Peer, addresses};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::runs;
use crate::config::Settings;
use crate::stores::context_names;

/// Where a process is asked what it knows of itself.
pub(super) const LIVE: &str = "/internal/live";
/// How often the others are asked, and how long each may take.
const EVERY: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_millis(200);
/// What was said longer ago than this is not shown any more.
const FRESH: Duration = Duration::from_secs(2);

/// The question: nothing is said in it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// What a process says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    lags: Vec<(String, i64)>,
    breakers: Vec<(String, String, String)>,
}

impl Said {
    pub(super) fn of(live: Live) -> Self {
        Self { lags: live.lags, breakers: live.breakers }
    }
}

/// The others, and what they said last.
pub(super) struct Others {
    said: Mutex<Vec<(Instant, Said)>>,
}

impl Others {
    /// Every process that the settings name as one that runs a context; each is asked again and again for as long as this
    /// is kept.
    pub(super) fn of(settings: &Settings, runtime: &Handle) -> Result<Arc<Self>> {
        let others = Arc::new(Self { said: Mutex::default() });
        let mut urls: Vec<&str> = context_names().into_iter().flat_map(|name| addresses(at(settings, name))).collect();
        urls.sort_unstable();
        urls.dedup();
        // Only the dashboard shows what others say.
        if urls.is_empty() || !runs(settings, "dashboard")? {
            return Ok(others);
        }
        let key = settings.text("internal.key");
        let peers = urls.iter().map(|url| Peer::new("process", url, key)).collect::<Result<Vec<Peer>>>()?;
        let kept = Arc::downgrade(&others);
        runtime.spawn(async move {
            while let Some(others) = kept.upgrade() {
                let asking = peers.iter().map(|peer| tokio::time::timeout(LIMIT, peer.ask(LIVE, &Nothing {})));
                let said = join_all(asking).await.into_iter().flatten().flatten();
                *others.said.lock() = said.map(|said| (Instant::now(), said)).collect();
                drop(others);
                tokio::time::sleep(EVERY).await;
            }
        });
        Ok(others)
    }

    /// What all of them say together: of a consumer that is in several, the one that is behind most, which is the one that
    /// follows; of a breaker that is in several, the one that lets least through.
    pub(super) fn with(&self, here: Live) -> Live {
        let fresh =
            self.said.lock().iter().filter(|(at, _)| at.elapsed() < FRESH).map(|(_, said)| said.clone()).collect();
        together(here, fresh)
    }
}

/// The internal addresses of a context.
fn at<'a>(settings: &'a Settings, context: &str) -> &'a str {
    // What is called the URL of payment is that of its provider.
    if context == "payment" { settings.text("payment.internal_url") } else { settings.text(&format!("{context}.url")) }
}

fn together(here: Live, others: Vec<Said>) -> Live {
    let mut lags: BTreeMap<String, i64> = BTreeMap::new();
    let mut breakers: BTreeMap<(String, String), String> = BTreeMap::new();
    for said in [Said::of(here)].into_iter().chain(others) {
        for (consumer, lag_ms) in said.lags {
            let worst = lags.entry(consumer).or_insert(lag_ms);
            *worst = (*worst).max(lag_ms);
        }
        for (caller, callee, state) in said.breakers {
            let worst = breakers.entry((caller, callee)).or_insert_with(|| state.clone());
            if refuses(&state) > refuses(worst) {
                *worst = state;
            }
        }
    }
    let breakers = breakers.into_iter().map(|((caller, callee), state)| (caller, callee, state));
    Live { lags: lags.into_iter().collect(), breakers: breakers.collect() }
}

/// How much a breaker in this state refuses, for comparison.
fn refuses(state: &str) -> u8 {
    let rising = [BreakerState::Closed, BreakerState::HalfOpen, BreakerState::Open];
    rising.iter().position(|known| known.name() == state).map_or(0, |place| place as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lag_ms: i64, state: &str) -> Said {
        let breaker = ("deal".to_owned(), "point".to_owned(), state.to_owned());
        Said { lags: vec![("point<member".to_owned(), lag_ms)], breakers: vec![breaker] }
    }

    fn live(said: Said) -> Live {
        Live { lags: said.lags, breakers: said.breakers }
    }

    #[test]
    fn of_several_processes_the_worst_is_shown() {
        let one = together(live(said(0, "CLOSED")), vec![said(7, "OPEN"), said(3, "HALF_OPEN")]);
        assert_eq!(one, live(said(7, "OPEN")));
        let two = together(live(said(9, "HALF_OPEN")), vec![said(7, "CLOSED")]);
        assert_eq!(two, live(said(9, "HALF_OPEN")));
        assert_eq!(together(live(said(1, "CLOSED")), Vec::new()), live(said(1, "CLOSED")), "alone");
    }
}
