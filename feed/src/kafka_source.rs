//! Kafka as a source.

use std::time::Duration;

use event_store::EventStore;
use futures::FutureExt;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
    error::KafkaError,
    message::BorrowedMessage,
};

use crate::{
    cloud_event,
    group_member::GroupMember,
    log_source::LogSource,
    source::{Batch, MAX_BATCH, SourceError},
    topics::topic_of,
};

/// Longest wait for the brokers' answer about offsets.
const BROKER_TIMEOUT: Duration = Duration::from_secs(10);

/// Follows the topics as a member of a consumer group.
pub struct KafkaSource {
    consumer: GroupMember,
    /// Until this consumer has caught up for the first time.
    catching_up: Option<LogSource>,
    /// The next offset of each partition after the batch that is being dealt with.
    in_hand: Vec<InHand>,
}

#[derive(Debug, Clone)]
struct InHand {
    topic: String,
    partition: i32,
    next: i64,
}

impl std::fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaSource").field("in_hand", &self.in_hand).finish_non_exhaustive()
    }
}

impl KafkaSource {
    pub(crate) async fn new(
        brokers: &str,
        consumer: &str,
        store: EventStore,
        stream_types: &'static [&'static str],
        checkpoint: i64,
    ) -> Result<Self, SourceError> {
        let topics: Vec<&'static str> = stream_types.iter().filter_map(|t| topic_of(t)).collect();
        let group = format!("boxoffice-{consumer}");
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", "10000")
            .create()?;
        let (consumer, has_read_before) = has_read_before(GroupMember::new(consumer), topics.clone()).await?;
        consumer.subscribe(&topics)?;
        let catching_up = (!has_read_before).then(|| LogSource::new(store, stream_types, checkpoint));
        Ok(Self { consumer, catching_up, in_hand: vec![] })
    }

    pub(crate) async fn next(&mut self) -> Result<Batch, SourceError> {
        if let Some(log) = &mut self.catching_up {
            if let Some(batch) = log.read().await? {
                return Ok(batch);
            }
            self.catching_up = None;
        }
        loop {
            let mut events = Vec::new();
            self.in_hand.clear();
            let mut record = Some(self.consumer.recv().await?);
            while let Some(current) = record {
                note(&mut self.in_hand, &current);
                match cloud_event::parse(&current) {
                    Ok(event) => events.push(event),
                    Err(error) => tracing::error!(
                        %error, topic = current.topic(), partition = current.partition(),
                        offset = current.offset(), "a record in our topic is not ours; it was passed over"
                    ),
                }
                record = match (events.len() < MAX_BATCH).then(|| self.consumer.recv().now_or_never()) {
                    Some(Some(Ok(next))) => Some(next),
                    // The events at hand come first; an error that lasts shows at the next call.
                    Some(Some(Err(_)) | None) | None => None,
                };
            }
            if !events.is_empty() {
                return Ok(Batch { events, checkpoint: None });
            }
        }
    }

    /// Leaves the group, so that the others need not wait until it is missed.
    pub(crate) async fn leave(self) {
        self.consumer.leave().await;
    }

    pub(crate) fn done(&mut self) -> Result<(), KafkaError> {
        let offsets = std::mem::take(&mut self.in_hand);
        if offsets.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        for InHand { topic, partition, next } in offsets {
            list.add_partition_offset(&topic, partition, Offset::Offset(next))?;
        }
        self.consumer.commit(&list, CommitMode::Async)
    }
}

fn note(in_hand: &mut Vec<InHand>, record: &BorrowedMessage<'_>) {
    let (topic, partition, offset) = (record.topic(), record.partition(), record.offset());
    match in_hand.iter_mut().find(|h| h.topic == topic && h.partition == partition) {
        Some(known) => known.next = offset + 1,
        None => in_hand.push(InHand { topic: topic.to_owned(), partition, next: offset + 1 }),
    }
}

/// Whether the group has committed an offset anywhere. Asks the brokers on a thread of its own: librdkafka blocks.
async fn has_read_before(
    consumer: GroupMember,
    topics: Vec<&'static str>,
) -> Result<(GroupMember, bool), KafkaError> {
    let asked = tokio::task::spawn_blocking(move || {
        let mut list = TopicPartitionList::new();
        for topic in topics {
            let metadata = consumer.fetch_metadata(Some(topic), BROKER_TIMEOUT)?;
            for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
                list.add_partition(topic, partition.id());
            }
        }
        let committed = consumer.committed_offsets(list, BROKER_TIMEOUT)?;
        let any = committed.elements().iter().any(|e| matches!(e.offset(), Offset::Offset(_)));
        Ok((consumer, any))
    });
    asked.await.expect("asking for offsets does not panic")
}
