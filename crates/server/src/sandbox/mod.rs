//! The sandbox: a payment provider for trying things out and for tests, an HTTP server of its own with a small wire format
//! (docs/payments.md). It moves no money; it remembers what it would have moved.

mod acts;
mod book;
mod hooks;
mod wire;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use clap::Args;
use parking_lot::Mutex;
use platform::error::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, oneshot};

use self::acts::Act;
use self::book::{Book, Word};
use self::hooks::Hooks;
use crate::config::Settings;

/// What a journal is called in its folder.
pub const JOURNAL: &str = "sandbox-payments.journal";

/// What `onepoint sandbox-payments` can be told.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Address and port
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Where webhooks go, for instance http://127.0.0.1:8080/payments/webhooks; without it none are sent
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// Send a webhook for every charge, not only for the amounts that ask for one
    #[arg(long, requires = "webhook")]
    all_webhooks: bool,
    /// Milliseconds that a slow charge takes (amounts that end in 911)
    #[arg(long, value_name = "MS", default_value_t = 1_000)]
    slow_ms: u64,
    /// Milliseconds after which a late charge is decided (amounts that end in 941)
    #[arg(long, value_name = "MS", default_value_t = 15_000)]
    late_ms: u64,
}

/// How a sandbox behaves.
pub struct Conduct {
    /// The key that it is asked with, and signs with.
    pub key: String,
    /// Where webhooks go, if anywhere.
    pub webhook: Option<String>,
    /// Whether every charge is told by webhook.
    pub tells_all: bool,
    /// What a slow charge takes.
    pub slow: Duration,
    /// After what time a late charge is decided.
    pub late: Duration,
}

impl Conduct {
    /// As the program itself uses it, with this key, telling this address.
    #[must_use]
    pub fn inside(key: String, webhook: String) -> Self {
        let (slow, late) = (Duration::from_secs(1), Duration::from_secs(15));
        Self { key, webhook: Some(webhook), tells_all: false, slow, late }
    }
}

/// What the connections of a sandbox share.
struct Desk {
    book: Mutex<Book>,
    hooks: Option<Arc<Hooks>>,
    authorization: Vec<u8>,
    tells_all: bool,
    slow: Duration,
    late: Duration,
    /// Rung when something that was put off is decided.
    decided: Notify,
}

impl Desk {
    /// Decides a late charge when its time has come.
    fn decide_later(self: &Arc<Self>, reference: &str) {
        let (desk, reference) = (Arc::clone(self), reference.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(desk.late).await;
            let decided = desk.book.lock().decide_late(&reference);
            match decided {
                Ok(Some((amount, word))) => tell(&desk, &reference, amount, word),
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "the journal of the sandbox cannot be written"),
            }
            desk.decided.notify_waiters();
        });
    }
}

/// Tells what was decided by webhook, as often as the amount wants it.
fn tell(desk: &Desk, reference: &str, amount: i64, word: Word) {
    let Some(hooks) = &desk.hooks else { return };
    for _ in 0..Act::of(amount).webhooks().max(usize::from(desk.tells_all)) {
        let (hooks, reference) = (Arc::clone(hooks), reference.to_owned());
        tokio::spawn(async move { hooks.tell(&reference, amount, word).await });
    }
}

/// A sandbox that runs on a thread of its own. Dropping it ends it.
pub struct Sandbox {
    /// Where it listens.
    pub address: SocketAddr,
    beside: Option<PathBuf>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts one. Nothing if another process has its journal open.
    ///
    /// # Errors
    /// `config.sandbox` if the address or the journal cannot be used.
    pub fn start(listen: SocketAddr, journal: &Path, conduct: Conduct) -> Result<Option<Self>> {
        Self::start_beside(listen, journal, None, conduct)
    }

