//! A topic as it has to be: there, with one partition.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;

use super::{Kafka, unreachable};
use crate::error::{Error, ErrorKind, Result};

/// How long a broker may take to answer a question; a stop of the program waits for two or three of them at most.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(2);

impl Kafka {
    /// Makes the topic of a context if there is none.
    pub(super) fn ensure_topic(&self, context: &str) -> Result<()> {
        let topic = self.topic(context);
        let asking: BaseConsumer = self.config.create().map_err(unreachable)?;
        if is_among(&topics(&asking, &topic)?, &topic)? {
            return Ok(());
        }
        // Events are kept for ever: whoever is new reads from the start.
        let made = NewTopic::new(&topic, 1, TopicReplication::Fixed(self.replicas))
            .set("cleanup.policy", "delete")
            .set("retention.ms", "-1")
            .set("retention.bytes", "-1");
        let admin: AdminClient<_> = self.config.create().map_err(unreachable)?;
        let options = AdminOptions::new().request_timeout(Some(ANSWER_TIME)).operation_timeout(Some(ANSWER_TIME));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| Error::internal("no runtime to make a topic with").caused_by(error))?;
        let answers = runtime.block_on(admin.create_topics([&made], &options)).map_err(unreachable)?;
        match answers.into_iter().next() {
            Some(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
            Some(Err((_, code))) => Err(unreachable(KafkaError::AdminOp(code))),
            None => Err(Error::internal("a broker said nothing of the topic that it was to make")),
        }
    }
}

/// What the broker says about this topic.
pub(super) fn topics<C: ConsumerContext + ClientContext>(asking: &BaseConsumer<C>, topic: &str) -> Result<Metadata> {
    asking.fetch_metadata(Some(topic), ANSWER_TIME).map_err(unreachable)
}

/// Whether there is such a topic among them; one with several partitions is refused, because its order is nobody's.
pub(super) fn is_among(topics: &Metadata, topic: &str) -> Result<bool> {
    let Some(found) = topics.topics().iter().find(|found| found.name() == topic) else { return Ok(false) };
    if let Some(error) = found.error() {
        return match RDKafkaErrorCode::from(error) {
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => Ok(false),
            code => Err(unreachable(KafkaError::MetadataFetch(code))),
        };
    }
    if found.partitions().len() > 1 {
        let message = format!(
            "topic {topic} has {} partitions; a log has one order, so make it with one",
            found.partitions().len()
        );
        return Err(Error::new(ErrorKind::Conflict, "bus.partitions", message));
    }
    Ok(!found.partitions().is_empty())
}
