//! What sends messages to members, and how, from the settings.

use std::time::Duration;

use app::notification::{Language, LogNotifier, Notifier, SendSettings, Texts};
use platform::error::{Error, ErrorKind, Result};

use crate::config::Settings;

/// Messages that the program's log takes at once.
const LOG_PARALLEL: usize = 500;
/// Characters of the programme's name at most, so that it leaves room for what a message says.
const NAME_CHARS: usize = 40;

/// How messages are sent.
///
/// # Errors
/// A wrong setting.
pub fn send_settings(settings: &Settings) -> Result<SendSettings> {
    let languages = [("ko", Language::Korean), ("en", Language::English)];
    let texts = Texts::new(settings.choice("notification.language", &languages)?, programme_name(settings)?);
    settings.choice("notification.sender", &[("log", ())])?;
    let notifier: Box<dyn Notifier> = Box::new(LogNotifier);
    Ok(SendSettings { notifier, texts, parallel: LOG_PARALLEL, time_limit: Duration::from_secs(10) })
}

fn programme_name(settings: &Settings) -> Result<&str> {
    let name = settings.text("programme.name").trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
        let message = format!("programme.name must have 1 to {NAME_CHARS} characters, all of them printable");
        return Err(Error::new(ErrorKind::Invalid, "config.invalid_value", message));
    }
    Ok(name)
}
