//! Who moves the money of cards, from the settings: a provider behind HTTP, or the sandbox inside this process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use app::payment::{HttpProvider, PaymentProvider, ProviderQuestions, signature};
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
    let (url, key, sandbox) = match (url, listens) {
        ("", Some(address)) if address.ip().is_loopback() => match inside(settings, address)? {
            Some((url, key, sandbox)) => (url, key, sandbox),
            None => return Ok(CardProvider::default()),
        },
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
        (url, _) => (url.to_owned(), key.to_owned(), None),
    };
    let provider: Arc<dyn PaymentProvider> = Arc::new(HttpProvider::new(&url, &key)?);
    let guard = Guard::new("payment", "provider", guard, Arc::clone(clock));
    let questions = Some(ProviderQuestions { provider, guard });
    Ok(CardProvider { questions, webhook_key: Some(key.into_bytes()), sandbox })
}

/// The sandbox inside this process, or the one inside another process on the same data folder: its address, its key, and
/// the sandbox if it is this process's own.
fn inside(settings: &Settings, listens: SocketAddr) -> Result<Option<(String, String, Option<Sandbox>)>> {
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
    let (address, sandbox) = match Sandbox::start(listen, &data.join(JOURNAL), conduct)? {
        Some(sandbox) => {
            std::fs::write(&beside, sandbox.address.to_string()).map_err(cannot)?;
            (sandbox.address.to_string(), Some(sandbox))
        }
        None => match std::fs::read_to_string(&beside) {
            Ok(address) => (address.trim().to_owned(), None),
            Err(error) => {
                tracing::warn!(%error, "card payments are declined: the sandbox of another process is not found");
                return Ok(None);
            }
        },
    };
    tracing::info!(
        "card payments go to a sandbox at http://{address} that moves no money; set payment.url and payment.key for a provider"
    );
    Ok(Some((format!("http://{address}"), key, sandbox)))
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
        drop(first);
        assert!(read(&[&data], Some("127.0.0.1:3")).unwrap().sandbox.is_some());
    }
}
