//! Messages by mail: a notifier that speaks SMTP to one server, which passes them on.
//!
//! A refusal of the recipient or of the message is final. Whatever says more about the server, the way to it or the
//! settings than about this message (a wrong password, a sender that is not allowed) is temporary.

use std::time::{Duration, Instant, SystemTime};

use domain::notification::Attempt;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lettre::address::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message as Mail};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands;
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use parking_lot::Mutex;
use platform::error::{Error, ErrorKind, Result};

use super::notifier::{Message, Notifier, Outcome, scrubbed};

/// A connection that was idle for longer is not used again.
const IDLE: Duration = Duration::from_secs(30);
/// Replies that complain about the conversation or the permission to have it, not about the recipient.
const ABOUT_US: [&str; 9] = ["500", "501", "502", "503", "504", "530", "534", "535", "538"];

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Not at all.
    None,
    /// By TLS after a beginning in the clear; without it nothing is sent.
    StartTls,
    /// By TLS from the first byte on.
    Tls,
}

/// Which server takes the mail, and in whose name.
pub struct SmtpSettings {
    /// Its name, which is also the one in its certificate.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How connections to it are protected.
    pub protection: Protection,
    /// PEM of the authority that signed its certificate; without one, those that browsers trust.
    pub authority: Option<Vec<u8>>,
    /// User and password, if it wants them.
    pub login: Option<(String, String)>,
    /// The sender: `name@example.org` or `Name <name@example.org>`.
    pub from: String,
}

/// Sends messages by mail.
pub struct SmtpNotifier {
    host: String,
    port: u16,
    protection: Protection,
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
    from: Mailbox,
    hello: ClientId,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

/// Why a conversation broke off.
struct Broken {
    error: lettre::transport::smtp::Error,
    /// Whether a no at this place is about the recipient or the message.
    about_message: bool,
}

impl SmtpNotifier {
    /// A notifier for this server. Nothing is connected until a message is sent.
    ///
    /// # Errors
    /// `config.smtp` for a sender that is no mail address, or a certificate that cannot be read.
    pub fn new(settings: SmtpSettings) -> Result<Self> {
        let wrong = |what: &str| Error::new(ErrorKind::Invalid, "config.smtp", what.to_owned());
        let from: Mailbox = settings
            .from
            .parse()
            .map_err(|_| wrong("smtp.from must be a mail address: name@example.org or Name <name@example.org>"))?;
        let tls = match settings.protection {
            Protection::None => None,
            Protection::StartTls | Protection::Tls => {
                let mut parameters = TlsParameters::builder(settings.host.clone());
                if let Some(pem) = settings.authority {
                    let unread = |_| wrong("smtp.ca holds no certificate in PEM");
                    parameters = parameters.add_root_certificate(Certificate::from_pem(&pem).map_err(unread)?);
                }
                let built = parameters.build();
                Some(built.map_err(|error| wrong("there is no TLS for smtp.host").caused_by(error))?)
            }
        };
        Ok(Self {
            host: settings.host,
            port: settings.port,
            protection: settings.protection,
            tls,
            credentials: settings.login.map(|(user, password)| Credentials::new(user, password)),
            from,
            hello: ClientId::default(),
            idle: Mutex::default(),
        })
    }

    /// The message as mail. Its number and the moment at which it was asked for make its `Message-ID`, so a repetition
    /// has the same.
    fn compose(&self, message: &Message, to: Address) -> Result<Vec<u8>> {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(message.at_ms.max(0).unsigned_abs());
        let domain = self.from.email.domain();
        let mail = Mail::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(message.subject.clone())
            .date(at)
            .message_id(Some(format!("<{}.{}.onepoint@{domain}>", message.id, message.at_ms)))
            .header(ContentType::TEXT_PLAIN)
            .body(format!("{}\r\n", message.text));
        let mut mail = mail.map_err(|error| Error::internal("a mail cannot be written").caused_by(error))?;
        // No answering machine is to answer.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        mail.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
        Ok(mail.formatted())
    }

