//! `onepoint serve`: opens the stores, starts the threads, answers until it is told to end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use platform::access::AccessKeys;
use platform::clock::SystemClock;
use platform::error::{Error, ErrorKind, Result};
use platform::http::limit::{Rate, RateLimits};
use platform::http::serve::{raise_open_files, serve};
use platform::http::shell::{Limits, Shell};
use platform::telemetry::install_metrics;
use platform::trace::Tracing;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::assembly::{App, Options, base_url};
use crate::config::Settings;
use crate::description::Description;
use crate::gateway::table::resources;
use crate::stores::{context_names, open_access};
use crate::system::{self, System};
use crate::traces;

/// What is under way when the program ends has this long to finish.
pub(crate) const GRACE: Duration = Duration::from_secs(20);
/// A revoked key is refused at the latest after this.
const KEYS_EVERY: Duration = Duration::from_secs(1);

/// The runtime that answers HTTP. The writers have threads of their own, so few are needed here.
///
/// # Errors
/// `Internal` if the machine has no thread left.
pub fn runtime(settings: &Settings) -> Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let chosen = usize::try_from(settings.int_in("http.workers", 0..=1_024)?).unwrap_or(0);
    let workers = if chosen == 0 { (cores / 2).max(1) } else { chosen };
    let built = Builder::new_multi_thread().worker_threads(workers).max_blocking_threads(16).enable_all().build();
    built.map_err(|error| Error::internal("no thread for the HTTP server").caused_by(error))
}

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1_024;

/// A server that is listening.
pub struct Running {
    /// The contexts behind it.
    pub app: Arc<App>,
    /// Where it listens.
    pub address: SocketAddr,
    closing: watch::Sender<bool>,
    draining: Arc<AtomicBool>,
    served: Vec<tokio::task::JoinHandle<()>>,
}

impl Running {
    /// Opens, starts and listens. Must not be called inside an async runtime.
    ///
    /// # Errors
    /// A wrong setting, a store that cannot be opened, an address that cannot be listened on.
    pub fn start(settings: &Settings, options: Options, runtime: &Runtime) -> Result<Self> {
        settings.check_loopback_only()?;
        let metrics = install_metrics();
        let listen = settings.socket_addr("listen")?.ok_or_else(|| {
            Error::new(ErrorKind::Invalid, "config.listen", "listen needs an address, for instance 127.0.0.1:8080")
        })?;
        let keys = open_access(settings)?;
        let is_open = listen.ip().is_loopback();
        if !is_open && !keys.has_keys() {
            let message = format!(
                "{listen} can be reached from other machines, and there is no API key yet; make one with 'onepoint keys create --role operator', or listen on 127.0.0.1"
            );
            return Err(Error::new(ErrorKind::Conflict, "config.no_keys", message));
        }
        let (socket, address) = claim(listen, false)?;
        let internal = settings.socket_addr("internal.listen")?.map(|listen| claim(listen, false)).transpose()?;
        let options = Options { address: Some(address), ..options };
        let app = Arc::new(App::open(settings, options, runtime.handle())?);
        app.start()?;
        let (routes, contexts) = app.routes();
        let (echo, faults) = (settings.flag("bench.echo")?, settings.flag("bench.faults")?);
        let (own, program) = system::routes(echo, faults).split_for_parts();
        let draining = Arc::new(AtomicBool::new(false));
        let system = System {
            app: Arc::clone(&app),
            metrics,
            draining: Arc::clone(&draining),
            description: Description::of(contexts, program)?,
            base_url: base_url(settings, Some(address)),
        };
        let router = routes.merge(own.with_state(Arc::new(system)));
        let (closing, closed) = watch::channel(false);
        let mut served = Vec::new();
        let most = u32::try_from(settings.int_in("http.connections", 1..=1_000_000)?).unwrap_or(u32::MAX);
        let limits = limits(settings)?;
        let mut open = |socket, shell| -> Result<()> {
            let listener = listen_on(socket, runtime)?;
            served.push(runtime.spawn(serve(
                listener,
                Arc::new(shell),
                most,
                Arc::clone(&draining),
                closed.clone(),
                GRACE,
            )));
            Ok(())
        };
        if let Some((socket, _)) = internal {
            let (keys, limits) = (Arc::clone(&keys), limits.clone());
            let ending = from_fn_with_state(Arc::clone(&draining), unless_ending);
            open(socket, Shell::new(app.internal_routes().layer(ending), keys, false, vec!["internal"], limits))?;
        }
        open(socket, Shell::new(router, Arc::clone(&keys), is_open, resources(), limits))?;
        runtime.spawn(refresh_keys(keys));
        Ok(Self { app, address, closing, draining, served })
    }

