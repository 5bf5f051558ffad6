//! What sends messages to members and notices to the operator, and how, from the settings.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use app::notification::{
    Language, LogNotifier, Notifier, Operator, Protection, SendSettings, SmsNotifier, SmtpNotifier, SmtpSettings, Texts,
};
use axum::http::Uri;
use platform::clock::Clock;
use platform::error::{Error, ErrorKind, Result};

use crate::config::Settings;

/// Messages that the program's log takes at once.
const LOG_PARALLEL: usize = 500;
/// Characters of the programme's name at most, so that it leaves room for what a message says.
const NAME_CHARS: usize = 40;

#[derive(Clone, Copy)]
enum Kind {
    Log,
    Smtp,
    Sms,
}

/// How messages are sent.
///
/// # Errors
/// A wrong setting.
pub fn send_settings(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<SendSettings> {
    let languages = [("ko", Language::Korean), ("en", Language::English)];
    let texts = Texts::new(settings.choice("notification.language", &languages)?, programme_name(settings)?);
    let time_limit_ms = settings.int_in("notification.time_limit_ms", 100..=60_000)?;
    let parallel = usize::try_from(settings.int_in("notification.parallel", 1..=64)?).unwrap_or(1);
    let kinds = [("log", Kind::Log), ("smtp", Kind::Smtp), ("sms", Kind::Sms)];
    let kind = settings.choice("notification.sender", &kinds)?;
    let (notifier, parallel): (Box<dyn Notifier>, _) = match kind {
        Kind::Log => (Box::new(LogNotifier), LOG_PARALLEL),
        Kind::Smtp => (Box::new(smtp(settings)?), parallel),
        Kind::Sms => (Box::new(sms(settings, clock)?), parallel),
    };
    let time_limit = Duration::from_millis(time_limit_ms.unsigned_abs());
    Ok(SendSettings { notifier, operator: operator(settings, kind)?, texts, parallel, time_limit })
}

/// Where notices go, if anywhere; what the sender cannot reach is refused at the start, not notice by notice.
fn operator(settings: &Settings, kind: Kind) -> Result<Option<Operator>> {
    let text = settings.text("notification.operator").trim();
    let fitting = match (Operator::parse(text), kind) {
        _ if text.is_empty() => return Ok(None),
        (Some(Operator::Phone(_)), Kind::Smtp) => None,
        (Some(Operator::Mail(_)), Kind::Sms) => None,
        (operator, _) => operator,
    };
    let needs = match kind {
        Kind::Log => "a mail address or a mobile number",
        Kind::Smtp => "a mail address, because notification.sender is smtp",
        Kind::Sms => "a mobile number, because notification.sender is sms",
    };
    fitting.map(Some).ok_or_else(|| wrong(format!("notification.operator must be {needs}; empty: nobody is sent any")))
}

fn programme_name(settings: &Settings) -> Result<&str> {
    let name = settings.text("programme.name").trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
        return Err(wrong(format!("programme.name must have 1 to {NAME_CHARS} characters, all of them printable")));
    }
    Ok(name)
}

fn smtp(settings: &Settings) -> Result<SmtpNotifier> {
    let protections = [("none", Protection::None), ("starttls", Protection::StartTls), ("tls", Protection::Tls)];
    let protection = settings.choice("smtp.tls", &protections)?;
    let host = needed(settings, "smtp.host", "the name of the mail server")?.to_owned();
    let login = match (settings.text("smtp.user"), settings.text("smtp.password")) {
        ("", "") => None,
        ("", _) | (_, "") => return Err(wrong("smtp.user and smtp.password belong together; give both".to_owned())),
        (user, password) => Some((user.to_owned(), password.to_owned())),
    };
    if login.is_some() && protection == Protection::None && !is_this_machine(&host) {
        let message = "smtp.password would cross the network unprotected; set smtp.tls to starttls or tls";
        return Err(wrong(message.to_owned()));
    }
    SmtpNotifier::new(SmtpSettings {
        host,
        port: u16::try_from(settings.int_in("smtp.port", 1..=65_535)?).unwrap_or(587),
        protection,
        authority: authority(settings.text("smtp.ca"))?,
        login,
        from: needed(settings, "smtp.from", "the mail address that messages come from")?.to_owned(),
    })
}

