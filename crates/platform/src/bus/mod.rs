//! How events travel between contexts: not at all where each reads the other's log (`local:`), or through Kafka, where a
//! topic is a copy of a log.

mod envelope;
// Without the feature nothing of Kafka can be made, so nothing behind it is ever reached.
#[cfg_attr(not(feature = "kafka"), path = "absent.rs")]
mod kafka;
mod relay;

use std::fmt;
use std::sync::Arc;

pub use envelope::{Message, mark, render};
pub use kafka::Kafka;
pub(crate) use kafka::Subscription;
pub use relay::{Counted, Relay, publish_again};

use crate::error::{Error, ErrorKind, Result};

/// How events travel.
#[derive(Clone, Default)]
pub enum Bus {
    /// Each context reads the logs of the others where they lie.
    #[default]
    Local,
    /// Through topics of Kafka.
    Kafka(Arc<Kafka>),
}

impl Bus {
    /// Reads `local:` or `kafka://host:port[,host:port][?name=value[&name=value]]`, where the names are settings of
    /// librdkafka about security: `security.protocol`, `sasl.…`, `ssl.…`. Reaches out for nothing.
    ///
    /// # Errors
    /// `config.bus_url` for anything else, and for Kafka in a program that was built without it.
    pub fn parse(url: &str) -> Result<Self> {
        if url == "local:" {
            return Ok(Self::Local);
        }
        let address = url.strip_prefix("kafka://").ok_or_else(|| {
            unfit("the bus URL is neither local: nor kafka://host:port with further brokers behind commas")
        })?;
        Kafka::new(address).map(|kafka| Self::Kafka(Arc::new(kafka)))
    }

    /// The same bus with topics named `<prefix>.<context>`, each made with so many replicas if it is not there.
    ///
    /// # Errors
    /// `config.bus_prefix` unless the prefix is 1 to 100 letters, digits, dots, underscores and hyphens.
    pub fn with_topics(self, prefix: &str, replicas: i32) -> Result<Self> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        if prefix.is_empty() || prefix.len() > 100 || !prefix.chars().all(fits) {
            let message = "the prefix of topics is made of 1 to 100 letters, digits, dots, underscores and hyphens";
            return Err(Error::new(ErrorKind::Invalid, "config.bus_prefix", message));
        }
        Ok(match self {
            Self::Local => Self::Local,
            Self::Kafka(kafka) => Self::Kafka(kafka.with_topics(prefix, replicas)),
        })
    }

    /// The same bus with readers that take every message as it comes. Only for the control run of a test, which shows what
    /// becomes of that.
    #[must_use]
    pub fn trusting(self) -> Self {
        match self {
            Self::Local => Self::Local,
            Self::Kafka(kafka) => Self::Kafka(kafka.trusting()),
        }
    }
}

impl fmt::Debug for Bus {
    // The settings of a Kafka may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "Local",
            Self::Kafka(_) => "Kafka",
        })
    }
}

fn unfit(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Invalid, "config.bus_url", message)
}
