//! Kafka as a source.
//!
//! A record that cannot be read names its stream by topic and key. That stream is read from the event log, from its
//! beginning: what its consumer knows of it already is a duplicate, and nothing of it is missing. The offsets behind
//! such a record are committed only after that.

use std::{
    collections::VecDeque,
    mem,
    time::{Duration, Instant},
};

use event_store::{EventStore, StreamId, event_log::LoggedEvent};
use futures::FutureExt;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
    error::KafkaError,
};
use tokio::sync::oneshot;

use crate::{
    MalformedRecord, cloud_event,
    group_member::GroupMember,
    in_hand::InHand,
    log_source::LogSource,
    source::{Batch, MAX_BATCH, SourceError},
    topics::{stream_type_of, topic_of},
};

/// Longest wait for the brokers' answer about offsets.
const BROKER_TIMEOUT: Duration = Duration::from_secs(10);
/// Offsets are committed so often: each time costs the brokers a record, and what comes again after an end is skipped.
const COMMIT_PAUSE: Duration = Duration::from_secs(1);

/// Follows the topics as a member of a consumer group.
pub(crate) struct KafkaSource {
    consumer: GroupMember,
    name: String,
    topics: Vec<&'static str>,
    store: EventStore,
    /// Until this consumer has caught up for the first time.
    catching_up: Option<LogSource>,
    /// Streams of which a record was damaged, each with the last sequence that was read from the event log since.
    damaged: VecDeque<(StreamId, i64)>,
    /// When offsets were last committed.
    committed: Instant,
    /// Whether they are, once the batch in hand is dealt with.
    commits: bool,
    /// After an error: answers when the brokers are there again.
    recovery: Option<oneshot::Receiver<()>>,
}

impl std::fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaSource").field("name", &self.name).finish_non_exhaustive()
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
        let name = consumer.to_owned();
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", format!("boxoffice-{consumer}"))
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", "10000")
            // Who joins or leaves takes only the partitions that move; the others go on meanwhile.
            .set("partition.assignment.strategy", "cooperative-sticky")
            .create_with_context(InHand::default())?;
        let (consumer, has_read_before) = has_read_before(GroupMember::new(consumer), topics.clone()).await?;
        consumer.subscribe(&topics)?;
        let catching_up = (!has_read_before).then(|| LogSource::new(store.clone(), stream_types, checkpoint));
        let damaged = VecDeque::new();
        let committed = Instant::now();
        let (commits, recovery) = (false, None);
        Ok(Self { consumer, name, topics, store, catching_up, damaged, committed, commits, recovery })
    }

    pub(crate) async fn next(&mut self) -> Result<Batch, SourceError> {
        if let Some(log) = &mut self.catching_up {
            if let Some(batch) = log.read().await? {
                return Ok(batch);
            }
            self.catching_up = None;
        }
        loop {
            while let Some((stream, after)) = self.damaged.front_mut() {
                let up_to = *after + MAX_BATCH as i64;
                let events = self.store.read_logged_stream(stream, *after + 1, up_to).await?;
                *after = up_to;
                if events.len() < MAX_BATCH {
                    self.damaged.pop_front();
                }
                if !events.is_empty() {
                    return Ok(self.batch(events));
                }
            }
            let events = self.take().await?;
            // With nothing at hand: the brokers are there again, or all that came was damaged.
            if self.damaged.is_empty() || !events.is_empty() {
                return Ok(self.batch(events));
            }
        }
    }

    fn batch(&mut self, events: Vec<LoggedEvent>) -> Batch {
        self.commits = self.damaged.is_empty() && self.committed.elapsed() >= COMMIT_PAUSE;
        Batch { events, checkpoint: None, must_last: self.commits }
    }

    /// The records that are there; waits for the first one. Nothing when an error is over, or when something of earlier
    /// batches is still to be committed.
    async fn take(&mut self) -> Result<Vec<LoggedEvent>, KafkaError> {
        let first = loop {
            tokio::select! {
                first = self.consumer.recv() => break first,
                () = recovered(&mut self.recovery) => {
                    self.recovery = None;
                    return Ok(vec![]);
                }
                () = tokio::time::sleep(COMMIT_PAUSE) => {
                    if !self.consumer.context().is_empty() {
                        return Ok(vec![]);
                    }
                }
            }
        };
        if first.is_err() && self.recovery.is_none() {
            self.recovery = Some(self.consumer.recovery(self.topics.clone()));
        }
        let mut record = Some(first?);
        self.recovery = None;
        let (mut events, mut taken) = (Vec::new(), 0);
        while let Some(current) = record {
            taken += 1;
            self.consumer.context().note(&current);
            match cloud_event::parse(&current) {
                Ok(event) => events.push(event),
                Err(error) => {
                    let stream = stream_of(&current);
                    report(&self.name, &current, &error, stream.as_ref());
                    let unknown = |stream: &StreamId| !self.damaged.iter().any(|(known, _)| known == stream);
                    self.damaged.extend(stream.filter(unknown).map(|stream| (stream, 0)));
                }
            }
            record = match (taken < MAX_BATCH).then(|| self.consumer.recv().now_or_never()) {
                Some(Some(Ok(next))) => Some(next),
                // The events at hand come first; an error that lasts shows at the next call.
                Some(Some(Err(_)) | None) | None => None,
            };
        }
        Ok(events)
    }

    /// Leaves the group, so that the others need not wait until it is missed.
    pub(crate) async fn leave(self) {
        self.consumer.leave().await;
    }

    pub(crate) fn done(&mut self) -> Result<(), KafkaError> {
        if !mem::take(&mut self.commits) {
            return Ok(());
        }
        let offsets = self.consumer.context().take()?;
        if offsets.count() == 0 {
            return Ok(());
        }
        self.committed = Instant::now();
        self.consumer.commit(&offsets, CommitMode::Async)
    }
}

/// Never where there is nothing to recover from.
async fn recovered(recovery: &mut Option<oneshot::Receiver<()>>) {
    match recovery {
        // An error: who asks for the brokers is gone, and it is time to look.
        Some(recovery) => drop(recovery.await),
        None => std::future::pending().await,
    }
}

/// The stream that a damaged record belongs to, by its topic and key.
fn stream_of(record: &impl Message) -> Option<StreamId> {
    let kind = stream_type_of(record.topic())?;
    let id = std::str::from_utf8(record.key()?).ok()?;
    Some(StreamId::new(kind, id))
}

fn report(consumer: &str, record: &impl Message, error: &MalformedRecord, stream: Option<&StreamId>) {
    metrics::counter!("source_damaged_records_total", "consumer" => consumer.to_owned()).increment(1);
    let (topic, partition, offset) = (record.topic(), record.partition(), record.offset());
    match stream {
        Some(stream) => tracing::error!(
            %error, topic, partition, offset, %stream,
            "a record in our topic is damaged; its stream is read from the event log"
        ),
        None => tracing::error!(
            %error, topic, partition, offset,
            "a record in our topic is not ours, or so damaged that its stream is unknown; it was passed over"
        ),
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
