//! Reading a topic from any offset on, without a group: who reads where stands with the effects.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::{Gauge, gauge};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::topics::{ANSWER_TIME, has_topic};
use super::{Kafka, unreachable};
use crate::error::{Error, Result};

/// KiB that are fetched ahead.
const AHEAD_KIB: &str = "4096";
/// A message that is on its way out of the queue is waited for this long.
const GATHER: Duration = Duration::from_millis(1);

/// Hears from librdkafka whether a broker can be reached.
struct Ear {
    is_lost: AtomicBool,
}

impl ClientContext for Ear {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "librdkafka says");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "a broker is in trouble");
        self.is_lost.store(true, Ordering::Relaxed);
    }
}

impl ConsumerContext for Ear {}

/// Reads the topic of one context.
pub(crate) struct Subscription {
    consumer: BaseConsumer<Ear>,
    topic: String,
    is_assigned: bool,
    reachable: Gauge,
}

/// A message as it stands in the topic.
pub(crate) struct Taken<'a> {
    /// Where it stands.
    pub(crate) offset: i64,
    /// Its envelope.
    pub(crate) payload: &'a [u8],
}

impl Subscription {
    /// A subscription to the topic of this context; `ring` is called when something has come after a silence.
    ///
    /// # Errors
    /// `Unavailable` if librdkafka cannot start.
    pub(crate) fn open(kafka: &Kafka, context: &str, ring: impl Fn() + Send + Sync + 'static) -> Result<Self> {
        let mut config = kafka.config.clone();
        config
            // librdkafka wants a name; nobody joins a group, and nothing is committed.
            .set("group.id", &kafka.prefix)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("queued.max.messages.kbytes", AHEAD_KIB)
            .set("fetch.wait.max.ms", "500")
            .set("fetch.error.backoff.ms", "100")
            .set("topic.metadata.refresh.interval.ms", "5000");
        let ear = Ear { is_lost: AtomicBool::new(false) };
        let mut consumer: BaseConsumer<Ear> = config.create_with_context(ear).map_err(unreachable)?;
        consumer.set_nonempty_callback(ring);
        let reachable = gauge!("bus_reachable", "context" => context.to_owned());
        Ok(Self { consumer, topic: kafka.topic(context), is_assigned: false, reachable })
    }

    /// Goes on with the message at this offset if there is one, otherwise with the first; whether there is a topic at
    /// all.
    ///
    /// # Errors
    /// `Unavailable` when no broker answers within two seconds; `bus.partitions` for a topic with several partitions.
    pub(crate) fn go_to(&mut self, offset: Option<i64>) -> Result<bool> {
        self.is_assigned = false;
        if !self.noting(has_topic(&self.consumer, &self.topic))? {
            return Ok(false);
        }
        let found = self.consumer.fetch_watermarks(&self.topic, 0, ANSWER_TIME).map_err(unreachable);
        let (low, high) = self.noting(found)?;
        let offset = offset.filter(|offset| (low..high).contains(offset)).unwrap_or(low);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, 0, Offset::Offset(offset)).map_err(unreachable)?;
        self.consumer.assign(&list).map_err(unreachable)?;
        self.is_assigned = true;
        Ok(true)
    }

    /// The next message that is there; nothing if none has come.
    ///
    /// # Errors
    /// `Unavailable` when no broker answers. After any error the subscription has to be told anew where to go on.
    pub(crate) fn next<T>(&mut self, take: impl FnOnce(Taken<'_>) -> T) -> Result<Option<T>> {
        if !self.is_assigned {
            return Ok(None);
        }
        // Each failed connection leaves an error in the queue. All of them have to come out: the bell rings only for a
        // queue that was empty, so messages behind errors would wait for as many looks as there are errors.
        let polled = loop {
            match self.consumer.poll(GATHER) {
                Some(Err(error)) if is_passing(&error) => {}
                polled => break polled,
            }
        };
        match polled {
            Some(Ok(message)) => {
                self.consumer.context().is_lost.store(false, Ordering::Relaxed);
                let taken = take(Taken { offset: message.offset(), payload: message.payload().unwrap_or_default() });
                Ok(Some(taken))
            }
            Some(Err(error)) => {
                self.is_assigned = false;
                Err(unreachable(error))
            }
            None => self.must_be_reachable().map(|()| None),
        }
    }

    /// Asks the broker, if it seems to be lost.
    fn must_be_reachable(&self) -> Result<()> {
        let ear = self.consumer.context();
        if !ear.is_lost.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.noting(has_topic(&self.consumer, &self.topic))?;
        ear.is_lost.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn noting<T>(&self, answer: Result<T, Error>) -> Result<T> {
        self.reachable.set(f64::from(u8::from(answer.is_ok())));
        answer
    }
}

/// Whether librdkafka mends it by itself: connections are made anew, leaders are looked for.
fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::PartitionEOF
        )
    )
}
