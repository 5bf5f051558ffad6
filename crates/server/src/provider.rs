//! Who moves the money of cards, from the settings: a provider behind HTTP, or the sandbox inside this process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use app::payment::{Charge, ChargeOutcome, HttpProvider, PaymentProvider, ProviderQuestions, Word, signature};
use parking_lot::Mutex;
use platform::clock::Clock;
use platform::db::make_private_folder;
use platform::error::{Error, ErrorKind, Result};
use platform::guard::{Guard, GuardSettings};

use crate::config::Settings;
use crate::sandbox::{Conduct, JOURNAL, Sandbox};
use crate::secret::programme_secret;
use crate::sender::crosses_unprotected;

/// Where the sandbox listens, beside its journal in the data folder.
const ADDRESS: &str = "sandbox-payments.address";

/// The provider for cards, if there is one.
#[derive(Default)]
pub struct CardProvider {
    /// It, and how it is asked.
    pub questions: Option<ProviderQuestions>,
    /// What it signs its webhooks with.
    pub webhook_key: Option<Vec<u8>>,
    /// The sandbox, if it runs inside this process.
    pub sandbox: Option<Sandbox>,
}

/// The provider for cards. `listens` is where the program listens, if it does; `guard` how the provider is asked, with
/// the time limit of its own.
///
/// # Errors
/// A wrong setting, or a sandbox that cannot be started.
pub fn card_provider(
    settings: &Settings,
    listens: Option<SocketAddr>,
    guard: GuardSettings,
    clock: &Arc<dyn Clock>,
) -> Result<CardProvider> {
    let (url, key) = (settings.text("payment.url").trim(), settings.text("payment.key"));
    let (provider, key, sandbox): (Arc<dyn PaymentProvider>, String, Option<Sandbox>) = match (url, listens) {
        ("", Some(address)) if address.ip().is_loopback() => inside(settings, address)?,
        ("", Some(_)) => {
            tracing::warn!(
                "card payments are declined (no_provider), because there is no payment provider: set payment.url and payment.key"
            );
            return Ok(CardProvider::default());
        }
        // Who only looks at the stores pays for nothing.
        ("", None) => return Ok(CardProvider::default()),
        (url, _) if crosses_unprotected(url) => {
            return Err(wrong("payment.key would cross the network unprotected; payment.url must begin with https://"));
        }
        (_, _) if key.is_empty() => {
            return Err(wrong("payment.key is missing: what the payment provider knows the programme by"));
        }
        (url, _) => (Arc::new(HttpProvider::new(url, key)?), key.to_owned(), None),
    };
    let guard = Guard::new("payment", "provider", guard, Arc::clone(clock));
    let questions = Some(ProviderQuestions { provider, guard });
    Ok(CardProvider { questions, webhook_key: Some(key.into_bytes()), sandbox })
}

/// The sandbox inside this process, or the one inside another process on the same data folder: how it is asked, its key,
/// and the sandbox if it is this process's own.
fn inside(settings: &Settings, listens: SocketAddr) -> Result<(Arc<dyn PaymentProvider>, String, Option<Sandbox>)> {
    let data = Path::new(settings.text("data"));
    let cannot = |error| {
        let message = format!("cannot keep the sandbox for payments in {}", data.display());
        Error::new(ErrorKind::Conflict, "config.sandbox", message).caused_by(error)
    };
    make_private_folder(data).map_err(cannot)?;
    let key = match settings.text("payment.key") {
        // The same for every process and every start on this data, and nobody's who does not know the secret.
        "" => signature(&programme_secret(settings)?, "sandbox-payments", 0, b""),
        given => given.to_owned(),
    };
    let conduct = Conduct::inside(key.clone(), format!("http://{listens}/payments/webhooks"));
    let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let beside = data.join(ADDRESS);
    let started = Sandbox::start_beside(listen, &data.join(JOURNAL), Some(&beside), conduct)?;
    let provider: Arc<dyn PaymentProvider> = match &started {
        Some(sandbox) => Arc::new(HttpProvider::new(&format!("http://{}", sandbox.address), &key)?),
        None => Arc::new(Neighbour { beside, key: key.clone(), known: Mutex::default() }),
    };
    let whose =
        started.as_ref().map_or("another process on this data".to_owned(), |own| format!("http://{}", own.address));
    tracing::info!(
        "card payments go to a sandbox ({whose}) that moves no money; set payment.url and payment.key for a provider"
    );
    Ok((provider, key, started))
}