    fn idle_connection(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle.lock();
        idle.retain(|(_, since)| since.elapsed() < IDLE);
        idle.pop().map(|(connection, _)| connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, lettre::transport::smtp::Error> {
        let wrapped = self.tls.clone().filter(|_| self.protection == Protection::Tls);
        let server = (self.host.as_str(), self.port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(server, None, &self.hello, wrapped, None).await?;
        if let (Protection::StartTls, Some(tls)) = (self.protection, self.tls.clone()) {
            connection.starttls(tls, &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    /// Names the sender, over a connection of before if it still works, otherwise over a new one.
    async fn begin(&self, to: &Address) -> Result<AsyncSmtpConnection, Broken> {
        let mail = |connection: &AsyncSmtpConnection| {
            let is_foreign = !AsRef::<str>::as_ref(to).is_ascii();
            let extended = is_foreign && connection.server_info().supports_feature(Extension::SmtpUtfEight);
            let parameters = if extended { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
            commands::Mail::new(Some(self.from.email.clone()), parameters)
        };
        while let Some(mut used) = self.idle_connection() {
            let command = mail(&used);
            if used.command(command).await.is_ok() {
                return Ok(used);
            }
        }
        let about_server = |error| Broken { error, about_message: false };
        let mut fresh = self.connect().await.map_err(about_server)?;
        let command = mail(&fresh);
        fresh.command(command).await.map_err(about_server)?;
        Ok(fresh)
    }

    /// The whole conversation. Whoever drops it half way drops the connection with it, so that no reply to this message
    /// is ever taken for one to the next.
    async fn converse(&self, to: Address, mail: &[u8]) -> Result<(), Broken> {
        let about_message = |error| Broken { error, about_message: true };
        let mut connection = self.begin(&to).await?;
        if let Err(error) = connection.command(commands::Rcpt::new(to, Vec::new())).await {
            // Many recipients may be refused one after the other; the connection is as good as before.
            if connection.command(commands::Rset).await.is_ok() {
                self.keep(connection);
            }
            return Err(about_message(error));
        }
        connection.command(commands::Data).await.map_err(about_message)?;
        connection.message(mail).await.map_err(about_message)?;
        self.keep(connection);
        Ok(())
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        self.idle.lock().push((connection, Instant::now()));
    }

    fn judge(broken: &Broken, message: &Message) -> Outcome {
        let Broken { error, about_message } = broken;
        let code = error.status().map(|code| code.to_string());
        let failure = match &code {
            Some(code) => format!("smtp.{code}"),
            None => "smtp.unreachable".to_owned(),
        };
        let is_ours = code.as_deref().is_some_and(|code| ABOUT_US.contains(&code));
        let outcome = if *about_message && error.is_permanent() && !is_ours {
            Outcome::undeliverable(failure)
        } else {
            Outcome::failed(failure, 0)
        };
        let is_final = outcome.attempt == Attempt::Undeliverable;
        let said = scrubbed(&error.to_string(), message);
        let failure = outcome.failure.as_deref().unwrap_or_default();
        tracing::warn!(id = %message.id, kind = message.kind, failure, is_final, said, "mail not sent");
        outcome
    }

    async fn deliver(&self, message: Message) -> Outcome {
        let Some(email) = message.email.as_deref().map(str::trim).filter(|email| !email.is_empty()) else {
            return Outcome::undeliverable("no_email");
        };
        let Ok(to) = email.parse::<Address>() else { return Outcome::undeliverable("bad_email") };
        let Ok(mail) = self.compose(&message, to.clone()) else { return Outcome::undeliverable("bad_email") };
        match self.converse(to, &mail).await {
            Ok(()) => Outcome::delivered(),
            Err(broken) => Self::judge(&broken, &message),
        }
    }
}

impl Notifier for SmtpNotifier {
    fn send(&self, message: Message) -> BoxFuture<'_, Outcome> {
        self.deliver(message).boxed()
    }
}
