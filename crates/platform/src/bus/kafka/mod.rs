//! Kafka as a bus: a topic with one partition for each context's log.

mod publisher;
mod subscription;
mod topics;

use std::sync::Arc;

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;

pub(crate) use publisher::Publisher;
pub(crate) use subscription::Subscription;

use super::unfit;
use crate::error::{Error, Result};

/// What every topic begins with unless a setting says otherwise.
const PREFIX: &str = "onepoint";
/// Settings of librdkafka that a URL may bring along begin with one of these.
const SECURITY: [&str; 3] = ["security.", "sasl.", "ssl."];

/// Where a Kafka is and how its topics are called.
#[derive(Clone)]
pub struct Kafka {
    config: ClientConfig,
    prefix: String,
    replicas: i32,
    compares: bool,
}

impl Kafka {
    /// Reads what stands behind `kafka://`.
    pub(super) fn new(address: &str) -> Result<Self> {
        let (servers, settings) = address.split_once('?').unwrap_or((address, ""));
        if servers.split(',').any(|server| !is_server(server)) {
            return Err(unfit("the bus URL names each broker as host:port, with commas between"));
        }
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", servers).set("client.id", "onepoint");
        // A broker that is back is found again within a second, not ten.
        config.set("reconnect.backoff.max.ms", "1000").set("socket.keepalive.enable", "true");
        // A topic that a broker makes by itself has neither our partition count nor our retention.
        config.set("allow.auto.create.topics", "false");
        for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            if !SECURITY.iter().any(|begin| name.starts_with(begin)) {
                let message = format!("the bus URL may set security.*, sasl.* and ssl.*, but not '{name}'");
                return Err(unfit(message));
            }
            config.set(name, decoded(value)?);
        }
        // What librdkafka refuses it refuses now, and not when the first event is to leave.
        config.create_native_config().map_err(|error| match error {
            // Its own words would repeat the value, which may be a password.
            KafkaError::ClientConfig(_, what, name, _) => unfit(format!("the bus URL cannot be used: {name}: {what}")),
            _ => unfit("the bus URL cannot be used"),
        })?;
        Ok(Self { config, prefix: PREFIX.to_owned(), replicas: 1, compares: true })
    }

    pub(super) fn with_topics(&self, prefix: &str, replicas: i32) -> Arc<Self> {
        Arc::new(Self { prefix: prefix.to_owned(), replicas, ..self.clone() })
    }

    pub(super) fn trusting(&self) -> Arc<Self> {
        Arc::new(Self { compares: false, ..self.clone() })
    }

    /// Whether readers look at the places that messages name.
    pub(crate) fn compares(&self) -> bool {
        self.compares
    }

    /// The name of a context's topic.
    #[must_use]
    pub fn topic(&self, context: &str) -> String {
        format!("{}.{context}", self.prefix)
    }

    /// What envelopes call the log of a context.
    pub(crate) fn source(&self, context: &str) -> String {
        format!("{}/{context}", self.prefix)
    }
}

fn is_server(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// A value of a query without its percent-encoding.
fn decoded(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        bytes.push(match byte {
            b'%' => match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) => (high * 16 + low) as u8,
                _ => return Err(unfit("the bus URL has a % without two hexadecimal digits behind it")),
            },
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| unfit("the bus URL is not UTF-8 behind its percent-encoding"))
}

/// The broker cannot be used at present.
fn unreachable(error: KafkaError) -> Error {
    Error::unavailable("bus.unavailable", "the broker cannot be used at present; events wait in the log")
        .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_brokers_and_how_to_be_let_in() {
        let kafka =
            Kafka::new("a:9092,[::1]:9093?security.protocol=plaintext&sasl.username=%ea%B0%80&").expect("a URL");
        assert_eq!(kafka.config.get("bootstrap.servers"), Some("a:9092,[::1]:9093"));
        assert_eq!(kafka.config.get("sasl.username"), Some("\u{ac00}"));
        assert_eq!(kafka.topic("purse"), "onepoint.purse");
    }

    #[test]
    fn another_url_is_refused() {
        for url in [
            "",
            "a",
            ":9092",
            "a:0",
            "a:70000",
            "a:9092,",
            "a:9092?acks=0",
            "a:9092?sasl.nonsense=1",
            "a:9092?sasl.username=%4",
            "a:9092?sasl.username=%ff",
        ] {
            let refused = Kafka::new(url).err().expect(url);
            assert_eq!(refused.code, "config.bus_url", "{url}");
        }
    }
}
