//! The addresses behind the name of a host. A name may stand for several processes, and for others a moment later.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, Uri};
use parking_lot::{Mutex, RwLock};
use tokio::net::lookup_host;

/// How long what a name stands for is taken to be so.
pub(super) const FRESH: Duration = Duration::from_secs(1);

/// The addresses that are being looked up.
pub type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Looks up what `host:port` stands for.
pub type Resolver = Arc<dyn Fn(String) -> Found + Send + Sync>;

/// Asks the system, as every program does: `/etc/hosts`, then DNS.
#[must_use]
pub fn system_resolver() -> Resolver {
    Arc::new(|authority| Box::pin(async move { Ok(lookup_host(authority).await?.collect()) }))
}

/// All addresses behind `host:port`, each once; nothing if there is none now.
pub(super) async fn look_up(resolver: &Resolver, authority: &str) -> io::Result<Vec<SocketAddr>> {
    let mut found = resolver(authority.to_owned()).await?;
    found.sort_unstable();
    found.dedup();
    if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
}

/// Where one process listens.
pub(super) struct Place {
    /// Paths are put behind this.
    pub base_url: String,
    /// What it is called in `Host`, if that is not in the URL.
    pub host: Option<HeaderValue>,
}

/// A URL in the settings whose host is a name.
struct Named {
    authority: String,
    host: HeaderValue,
    path: String,
    known: Mutex<Vec<SocketAddr>>,
}

/// URLs from the settings, and the places that they stand for now.
pub(super) struct Places {
    given: Vec<(String, Option<Named>)>,
    resolver: Resolver,
    /// Where among the addresses of a name this process begins: not all of them with the same one.
    turn: usize,
    now: RwLock<Arc<[Place]>>,
    fresh_until: Mutex<Option<Instant>>,
}

enum Age {
    Unknown,
    Old,
    Fresh,
}

impl Places {
    /// The places behind these URLs, each with its parts.
    pub fn new(urls: Vec<(String, Uri)>, resolver: Resolver) -> Arc<Self> {
        let given: Vec<_> = urls.into_iter().map(|(url, uri)| (url, named(&uri))).collect();
        let as_given = given.iter().map(|(url, _)| Place { base_url: url.clone(), host: None }).collect();
        let turn = getrandom::u32().ok().and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
        Arc::new(Self { given, resolver, turn, now: RwLock::new(as_given), fresh_until: Mutex::default() })
    }

    /// The places now. Names are looked up again every second, beside what goes on; only the first look is waited for.
    pub async fn now(self: &Arc<Self>) -> Arc<[Place]> {
        if self.given.iter().any(|(_, named)| named.is_some()) {
            match self.age() {
                Age::Unknown => self.refresh().await,
                Age::Old => drop(tokio::spawn(Arc::clone(self).refreshed())),
                Age::Fresh => {}
            }
        }
        Arc::clone(&self.now.read())
    }

    /// How old what is known of the names is; whoever is told that it is not fresh looks them up.
    fn age(&self) -> Age {
        let mut until = self.fresh_until.lock();
        let now = Instant::now();
        match *until {
            Some(fresh_until) if fresh_until > now => Age::Fresh,
            known => {
                *until = Some(now + FRESH);
                if known.is_some() { Age::Old } else { Age::Unknown }
            }
        }
    }

    /// Somebody could not be connected to: the names are looked up with the next question.
    pub fn are_stale(&self) {
        if let Some(until) = &mut *self.fresh_until.lock() {
            *until = Instant::now();
        }
    }

    async fn refreshed(self: Arc<Self>) {
        self.refresh().await;
    }

    async fn refresh(&self) {
        let mut places = Vec::new();
        for (url, named) in &self.given {
            let found = match named {
                Some(named) => named.addresses(&self.resolver).await,
                None => Vec::new(),
            };
            let Some(named) = named.as_ref().filter(|_| !found.is_empty()) else {
                places.push(Place { base_url: url.clone(), host: None });
                continue;
            };
            let (later, sooner) = found.split_at(self.turn % found.len());
            places.extend(sooner.iter().chain(later).map(|address| Place {
                base_url: format!("http://{address}{}", named.path),
                host: Some(named.host.clone()),
            }));
        }
        *self.now.write() = places.into();
    }
}

impl Named {
    /// The addresses behind it; the last ones known if it cannot be resolved now.
    async fn addresses(&self, resolver: &Resolver) -> Vec<SocketAddr> {
        match look_up(resolver, &self.authority).await {
            Ok(found) => {
                self.known.lock().clone_from(&found);
                found
            }
            Err(_) => self.known.lock().clone(),
        }
    }
}

/// What there is to look up; nothing if the host is an IP.
fn named(uri: &Uri) -> Option<Named> {
    let given = uri.authority()?;
    let authority = format!("{}:{}", given.host(), given.port_u16().unwrap_or(80));
    if authority.parse::<SocketAddr>().is_ok() {
        return None;
    }
    let host = HeaderValue::try_from(given.as_str()).ok()?;
    let path = uri.path().trim_end_matches('/').to_owned();
    Some(Named { authority, host, path, known: Mutex::default() })
}
