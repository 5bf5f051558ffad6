//! Reading a topic from any offset on, without a group: who reads where stands with the effects.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use metrics::{Gauge, gauge};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::topics::{ANSWER_TIME, is_among, topics};
use super::{Kafka, unreachable};
use crate::error::{Error, Result};

/// KiB that are fetched ahead.
const AHEAD_KIB: &str = "4096";
/// A message that is on its way out of the queue is waited for this long.
const GATHER: Duration = Duration::from_millis(1);

/// A client that gets no answer for this long is given up for a new one: a broker that ends in good order says at last
/// that there are no brokers, and librdkafka may be left without any address over that.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(10);
/// Where nothing comes for this long, the broker is asked whether something should have. What it owes twice in a row will
/// not come to this client any more.
const SILENCE: Duration = Duration::from_secs(5);

/// What is called when something has come after a silence.
type Ring = Arc<dyn Fn() + Send + Sync>;

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
    kafka: Kafka,
    ring: Ring,
    consumer: BaseConsumer<Ear>,
    topic: String,
    is_assigned: bool,
    /// Where the message stands that comes next.
    next: i64,
    /// Since when nothing has come, and nobody has asked about it; and whether something was owed the last time.
    silent_since: Instant,
    is_owed: bool,
    /// What was owed then has not come to a new client either, so far.
    is_stalled: bool,
    /// Since when no question was answered.
    failing_since: Option<Instant>,
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
        let ring: Ring = Arc::new(ring);
        Ok(Self {
            consumer: client(kafka, &ring)?,
            kafka: kafka.clone(),
            ring,
            topic: kafka.topic(context),
            is_assigned: false,
            next: 0,
            silent_since: Instant::now(),
            is_owed: false,
            is_stalled: false,
            failing_since: None,
            reachable: gauge!("bus_reachable", "context" => context.to_owned()),
        })
    }

    /// Goes on with the message at this offset if there is one, otherwise with the first; whether there is a topic at
    /// all.
    ///
    /// # Errors
    /// `Unavailable` when no broker answers within two seconds; `bus.partitions` for a topic with several partitions.
    pub(crate) fn go_to(&mut self, offset: Option<i64>) -> Result<bool> {
        self.is_assigned = false;
        let found = topics(&self.consumer, &self.topic);
        let found = self.noting(found)?;
        if !is_among(&found, &self.topic).inspect_err(|_| self.reachable.set(0.0))? {
            return Ok(false);
        }
        let found = self.consumer.fetch_watermarks(&self.topic, 0, ANSWER_TIME).map_err(unreachable);
        let (low, high) = self.noting(found)?;
        let offset = offset.filter(|offset| (low..high).contains(offset)).unwrap_or(low);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, 0, Offset::Offset(offset)).map_err(unreachable)?;
        self.consumer.assign(&list).map_err(unreachable)?;
        self.is_assigned = true;
        self.has_come(offset);
        Ok(true)
    }

    /// The next message that is there; nothing if none has come.
    ///
    /// # Errors
    /// `Unavailable` when no broker answers; `bus.stalled` when messages do not come that are there. After any error the
    /// subscription has to be told anew where to go on.
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
                let offset = message.offset();
                let taken = take(Taken { offset, payload: message.payload().unwrap_or_default() });
                drop(message);
                self.has_come(offset + 1);
                self.stalls(false);
                Ok(Some(taken))
            }
            Some(Err(error)) => {
                self.is_assigned = false;
                Err(unreachable(error))
            }
            None => self.must_owe_nothing().map(|()| None),
        }
    }

    /// Everything before this offset has come.
    fn has_come(&mut self, next: i64) {
        self.next = next;
        (self.silent_since, self.is_owed) = (Instant::now(), false);
    }

    /// Asks the broker, if it seems to be lost or if nothing has come for a while.
    fn must_owe_nothing(&mut self) -> Result<()> {
        let is_silent = self.silent_since.elapsed() >= SILENCE;
        if !is_silent && !self.consumer.context().is_lost.load(Ordering::Relaxed) {
            return Ok(());
        }
        let found = self.consumer.fetch_watermarks(&self.topic, 0, ANSWER_TIME).map_err(unreachable);
        let (_, high) = self.noting(found)?;
        self.consumer.context().is_lost.store(false, Ordering::Relaxed);
        if !is_silent {
            return Ok(());
        }
        let was_owed = std::mem::replace(&mut self.is_owed, high > self.next);
        self.silent_since = Instant::now();
        if !self.is_owed {
            self.stalls(false);
        } else if was_owed {
            self.stalls(true);
            self.begin_anew()?;
            return Err(Error::unavailable("bus.stalled", "messages that are in the topic do not come"));
        }
        Ok(())
    }

    /// Says so, too: who cannot read is to be seen, whatever else the broker answers.
    fn stalls(&mut self, whether: bool) {
        if std::mem::replace(&mut self.is_stalled, whether) != whether {
            self.reachable.set(f64::from(u8::from(!whether)));
        }
    }

    /// Notes whether there was an answer; without one for a while, the next question comes from a new client.
    fn noting<T>(&mut self, answer: Result<T>) -> Result<T> {
        self.reachable.set(f64::from(u8::from(answer.is_ok() && !self.is_stalled)));
        if answer.is_ok() {
            self.failing_since = None;
        } else if self.failing_since.get_or_insert_with(Instant::now).elapsed() >= GIVEN_UP_AFTER {
            self.begin_anew()?;
        }
        answer
    }

    fn begin_anew(&mut self) -> Result<()> {
        tracing::warn!(topic = self.topic, "the topic is read with a new client");
        self.is_assigned = false;
        self.consumer = client(&self.kafka, &self.ring)?;
        self.failing_since = None;
        Ok(())
    }
}

/// A client that reads; `ring` is called when something has come after a silence.
fn client(kafka: &Kafka, ring: &Ring) -> Result<BaseConsumer<Ear>> {
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
    let ring = Arc::clone(ring);
    consumer.set_nonempty_callback(move || ring());
    Ok(consumer)
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
