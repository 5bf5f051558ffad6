//! Settings: defaults, a TOML file, the environment and `--set`, the later winning; read through typed getters whose
//! errors name the key, the value, where it came from and what is expected.

mod nearest;
mod rows;
mod sources;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;

use platform::error::{Error, ErrorKind, Result};
use platform::fault::Delay;

pub use rows::{SETTINGS, Setting};
pub use sources::variable;

/// What is shown instead of a secret.
const HIDDEN: &str = "(hidden)";

/// A value and who gave it.
#[derive(Clone)]
struct Given {
    text: String,
    source: String,
}

/// All settings of one start of the program.
pub struct Settings(sources::Values);

/// One setting as `onepoint config` shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Described {
    /// Dotted name.
    pub key: &'static str,
    /// The value in force; a secret that is not the default shows as `(hidden)`.
    pub value: String,
    /// What holds when nobody says otherwise.
    pub default: &'static str,
    /// Who gave the value: `default`, the file's name, the variable's name or `--set`.
    pub source: String,
    /// The variable that would give it.
    pub variable: String,
    /// One line for people.
    pub help: &'static str,
}

impl Settings {
    /// Reads this process's sources. `file` is what `--config` named, `sets` the `key=value` texts of `--set`.
    ///
    /// # Errors
    /// `config.unknown_key`, `config.malformed`, `config.unreadable` or `config.conflict`.
    pub fn load(file: Option<&Path>, sets: &[String]) -> Result<Self> {
        // Others' variables need not be UTF-8; one of ours that is not becomes a value that its getter refuses.
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self::from_sources(file, std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))), sets)
    }

    /// The defaults and these settings, whatever files and variables say.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn defaults_with(sets: &[String]) -> Result<Self> {
        let mut values = sources::Values::new();
        sources::take_sets(&mut values, sets)?;
        Ok(Self(values))
    }

    /// As [`Settings::load`], with an environment given by the caller.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn from_sources(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        sets: &[String],
    ) -> Result<Self> {
        let mut values = sources::Values::new();
        sources::take_file(&mut values, file)?;
        sources::take_environment(&mut values, environment)?;
        sources::take_sets(&mut values, sets)?;
        Ok(Self(values))
    }

    /// The same settings with these `key=value` texts on top.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn with(&self, sets: &[String]) -> Result<Self> {
        let mut values = self.0.clone();
        sources::take_sets(&mut values, sets)?;
        Ok(Self(values))
    }

    /// The value as text; empty where that is the default and nobody said otherwise.
    ///
    /// # Panics
    /// If `key` is no row of [`SETTINGS`], which is a defect of the caller.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or_else(|| setting(key).default, |given| &given.text)
    }

    /// A whole number in `range`.
    ///
    /// # Errors
    /// `config.invalid_value` for anything else.
    pub fn int_in(&self, key: &str, range: RangeInclusive<i64>) -> Result<i64> {
        let read = self.text(key).parse().ok().filter(|number| range.contains(number));
        read.ok_or_else(|| self.wrong(key, &format!("a whole number from {} to {}", range.start(), range.end())))
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// `config.invalid_value` for anything else.
    pub fn flag(&self, key: &str) -> Result<bool> {
        self.text(key).parse().map_err(|_| self.wrong(key, "true or false"))
    }

    /// What one of these words stands for.
    ///
    /// # Errors
    /// `config.invalid_value` for another word.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<T> {
        let found = choices.iter().find(|(word, _)| *word == self.text(key)).map(|(_, meaning)| *meaning);
        found.ok_or_else(|| self.wrong(key, &one_of(choices.iter().map(|(word, _)| *word))))
    }

    /// Some of these words, with commas between, in the order of `choices` and each once; none when empty.
    ///
    /// # Errors
    /// `config.invalid_value` if another word is among them.
    pub fn list_of<'a>(&self, key: &str, choices: &[&'a str]) -> Result<Vec<&'a str>> {
        let words: Vec<&str> = self.text(key).split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        if words.iter().any(|word| !choices.contains(word)) {
            return Err(self.wrong(key, &format!("a list with commas of {}", one_of(choices.iter().copied()))));
        }
        Ok(choices.iter().copied().filter(|choice| words.contains(choice)).collect())
    }

    /// Texts with commas between, without what is empty.
    ///
    /// # Panics
    /// As [`Settings::text`].
    #[must_use]
    pub fn list(&self, key: &str) -> Vec<String> {
        self.text(key).split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// A span of milliseconds, both ends included: `450ms..680ms`, or `700ms` for both; nothing when empty.
    ///
    /// # Errors
    /// `config.invalid_value` for anything else, a span that runs backwards, or more than a minute.
    pub fn millis_range(&self, key: &str) -> Result<Option<(u64, u64)>> {
        let wrong = |_| self.wrong(key, "milliseconds like 700ms or 450ms..680ms, up to 60000ms");
        Delay::parse(self.text(key)).map_err(wrong)
    }

    /// An address with a port, `localhost` meaning 127.0.0.1; nothing when empty.
    ///
    /// # Errors
    /// `config.invalid_value` for anything else.
    pub fn socket_addr(&self, key: &str) -> Result<Option<SocketAddr>> {
        let text = self.text(key);
        if text.is_empty() {
            return Ok(None);
        }
        let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
        let read = local.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).or_else(|| text.parse().ok());
        read.map(Some).ok_or_else(|| self.wrong(key, "an address and a port like 127.0.0.1:8080 or [::1]:8080"))
    }

    /// The database URL of a context: its own, or the common one.
    ///
    /// # Panics
    /// If there is no setting `<context>.database.url`, which is a defect of the caller.
    #[must_use]
    pub fn database_url(&self, context: &str) -> &str {
        let own = self.text(&format!("{context}.database.url"));
        if own.is_empty() { self.text("database.url") } else { own }
    }

    /// Refuses to listen beyond this machine while something is on that is meant for tests: a shifted clock,
    /// the echo route, injected faults or delays.
    ///
    /// # Errors
    /// `config.loopback_only`, or `config.invalid_value` if one of them cannot be read.
    pub fn check_loopback_only(&self) -> Result<()> {
        let mut beyond = Vec::new();
        for key in ["listen", "internal.listen"] {
            let address = self.socket_addr(key)?;
            beyond.extend(
                address.filter(|address| !address.ip().is_loopback()).map(|address| format!("{key}={address}")),
            );
        }
        let mut risky: Vec<&str> = Vec::new();
        risky.extend(Some("clock.now").filter(|key| !self.text(key).is_empty()));
        for key in ["bench.echo", "bench.faults"] {
            risky.extend(self.flag(key)?.then_some(key));
        }
        for key in ["point.delay", "gifticon.delay"] {
            risky.extend(self.millis_range(key)?.map(|_| key));
        }
        if beyond.is_empty() || risky.is_empty() {
            return Ok(());
        }
        let message = format!(
            "{} reaches beyond this machine, where {} may not be used; listen on 127.0.0.1 or leave that out",
            beyond.join(" and "),
            risky.join(", ")
        );
        Err(refused("loopback_only", message))
    }

    /// Every setting with its value, in the order of [`SETTINGS`]; secrets are hidden.
    #[must_use]
    pub fn describe(&self) -> Vec<Described> {
        let described = |setting: &Setting| Described {
            key: setting.key,
            value: self.shown(setting),
            default: setting.default,
            source: self.source(setting.key).to_owned(),
            variable: variable(setting.key),
            help: setting.help,
        };
        SETTINGS.iter().map(described).collect()
    }

    fn source(&self, key: &str) -> &str {
        self.0.get(key).map_or("default", |given| &given.source)
    }

    fn shown(&self, setting: &Setting) -> String {
        let value = self.text(setting.key);
        if setting.secret && value != setting.default { HIDDEN.to_owned() } else { value.to_owned() }
    }

    fn wrong(&self, key: &str, expected: &str) -> Error {
        let (value, source) = (self.shown(setting(key)), self.source(key));
        refused("invalid_value", format!("{key} is '{value}' ({source}); expected {expected}"))
    }
}

fn setting(key: &str) -> &'static Setting {
    rows::find(key).unwrap_or_else(|| unreachable!("'{key}' is asked for but is no row of SETTINGS"))
}

fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// An error of a setting; its code begins with `config.`.
fn refused(code: &str, message: String) -> Error {
    Error::new(ErrorKind::Invalid, format!("config.{code}"), message)
}