    /// Ends: not ready first, then no new connections, then the rest of the work, then the threads.
    pub fn stop(self, runtime: &Runtime, grace: Duration) {
        self.draining.store(true, Ordering::Release);
        std::thread::sleep(grace);
        let _ = self.closing.send(true);
        for served in self.served {
            let _ = runtime.block_on(served);
        }
        self.app.shut_down();
    }
}

/// What a request may take, on every listener.
fn limits(settings: &Settings) -> Result<Limits> {
    let rate = |group: &str| -> Result<Rate> {
        Ok(Rate {
            per_s: settings.int_in(&format!("limits.{group}requests_per_s"), 0..=1_000_000)?,
            burst: settings.int_in(&format!("limits.{group}burst"), 1..=1_000_000)?,
        })
    };
    let request_time_ms = settings.int_in("http.request_time_ms", 1..=600_000)?;
    // Time limits run on however the clock of the programme is set.
    let rates = RateLimits::new(rate("")?, rate("operator_")?, Arc::new(SystemClock::new()));
    Ok(Limits { request_time: Duration::from_millis(request_time_ms.unsigned_abs()), rates: Arc::new(rates) })
}

/// Sends those who ask on to another process of the same context, before this one closes their connections.
async fn unless_ending(State(draining): State<Arc<AtomicBool>>, request: Request, next: Next) -> Result<Response> {
    if draining.load(Ordering::Acquire) {
        return Err(Error::unavailable("server.draining", "this process is about to end"));
    }
    Ok(next.run(request).await)
}

async fn refresh_keys(keys: Arc<AccessKeys>) {
    loop {
        tokio::time::sleep(KEYS_EVERY).await;
        if let Err(error) = keys.refresh().await {
            tracing::warn!(%error, "API keys cannot be read; the known ones stay");
        }
    }
}

/// Begins to listen on an address that was claimed.
pub(crate) fn listen_on(socket: TcpSocket, runtime: &Runtime) -> Result<TcpListener> {
    let _entered = runtime.enter();
    let listening = socket.listen(BACKLOG);
    listening.map_err(|error| Error::internal("the claimed address cannot be listened on").caused_by(error))
}

/// Takes the address without listening yet, so that nobody is let in before the stores are open. A shared one may be
/// taken by several processes of this user that share it, and the system divides new connections among them.
pub(crate) fn claim(listen: SocketAddr, shared: bool) -> Result<(TcpSocket, SocketAddr)> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let claimed = socket.and_then(|socket| {
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(shared)?;
        socket.bind(listen)?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    });
    claimed.map_err(|error| occupied(listen, error))
}

fn occupied(listen: SocketAddr, error: std::io::Error) -> Error {
    let message = format!("cannot listen on {listen}; is another program there? choose another address with --listen");
    Error::new(ErrorKind::Conflict, "config.listen", message).caused_by(error)
}

/// How long `/readyz` says 503 before a process that is to end stops listening.
///
/// # Errors
/// A wrong setting.
pub(crate) fn grace(settings: &Settings) -> Result<Duration> {
    Ok(Duration::from_millis(settings.int_in("drain.grace_ms", 0..=600_000)?.unsigned_abs()))
}

/// Waits for SIGTERM or SIGINT, has what runs end by `stop`, and sends the last traces.
pub(crate) fn end_when_told(runtime: &Runtime, traces: Option<Tracing>, stop: impl FnOnce()) {
    until_told_to_end(runtime);
    tracing::info!("ending: finishing what is under way");
    stop();
    if let Some(traces) = traces {
        traces.end();
    }
}

fn until_told_to_end(runtime: &Runtime) {
    runtime.block_on(async {
        let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        if let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
    });
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// As [`Running::start`].
pub fn run(settings: &Settings, migrate: bool) -> Result<()> {
    raise_open_files();
    let runtime = runtime(settings)?;
    let part = settings.list_of("contexts", &context_names())?;
    let traces = traces::start(settings, if let [only] = part[..] { only } else { "" })?;
    let running = Running::start(settings, Options { migrate, ..Options::default() }, &runtime)?;
    let grace = grace(settings)?;
    tracing::info!(address = %running.address, data = settings.text("data"), "OnePoint is ready: open http://{} or POST /members", running.address);
    end_when_told(&runtime, traces, || running.stop(&runtime, grace));
    Ok(())
}
