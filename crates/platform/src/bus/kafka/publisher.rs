//! Publishing in order: an idempotent producer with many messages on their way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::{Kafka, unreachable};
use crate::error::Result;

/// A message that is not acknowledged by then has failed, and everything from there on is published again.
const MESSAGE_TIME_MS: &str = "10000";
/// Messages, and KiB, that may wait or be on their way.
const QUEUE_MESSAGES: &str = "100000";
const QUEUE_KIB: &str = "65536";
/// How long messages gather, in milliseconds.
const LINGER_MS: &str = "2";
/// How often acknowledgements are looked for while somebody waits for them.
const GLANCE: Duration = Duration::from_millis(1);

/// What became of the messages.
#[derive(Default)]
struct Outcome {
    delivered: AtomicU64,
    failed: Mutex<Option<KafkaError>>,
}

impl ClientContext for Outcome {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "librdkafka says");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "a broker is in trouble");
        // After such an error nothing is accepted any more.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.failed.lock().get_or_insert(error);
        }
    }
}

impl ProducerContext for Outcome {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            // They come in the order in which they were sent, or one has failed and none after it counts.
            Ok(_) => _ = self.delivered.fetch_add(1, Ordering::Relaxed),
            Err((error, _)) => _ = self.failed.lock().get_or_insert_with(|| error.clone()),
        }
    }
}

/// Publishes into one topic. After an error it is of no use any more.
pub(crate) struct Publisher {
    producer: BaseProducer<Outcome>,
    topic: String,
    sent: u64,
}

impl Publisher {
    /// A publisher into the topic of this context, which is made if it is not there.
    ///
    /// # Errors
    /// `Unavailable` when no broker answers within two seconds; `bus.partitions` for a topic with several partitions.
    pub(crate) fn open(kafka: &Kafka, context: &str) -> Result<Self> {
        kafka.ensure_topic(context)?;
        let mut config = kafka.config.clone();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", MESSAGE_TIME_MS)
            .set("linger.ms", LINGER_MS)
            .set("compression.type", "lz4")
            .set("queue.buffering.max.messages", QUEUE_MESSAGES)
            .set("queue.buffering.max.kbytes", QUEUE_KIB);
        let producer = config.create_with_context(Outcome::default()).map_err(unreachable)?;
        Ok(Self { producer, topic: kafka.topic(context), sent: 0 })
    }

    /// Hands a message over; whether there was room for it.
    ///
    /// # Errors
    /// `Unavailable` when it is not accepted.
    pub(crate) fn publish(&mut self, key: &str, payload: &str, at_ms: i64) -> Result<bool> {
        // 0 stands for now, and nothing is older than that.
        let record = BaseRecord::to(&self.topic).partition(0).key(key).payload(payload).timestamp(at_ms.max(0));
        match self.producer.send(record) {
            Ok(()) => {
                self.sent += 1;
                Ok(true)
            }
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(false),
            Err((error, _)) => Err(unreachable(error)),
        }
    }

    /// Messages that were handed over.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Takes acknowledgements in; how many messages are acknowledged by now, from the first one on.
    ///
    /// # Errors
    /// `Unavailable` once a message has failed.
    pub(crate) fn acknowledged(&self) -> Result<u64> {
        let outcome = self.producer.context();
        loop {
            let before = outcome.delivered.load(Ordering::Relaxed);
            self.producer.poll(Duration::ZERO);
            if let Some(error) = outcome.failed.lock().clone() {
                return Err(unreachable(error));
            }
            let delivered = outcome.delivered.load(Ordering::Relaxed);
            if delivered == before {
                return Ok(delivered);
            }
        }
    }

    /// Waits until more than `known` messages are acknowledged, at most for `limit`; how many are.
    ///
    /// # Errors
    /// As [`Publisher::acknowledged`].
    pub(crate) fn wait_beyond(&self, known: u64, limit: Duration) -> Result<u64> {
        let until = Instant::now() + limit;
        loop {
            let acknowledged = self.acknowledged()?;
            if acknowledged > known || Instant::now() >= until {
                return Ok(acknowledged);
            }
            self.producer.poll(GLANCE);
        }
    }
}