/// The sandbox inside another process on the same data folder, which listens elsewhere after each of its starts.
struct Neighbour {
    /// The file that says where.
    beside: PathBuf,
    key: String,
    /// Where it was found last.
    known: Mutex<Option<Arc<HttpProvider>>>,
}

impl Neighbour {
    /// It, where it was found last, or where the file says now.
    fn find(&self) -> Result<Arc<HttpProvider>> {
        if let Some(provider) = &*self.known.lock() {
            return Ok(Arc::clone(provider));
        }
        let address = std::fs::read_to_string(&self.beside).map_err(|error| {
            Error::unavailable("provider.not_found", "the sandbox of another process is not found").caused_by(error)
        })?;
        let provider = Arc::new(HttpProvider::new(&format!("http://{}", address.trim()), &self.key)?);
        *self.known.lock() = Some(Arc::clone(&provider));
        Ok(provider)
    }

    /// Whatever is not certain may have been said by somebody else who listens there by now: it is looked for again.
    fn heard<T>(&self, word: Result<Word<T>>) -> Result<Word<T>> {
        if !matches!(word, Ok(Word::Certain(_) | Word::Pending)) {
            *self.known.lock() = None;
        }
        word
    }
}

/// What it will have said.
type Saying<'a, T> = Pin<Box<dyn Future<Output = Result<Word<T>>> + Send + 'a>>;

impl PaymentProvider for Neighbour {
    fn charge(&self, charge: Charge) -> Saying<'_, ChargeOutcome> {
        Box::pin(async move { self.heard(self.find()?.charge(charge).await) })
    }

    fn cancel(&self, charge: Charge) -> Saying<'_, i64> {
        Box::pin(async move { self.heard(self.find()?.cancel(charge).await) })
    }
}

fn wrong(message: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, "config.invalid_value", message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may; the failure names the line")]

    use platform::clock::SystemClock;

    use super::*;

    fn read(sets: &[&str], listens: Option<&str>) -> Result<CardProvider> {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let settings = Settings::from_sources(None, std::iter::empty(), &sets).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        card_provider(&settings, listens.map(|address| address.parse().unwrap()), GuardSettings::default(), &clock)
    }

    #[test]
    fn who_moves_the_money_is_settled_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let data = format!("data={}", folder.path().display());
        let (loopback, beyond) = (Some("127.0.0.1:8080"), Some("0.0.0.0:8080"));
        for (sets, listens, provider, sandbox) in [
            (&[data.as_str()][..], loopback, true, true),
            (&[&data], beyond, false, false),
            (&[&data], None, false, false),
            (&[&data, "payment.url=https://pay.example.org", "payment.key=k"], beyond, true, false),
            (&[&data, "payment.url=http://127.0.0.1:8090", "payment.key=k"], loopback, true, false),
        ] {
            let chosen = read(sets, listens).unwrap();
            let found = (chosen.questions.is_some(), chosen.sandbox.is_some());
            assert_eq!(found, (provider, sandbox), "{sets:?} {listens:?}");
            assert_eq!(chosen.webhook_key.is_some(), provider);
        }
        for (url, key, says) in [
            ("http://pay.example.org", "k", "unprotected"),
            ("https://pay.example.org", "", "payment.key is missing"),
            ("ftp://pay.example.org", "k", "https://host/path"),
        ] {
            let (url, key) = (format!("payment.url={url}"), format!("payment.key={key}"));
            let error = read(&[&data, &url, &key], beyond).err().expect(says);
            assert!(error.message.contains(says), "{error}");
        }
    }

    #[test]
    fn processes_on_the_same_data_share_the_sandbox_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let data = format!("data={}", folder.path().display());
        let first = read(&[&data], Some("127.0.0.1:1")).unwrap();
        let second = read(&[&data], Some("127.0.0.1:2")).unwrap();
        assert!(first.sandbox.is_some() && second.sandbox.is_none() && second.questions.is_some());
        assert_eq!(first.webhook_key, second.webhook_key);
        // The one starts again, and listens elsewhere; the other finds it.
        let charge = || Charge { payment_id: 1, reference: "1-0".to_owned(), customer_id: None, amount_won: 5_000 };
        let asks = second.questions.unwrap().provider;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ask = || runtime.block_on(asks.charge(charge()));
        assert_eq!(ask().unwrap(), Word::Certain(ChargeOutcome::Charged));
        drop(first);
        assert!(ask().is_err(), "nobody is there");
        let third = read(&[&data], Some("127.0.0.1:3")).unwrap();
        assert!(third.sandbox.is_some());
        assert!((0..2).any(|_| ask().is_ok_and(|word| word == Word::Certain(ChargeOutcome::Charged))));
    }
}