fn sms(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<SmsNotifier> {
    let url = needed(settings, "sms.url", "the address of the SMS gateway")?;
    if crosses_unprotected(url) {
        return Err(wrong(
            "phone numbers would cross the network unprotected; sms.url must begin with https://".to_owned(),
        ));
    }
    SmsNotifier::new(url, settings.text("sms.header").trim(), settings.text("sms.template"), Arc::clone(clock))
}

fn authority(path: &str) -> Result<Option<Vec<u8>>> {
    if path.is_empty() {
        return Ok(None);
    }
    let unreadable = |error| wrong(format!("smtp.ca: cannot read '{}'", Path::new(path).display())).caused_by(error);
    std::fs::read(path).map(Some).map_err(unreadable)
}

/// Whether what is posted to this URL leaves the machine without TLS. What is no URL at all is refused elsewhere.
pub(crate) fn crosses_unprotected(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    uri.scheme_str() == Some("http") && !is_this_machine(host)
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn needed<'a>(settings: &'a Settings, key: &str, what: &str) -> Result<&'a str> {
    match settings.text(key).trim() {
        "" => Err(wrong(format!("{key} is missing: {what}"))),
        text => Ok(text),
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::Invalid, "config.invalid_value", message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may; the failure names the line")]

    use platform::clock::SystemClock;

    use super::*;

    fn read(sets: &[&str]) -> Result<SendSettings> {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        send_settings(&Settings::from_sources(None, std::iter::empty(), &sets).unwrap(), &clock)
    }

    #[test]
    fn what_cannot_send_is_refused_at_the_start_and_says_what_is_missing() {
        let smtp = ["notification.sender=smtp", "smtp.host=mail.example.org", "smtp.from=Club <a@example.org>"];
        let sms = ["notification.sender=sms", "sms.url=https://sms.example.org/send"];
        for (base, more, says) in [
            (&smtp[..1], "listen=127.0.0.1:1", "smtp.host is missing"),
            (&smtp[..2], "listen=127.0.0.1:1", "smtp.from is missing"),
            (&smtp, "smtp.from=nobody", "must be a mail address"),
            (&smtp, "smtp.tls=ssl", "none, starttls, tls"),
            (&smtp, "smtp.user=a", "belong together"),
            (&smtp, "smtp.port=0", "1 to 65535"),
            (&smtp, "smtp.ca=/nowhere", "cannot read"),
            (&sms[..1], "listen=127.0.0.1:1", "sms.url is missing"),
            (&sms, "sms.url=ftp://host/", "https://host/path"),
            (&sms, "sms.url=http://", "https://host/path"),
            (&sms, "sms.header=secret", "Authorization"),
            (&sms, "sms.template={}", "lacks {to}"),
            (&[], "notification.sender=pigeon", "log, smtp, sms"),
            (&[], "notification.language=fr", "ko, en"),
            (&[], "programme.name=", "programme.name"),
            (&[], "notification.parallel=0", "1 to 64"),
            (&[], "notification.operator=desk", "mail address or a mobile number"),
            (&smtp, "notification.operator=01085581234", "must be a mail address"),
            (&sms, "notification.operator=desk@example.org", "must be a mobile number"),
        ] {
            let error = read(&[base, &[more]].concat()).err().expect(more);
            assert!(error.message.contains(says), "{more}: {error}");
        }
        assert_eq!(read(&smtp).unwrap().parallel, 8);
        assert_eq!(read(&sms).unwrap().time_limit, Duration::from_secs(10));
        assert_eq!(read(&[]).unwrap().parallel, LOG_PARALLEL);
        assert_eq!(read(&[]).unwrap().operator, None);
        let mail = read(&[&smtp[..], &["notification.operator= desk@example.org"]].concat()).unwrap();
        assert_eq!(mail.operator, Some(Operator::Mail("desk@example.org".to_owned())));
        let phone = read(&[&sms[..], &["notification.operator=010-8558-1234"]].concat()).unwrap();
        assert_eq!(phone.operator, Some(Operator::Phone("01085581234".to_owned())));
    }

    #[test]
    fn a_password_crosses_no_network_unprotected() {
        let with = |host: &str, tls: &str| {
            let (host, tls) = (format!("smtp.host={host}"), format!("smtp.tls={tls}"));
            let login = ["smtp.user=u", "smtp.password=p", "smtp.from=a@example.org", "notification.sender=smtp"];
            read(&[&login[..], &[&host, &tls]].concat())
        };
        assert!(with("mail.example.org", "none").is_err());
        for (host, tls) in [("mail.example.org", "starttls"), ("mail.example.org", "tls"), ("127.0.0.1", "none")] {
            assert!(with(host, tls).is_ok(), "{host} {tls}");
        }
    }

    #[test]
    fn a_phone_number_crosses_no_network_unprotected() {
        let with = |url: &str| read(&["notification.sender=sms", &format!("sms.url={url}")]);
        for url in
            ["http://sms.example.org/send", "HTTP://10.0.0.7:8080/send", "http://localhost@10.0.0.7/", "http://[::2]/"]
        {
            let error = with(url).err().expect(url);
            assert!(error.message.contains("unprotected"), "{url}: {error}");
        }
        for url in ["https://sms.example.org/send", "http://127.0.0.1:80/a", "http://localhost/a", "http://[::1]:80/a"]
        {
            assert!(with(url).is_ok(), "{url}");
        }
    }
}
