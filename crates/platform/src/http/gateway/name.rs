//! An address as it stands in the settings: an IP, or the name of a host with one upstream for each IP behind it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{HeaderValue, Uri};
use parking_lot::RwLock;

use super::group::MOST_UPSTREAMS;
use super::upstream::Upstream;
use crate::error::{Error, ErrorKind, Result};
use crate::http::resolve::{Resolver, look_up};

/// Upstreams at one moment.
pub(super) type Upstreams = Arc<[Arc<Upstream>]>;

/// An address as it stands in the settings, and what is behind it.
pub struct Name {
    url: String,
    /// `host:port`.
    authority: String,
    host: HeaderValue,
    /// Its address, if it is an IP.
    fixed: Option<SocketAddr>,
    was_looked_up: AtomicBool,
    is_unknown: AtomicBool,
    behind: RwLock<Upstreams>,
}

impl Name {
    /// The servers at `http://host:port`; none until they have been looked up.
    ///
    /// # Errors
    /// `config.upstream` if this is no such address.
    pub fn new(url: &str) -> Result<Self> {
        let wrong = || {
            let message = format!("'{url}' is no address of a process; write it as http://host:port");
            Error::new(ErrorKind::Invalid, "config.upstream", message)
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let is_plain = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
        let given = uri.authority().filter(|authority| is_plain && !authority.as_str().contains('@'));
        let given = given.ok_or_else(wrong)?;
        let host = HeaderValue::try_from(given.as_str()).map_err(|_| wrong())?;
        let authority = format!("{}:{}", given.host(), given.port_u16().unwrap_or(80));
        Ok(Self {
            url: format!("http://{given}"),
            fixed: authority.parse().ok(),
            authority,
            host,
            was_looked_up: AtomicBool::new(false),
            is_unknown: AtomicBool::new(false),
            behind: RwLock::new(Arc::from([])),
        })
    }

    /// As it stands in the settings: `http://host:port`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the gateway's own questions say in `Host`.
    pub(super) fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// Whether it is an IP, which stands for itself.
    pub(super) fn is_fixed(&self) -> bool {
        self.fixed.is_some()
    }

    /// Whether what is behind it has been looked up since the start.
    pub(super) fn was_looked_up(&self) -> bool {
        self.was_looked_up.load(Ordering::Acquire)
    }

    /// What is behind it now.
    #[must_use]
    pub fn upstreams(&self) -> Upstreams {
        Arc::clone(&self.behind.read())
    }

    /// Whether this one is behind it.
    pub(super) fn has(&self, upstream: &Arc<Upstream>) -> bool {
        self.behind.read().iter().any(|one| Arc::ptr_eq(one, upstream))
    }

    /// These are behind it from now on.
    pub(super) fn set(&self, behind: Upstreams) {
        *self.behind.write() = behind;
    }

    /// Notes that it has been looked up, whatever came of that.
    pub(super) fn is_looked_up(&self) {
        self.was_looked_up.store(true, Ordering::Release);
    }

    /// The addresses behind it, as many as are used; nothing if the name cannot be resolved now.
    pub(super) async fn look_up(&self, resolver: &Resolver) -> Option<Vec<SocketAddr>> {
        if let Some(address) = self.fixed {
            return Some(vec![address]);
        }
        let found = look_up(resolver, &self.authority).await;
        let was_unknown = self.is_unknown.swap(found.is_err(), Ordering::Relaxed);
        match found {
            Ok(mut addresses) => {
                addresses.truncate(MOST_UPSTREAMS);
                Some(addresses)
            }
            Err(error) => {
                if !was_unknown {
                    tracing::warn!(name = self.url, %error, "a name cannot be resolved; its last addresses stay");
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_scheme_a_host_and_a_port() {
        for good in ["http://127.0.0.1:8080", "http://point:8080/", "http://[::1]:1", "http://point"] {
            let name = Name::new(good).expect(good);
            assert_eq!(name.is_fixed(), !good.contains("point"), "{good}");
        }
        for bad in ["", "127.0.0.1:80", "https://point", "http://", "http://point/a", "http://a@b:1", "http://a b"] {
            assert_eq!(Name::new(bad).err().map(|error| error.code).as_deref(), Some("config.upstream"), "{bad}");
        }
    }
}
