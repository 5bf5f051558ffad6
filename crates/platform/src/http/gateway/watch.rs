//! Looking at the addresses: whether they are ready, and how far behind what follows them is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::flow::{Flow, Seen};
use super::{Gateway, Name, Upstream};
use crate::http::resolve::FRESH;

/// How long an address may take to say that it is ready.
const READY_TIME: Duration = Duration::from_millis(1_000);
/// A name is looked up again no sooner than this, however many connections fail.
const LOOK_UP_PAUSE: Duration = Duration::from_millis(50);
/// How often, and for how long, all are asked how far behind they are.
const LAGS_EVERY: Duration = Duration::from_secs(1);
const LAGS_TIME: Duration = Duration::from_millis(500);
/// What the clock of who answers shows, in milliseconds since 1970.
pub static CLOCK: HeaderName = HeaderName::from_static("x-clock-ms");

impl Gateway {
    /// Looks up what is behind a name, again and again, and looks at each of those addresses while it is there. Ends all
    /// of it when it is dropped.
    pub async fn watch(self: Arc<Self>, name: Arc<Name>) {
        let mut looks = JoinSet::new();
        loop {
            if let Some(addresses) = name.look_up(&self.resolver).await {
                for upstream in self.move_to(&name, &addresses) {
                    looks.spawn(Arc::clone(&self).look_at(upstream));
                }
            }
            name.is_looked_up();
            if name.is_fixed() {
                while looks.join_next().await.is_some() {}
                return;
            }
            while looks.try_join_next().is_some() {}
            // Where a connection fails, the name may stand for something else by now.
            let _ = timeout(FRESH, self.stale.notified()).await;
            sleep(LOOK_UP_PAUSE).await;
        }
    }

    /// Looks at one address again and again, until it is gone.
    async fn look_at(self: Arc<Self>, upstream: Arc<Upstream>) {
        let mut every = interval(self.settings.check);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !upstream.is_gone() {
            every.tick().await;
            let is_ready = upstream.look(READY_TIME).await;
            self.note(&upstream, is_ready);
            upstream.tidy();
        }
    }

    /// Asks all addresses again and again how far behind they are, and holds writers back where that is needed.
    pub async fn watch_lags(self: Arc<Self>, authorization: Option<HeaderValue>) {
        let mut every = interval(LAGS_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut flow = Flow::default();
        loop {
            every.tick().await;
            let behind = flow.look(self.seen(authorization.as_ref()).await, self.settings.lag_limit_ms);
            for group in &self.groups {
                let follower = behind.get(group.name);
                match (group.set_behind(follower.is_some()), follower) {
                    (true, Some(follower)) => {
                        tracing::warn!(context = group.name, follower, "a follower is behind: writes are held back");
                    }
                    (true, None) => tracing::info!(context = group.name, "writes flow again"),
                    (false, _) => {}
                }
            }
        }
    }

    /// What followers say of themselves; of one that runs in several places, the place that is behind most.
    pub async fn seen(&self, authorization: Option<&HeaderValue>) -> HashMap<String, Seen> {
        let upstreams = self.upstreams();
        let ready = upstreams.iter().filter(|upstream| upstream.is_ready());
        let answers = join_all(ready.map(|upstream| upstream.ask("/lags", authorization, LAGS_TIME))).await;
        let mut worst: HashMap<String, Seen> = HashMap::new();
        for answer in answers.into_iter().flatten().filter(|answer| answer.status() == StatusCode::OK) {
            let now_ms = answer.headers().get(&CLOCK).and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
            let lags: Option<HashMap<String, i64>> = serde_json::from_slice(answer.body()).ok();
            let (Some(now_ms), Some(lags)) = (now_ms, lags) else { continue };
            for (name, lag_ms) in lags {
                let seen = Seen { lag_ms, since_ms: now_ms.saturating_sub(lag_ms) };
                worst
                    .entry(name)
                    .and_modify(|known| {
                        if known.lag_ms < lag_ms {
                            *known = seen;
                        }
                    })
                    .or_insert(seen);
            }
        }
        worst
    }
}
