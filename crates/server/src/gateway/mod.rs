//! `onepoint gateway`: a process without contexts and stores, which sends each request to a process that runs the context
//! it is for.

mod own;
mod parked;
mod routes;
pub mod table;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::HeaderValue;
use platform::clock::{Clock, SystemClock};
use platform::error::{Error, ErrorKind, Result};
use platform::http::gateway::{Front, Gateway, GatewaySettings, MOST_UPSTREAMS};
use platform::http::resolve::system_resolver;
use platform::http::serve::{raise_open_files, serve};
use platform::telemetry::install_metrics;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::routes::GatewayRoutes;
use crate::assembly::{base_url, breaker_settings};
use crate::config::Settings;
use crate::serve::{GRACE, claim, end_when_told, grace, listen_on, runtime};
use crate::stores::context_names;
use crate::traces;

/// The group of all addresses: whoever is ready answers what every process can answer.
const PROGRAM: &str = "program";

/// A gateway that is listening.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    closing: watch::Sender<bool>,
    draining: Arc<AtomicBool>,
    served: JoinHandle<()>,
    watching: Vec<JoinHandle<()>>,
}

impl Running {
    /// Listens, and begins to look at the addresses behind it.
    ///
    /// # Errors
    /// A wrong setting, or an address that cannot be listened on.
    pub fn start(settings: &Settings, runtime: &Runtime) -> Result<Self> {
        settings.check_loopback_only()?;
        let metrics = install_metrics();
        let listen = settings.socket_addr("listen")?.ok_or_else(|| wrong("listen needs an address"))?;
        let gateway = Arc::new(gateway(settings)?);
        let body_bytes = usize::try_from(settings.int_in("gateway.body_kb", 0..=65_536)?).unwrap_or(0) * 1_024;
        let most = u32::try_from(settings.int_in("http.connections", 1..=1_000_000)?).unwrap_or(u32::MAX);
        let internal_key = settings.text("internal.key");
        let authorization = authorization(internal_key)?;
        let (socket, address) = claim(listen, settings.flag("http.share_port")?)?;
        let draining = Arc::new(AtomicBool::new(false));
        let routes = GatewayRoutes {
            gateway: Arc::clone(&gateway),
            metrics,
            draining: Arc::clone(&draining),
            internal_key: internal_key.to_owned(),
            base_url: base_url(settings, Some(address)),
            echo: settings.flag("bench.echo")?,
            faults: settings.flag("bench.faults")?,
        };
        let front = Front::new(Arc::clone(&gateway), routes, body_bytes, listen.ip().is_loopback());
        let (closing, closed) = watch::channel(false);
        let listener = listen_on(socket, runtime)?;
        let looks = gateway.names().iter().cloned();
        let mut watching: Vec<_> = looks.map(|one| runtime.spawn(Arc::clone(&gateway).watch(one))).collect();
        watching.push(runtime.spawn(gateway.watch_lags(authorization)));
        let served = runtime.spawn(serve(listener, Arc::new(front), most, Arc::clone(&draining), closed, GRACE));
        Ok(Self { address, closing, draining, served, watching })
    }

    /// Ends: not ready first, then no new connections, then the rest of the work.
    pub fn stop(self, runtime: &Runtime, grace: Duration) {
        self.draining.store(true, Ordering::Release);
        std::thread::sleep(grace);
        let _ = self.closing.send(true);
        let _ = runtime.block_on(self.served);
        self.watching.iter().for_each(JoinHandle::abort);
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, "config.gateway", message.into())
}

fn authorization(key: &str) -> Result<Option<HeaderValue>> {
    if key.is_empty() {
        return Ok(None);
    }
    let value = HeaderValue::try_from(format!("Bearer {key}"));
    let mut value = value.map_err(|_| wrong("internal.key cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// The groups that the settings name: one for each context, and one of all addresses.
fn gateway(settings: &Settings) -> Result<Gateway> {
    let mut groups: Vec<(&'static str, Vec<String>)> = Vec::new();
    let mut all: Vec<String> = Vec::new();
    for context in context_names() {
        let urls = settings.list(&format!("gateway.{context}"));
        all.extend(urls.iter().cloned());
        groups.push((context, urls));
    }
    if all.is_empty() {
        return Err(wrong("no address is named; give gateway.member=http://host:port and so on"));
    }
    all.sort_unstable();
    all.dedup();
    all.truncate(MOST_UPSTREAMS);
    groups.push((PROGRAM, all));
    let millis = |key: &str, range| settings.int_in(key, range).map(|ms| Duration::from_millis(ms.unsigned_abs()));
    let chosen = GatewaySettings {
        check: millis("gateway.check_ms", 10..=60_000)?,
        time_limit: millis("gateway.time_limit_ms", 1..=600_000)?,
        wait: millis("gateway.wait_ms", 0..=60_000)?,
        concurrency: usize::try_from(settings.int_in("gateway.concurrency", 1..=1_000_000)?).unwrap_or(1),
        breaker: breaker_settings(settings)?,
        lag_limit_ms: settings.int_in("gateway.lag_limit_s", 1..=86_400)? * 1_000,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    Gateway::new(&groups, chosen, clock, system_resolver())
}

/// Passes requests on until SIGTERM or SIGINT.
///
/// # Errors
/// As [`Running::start`].
pub fn run(settings: &Settings) -> Result<()> {
    raise_open_files();
    let runtime = runtime(settings)?;
    let traces = traces::start(settings, "gateway")?;
    let running = Running::start(settings, &runtime)?;
    let grace = grace(settings)?;
    tracing::info!(address = %running.address, "OnePoint's gateway is ready: open http://{}", running.address);
    end_when_told(&runtime, traces, || running.stop(&runtime, grace));
    Ok(())
}