    /// As [`Sandbox::start`]; where it listens stands in the file `beside` until it ends.
    ///
    /// # Errors
    /// As [`Sandbox::start`], or if the file cannot be written.
    pub fn start_beside(
        listen: SocketAddr,
        journal: &Path,
        beside: Option<&Path>,
        conduct: Conduct,
    ) -> Result<Option<Self>> {
        let Some((runtime, listener, desk)) = open(listen, journal, conduct)? else { return Ok(None) };
        let address = listener.local_addr().map_err(|error| cannot(listen.to_string(), error))?;
        if let Some(beside) = beside {
            say_where(beside, address).map_err(|error| cannot(beside.display().to_string(), error))?;
        }
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, desk) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("sandbox-payments".to_owned()).spawn(serve);
        let thread = thread.map_err(|error| Error::internal("no thread for the sandbox").caused_by(error))?;
        Ok(Some(Self { address, beside: beside.map(Path::to_path_buf), stop: Some(stop), thread: Some(thread) }))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // While the journal is still this process's: the next one writes its own.
        if let Some(beside) = self.beside.take() {
            let _ = std::fs::remove_file(beside);
        }
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Whoever reads it finds the old address or the new one, and never a part.
fn say_where(beside: &Path, address: SocketAddr) -> std::io::Result<()> {
    let draft = beside.with_extension("draft");
    std::fs::write(&draft, address.to_string())?;
    std::fs::rename(&draft, beside)
}

fn cannot(what: String, error: std::io::Error) -> Error {
    let message = format!("the sandbox for payments cannot use {what}");
    Error::new(ErrorKind::Conflict, "config.sandbox", message).caused_by(error)
}

fn open(listen: SocketAddr, journal: &Path, conduct: Conduct) -> Result<Option<(Runtime, TcpListener, Arc<Desk>)>> {
    let Conduct { key, webhook, tells_all, slow, late } = conduct;
    let hooks = webhook.map(|url| Hooks::new(&url, &key)).transpose()?.map(Arc::new);
    let Some(book) = Book::open(journal).map_err(|error| cannot(journal.display().to_string(), error))? else {
        return Ok(None);
    };
    let listener = TcpListener::bind(listen).map_err(|error| cannot(listen.to_string(), error))?;
    listener.set_nonblocking(true).map_err(|error| cannot(listen.to_string(), error))?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::internal("no runtime for the sandbox").caused_by(error))?;
    let authorization = format!("Bearer {key}").into_bytes();
    let (book, decided) = (Mutex::new(book), Notify::new());
    Ok(Some((runtime, listener, Arc::new(Desk { book, hooks, authorization, tells_all, slow, late, decided }))))
}

async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(wire::serve(stream, Arc::clone(&desk)))),
            // Out of file descriptors, most likely: give connections time to end.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Runs a sandbox until it is ended. Its journal is the file `data`, or stands in that folder, or in this one.
///
/// # Errors
/// `config.*` for an address, a journal or a key that cannot be used.
pub fn run(settings: &Settings, args: &SandboxArgs, data: Option<&str>) -> Result<ExitCode> {
    let journal = match data.map(Path::new) {
        Some(folder) if folder.is_dir() => folder.join(JOURNAL),
        Some(file) => file.to_path_buf(),
        None => PathBuf::from(JOURNAL),
    };
    let key = settings.text("payment.key");
    if key.is_empty() {
        let message = "payment.key is missing: the key that the sandbox is asked with, the same as the server's";
        return Err(Error::new(ErrorKind::Invalid, "config.invalid_value", message));
    }
    let conduct = Conduct {
        key: key.to_owned(),
        webhook: args.webhook.clone(),
        tells_all: args.all_webhooks,
        slow: Duration::from_millis(args.slow_ms),
        late: Duration::from_millis(args.late_ms),
    };
    let Some((runtime, listener, desk)) = open(args.listen, &journal, conduct)? else {
        let message = format!("another process has {} open", journal.display());
        return Err(Error::new(ErrorKind::Conflict, "config.sandbox", message));
    };
    let address = listener.local_addr().map_err(|error| cannot(args.listen.to_string(), error))?;
    tracing::info!(%address, data = %journal.display(), "the sandbox for payments is ready: payment.url=http://{address}");
    runtime.block_on(accept(listener, desk));
    Ok(ExitCode::SUCCESS)
}
