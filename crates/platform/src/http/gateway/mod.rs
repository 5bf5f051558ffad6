//! The mechanism of a gateway: groups of addresses that do the same, looked at several times a second; requests go to one
//! that is ready, and once more to another one where that cannot do harm.

mod body;
mod flow;
mod forward;
mod front;
mod group;
mod headers;
mod name;
mod upstream;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch as channel};

pub use body::Outgoing;
pub use flow::Seen;
pub use front::{Front, Own, Routes, Way};
pub use group::{Group, MOST_UPSTREAMS};
pub use name::Name;
pub use upstream::Upstream;
pub use watch::CLOCK;

use crate::breaker::BreakerSettings;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::http::resolve::Resolver;

/// How requests are passed on.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// Pause between two looks at an address.
    pub check: Duration,
    /// How long a request may take until its answer begins, repeats included.
    pub time_limit: Duration,
    /// How long a request waits for an address to become ready, where one was ready lately.
    pub wait: Duration,
    /// Requests to a group that may be under way at once; further ones are refused.
    pub concurrency: usize,
    /// When a group is not asked at all.
    pub breaker: BreakerSettings,
    /// Age of the oldest event that was not taken in, above which writers are held back, in milliseconds.
    pub lag_limit_ms: i64,
}

/// All groups, and what is known of their addresses.
pub struct Gateway {
    settings: GatewaySettings,
    groups: Vec<Arc<Group>>,
    /// Each address of the settings once.
    names: Vec<Arc<Name>>,
    /// What is behind them now, each once, whatever it does.
    upstreams: Mutex<Vec<Arc<Upstream>>>,
    resolver: Resolver,
    /// Told when what is known of names may be out of date.
    stale: Notify,
    clock: Arc<dyn Clock>,
    /// Rises whenever an address becomes ready.
    news: channel::Sender<u64>,
}

impl Gateway {
    /// A gateway to these groups: their names, each with its addresses (`http://host:port`). Nothing is looked at yet.
    /// `resolver` looks names up.
    ///
    /// # Errors
    /// `config.upstream` if one is no address, or if a group has too many.
    pub fn new(
        groups: &[(&'static str, Vec<String>)],
        settings: GatewaySettings,
        clock: Arc<dyn Clock>,
        resolver: Resolver,
    ) -> Result<Self> {
        let mut names: Vec<Arc<Name>> = Vec::new();
        let mut known = |url: &String| -> Result<Arc<Name>> {
            let name = Name::new(url)?;
            if let Some(known) = names.iter().find(|known| known.url() == name.url()) {
                return Ok(Arc::clone(known));
            }
            names.push(Arc::new(name));
            Ok(Arc::clone(&names[names.len() - 1]))
        };
        let mut made = Vec::with_capacity(groups.len());
        for (name, urls) in groups {
            let mut of_group: Vec<Arc<Name>> = Vec::new();
            for url in urls {
                let name = known(url)?;
                if !of_group.iter().any(|other| Arc::ptr_eq(other, &name)) {
                    of_group.push(name);
                }
            }
            if of_group.len() > MOST_UPSTREAMS {
                let message = format!("{name} has more than {MOST_UPSTREAMS} addresses");
                return Err(Error::new(ErrorKind::Invalid, "config.upstream", message));
            }
            made.push(Arc::new(Group::new(name, of_group, &settings, &clock)));
        }
        Ok(Self {
            settings,
            groups: made,
            names,
            upstreams: Mutex::default(),
            resolver,
            stale: Notify::new(),
            clock,
            news: channel::Sender::new(0),
        })
    }

    /// The group of this name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Arc<Group>> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// Its groups.
    #[must_use]
    pub fn groups(&self) -> &[Arc<Group>] {
        &self.groups
    }

    /// Every address of the settings, once.
    #[must_use]
    pub fn names(&self) -> &[Arc<Name>] {
        &self.names
    }

    /// What is behind them now, each once.
    #[must_use]
    pub fn upstreams(&self) -> Vec<Arc<Upstream>> {
        self.upstreams.lock().clone()
    }

    /// A name stands for these addresses from now on. What no name stands for any more is let go; who is new, and has to
    /// be looked at.
    fn move_to(&self, name: &Name, addresses: &[SocketAddr]) -> Vec<Arc<Upstream>> {
        if name.upstreams().iter().map(|one| one.address()).eq(addresses.iter().copied()) {
            return Vec::new();
        }
        let mut known = self.upstreams.lock();
        let mut fresh = Vec::new();
        let behind = addresses.iter().map(|address| {
            let same = known.iter().find(|one| one.address() == *address).cloned();
            same.unwrap_or_else(|| {
                let made = Arc::new(Upstream::new(*address, name.host().clone()));
                fresh.push(Arc::clone(&made));
                made
            })
        });
        name.set(behind.collect());
        known.extend(fresh.iter().cloned());
        let (stay, gone): (Vec<_>, Vec<_>) =
            known.drain(..).partition(|one| self.names.iter().any(|name| name.has(one)));
        *known = stay;
        for group in self.groups.iter().filter(|group| group.has(name)) {
            group.refresh();
            group.note_ready(self.clock.monotonic_ms());
        }
        gone.iter().for_each(|upstream| upstream.retire());
        if !name.is_fixed() {
            tracing::info!(name = name.url(), now = addresses.len(), gone = gone.len(), "a name stands for others now");
        }
        fresh
    }

    /// What the gateway's clock shows, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Whether every address has been looked at.
    #[must_use]
    pub fn has_looked(&self) -> bool {
        self.names.iter().all(|name| name.was_looked_up() && name.upstreams().iter().all(|one| one.was_looked_at()))
    }

    /// Looks at every breaker, so that the figures of those that nobody asks are those of now.
    pub fn look_at_breakers(&self) {
        for group in &self.groups {
            let _ = group.breaker.state();
        }
    }

    /// Notes whether an address is ready, and wakes who waits for one.
    fn note(&self, upstream: &Arc<Upstream>, is_ready: bool) {
        let changed = upstream.set_ready(is_ready);
        let now_ms = self.clock.monotonic_ms();
        for group in self.groups.iter().filter(|group| group.upstreams().iter().any(|one| Arc::ptr_eq(one, upstream))) {
            group.note_ready(now_ms);
        }
        if !changed {
            return;
        }
        if is_ready {
            tracing::info!(address = upstream.url(), "an upstream is ready");
            self.news.send_modify(|count| *count += 1);
        } else {
            tracing::warn!(address = upstream.url(), "an upstream is not ready; nothing is sent to it");
            self.stale.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;
