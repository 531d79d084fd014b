//! Kafka as a source.
//!
//! A record that cannot be read names its stream by topic and key. That stream is read from the event log, from its
//! beginning: what its consumer knows of it already is a duplicate, and nothing of it is missing. The offsets behind
//! such a record are committed only after that.
//!
//! A consumer that was out of its group for longer than the group waits for it is not used again, whatever state it is in:
//! the source ends as soon as the brokers answer, and who follows makes a new one, which goes on where the group has
//! committed. That is so after errors that last longer than the session timeout; after the group has taken the partitions
//! away because it heard nothing; and when librdkafka has not said for a minute that the consumer is in its group. No
//! call that waits for librdkafka or for brokers is made where the consumer is polled, so that none can keep the source
//! from seeing this.

use std::{
    collections::VecDeque,
    mem,
    time::{Duration, Instant},
};

use event_store::{EventStore, StreamId, event_log::LoggedEvent};
use futures::FutureExt;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList, consumer::Consumer, error::KafkaError};

use crate::{
    MalformedRecord, cloud_event,
    group_member::{GroupMember, SESSION_TIMEOUT},
    log_source::LogSource,
    membership::{Absence, Membership},
    outage::Outage,
    source::{Batch, MAX_BATCH, SourceError},
    topics::{stream_type_of, topic_of},
};

/// Longest wait for the brokers' answer about offsets.
const BROKER_TIMEOUT: Duration = Duration::from_secs(10);
/// Offsets are committed so often: each time costs the brokers a record, and what comes again after an end is skipped.
const COMMIT_PAUSE: Duration = Duration::from_secs(1);
/// How often librdkafka says whether the consumer is in its group.
const STATISTICS_PAUSE: Duration = Duration::from_secs(10);

/// Follows the topics as a member of a consumer group.
pub(crate) struct KafkaSource {
    consumer: GroupMember,
    brokers: String,
    name: String,
    topics: Vec<&'static str>,
    store: EventStore,
    /// Until this consumer has caught up for the first time.
    catching_up: Option<LogSource>,
    /// Whether there was anything to catch up with, that may not be on disk yet.
    has_caught_up: bool,
    /// Streams of which a record was damaged, each with the last sequence that was read from the event log since.
    damaged: VecDeque<(StreamId, i64)>,
    /// When offsets were last committed.
    committed: Instant,
    /// Whether they are, once the batch in hand is dealt with.
    commits: bool,
    /// After an error, until the brokers are there again.
    outage: Option<Outage>,
    absence: Absence,
    /// Whether that has lasted for too long: records may still come, of what it had before.
    is_absent: bool,
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
            .set("session.timeout.ms", SESSION_TIMEOUT.as_millis().to_string())
            .set("statistics.interval.ms", STATISTICS_PAUSE.as_millis().to_string())
            // Who joins or leaves takes only the partitions that move; the others go on meanwhile.
            .set("partition.assignment.strategy", "cooperative-sticky")
            .create_with_context(Membership::default())?;
        let (consumer, has_read_before) = join(GroupMember::new(consumer), topics.clone()).await?;
        let catching_up = (!has_read_before).then(|| LogSource::new(store.clone(), stream_types, checkpoint));
        let now = Instant::now();
        Ok(Self {
            consumer,
            brokers: brokers.to_owned(),
            name,
            topics,
            store,
            catching_up,
            has_caught_up: false,
            damaged: VecDeque::new(),
            committed: now,
            commits: false,
            outage: None,
            absence: Absence::new(now),
            is_absent: false,
        })
    }

    pub(crate) async fn next(&mut self) -> Result<Batch, SourceError> {
        if let Some(log) = &mut self.catching_up {
            if let Some(batch) = log.read().await? {
                self.has_caught_up = true;
                return Ok(batch);
            }
            self.catching_up = None;
            if mem::take(&mut self.has_caught_up) {
                // Perhaps nothing ever comes that takes it to the disk.
                return Ok(Batch { events: vec![], checkpoint: None, must_last: true });
            }
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
        let may_commit = self.damaged.is_empty() && !self.consumer.is_committing();
        self.commits = may_commit && self.committed.elapsed() >= COMMIT_PAUSE;
        Batch { events, checkpoint: None, must_last: self.commits }
    }

    /// The records that are there; waits for the first one. Nothing when an error is over, or when something of earlier
    /// batches is still to be committed.
    async fn take(&mut self) -> Result<Vec<LoggedEvent>, SourceError> {
        let first = loop {
            self.look_for_absence();
            tokio::select! {
                first = self.consumer.recv() => break first,
                () = end_of(&mut self.outage) => return self.after_outage(),
                () = tokio::time::sleep(COMMIT_PAUSE) => {
                    // During an outage it would seem to be well, and a commit leads nowhere.
                    if self.outage.is_none() && self.consumer.is_due() {
                        return Ok(vec![]);
                    }
                }
            }
        };
        if first.is_err() && self.outage.is_none() {
            self.outage = Some(Outage::begin(Instant::now(), &self.brokers, self.topics.clone()));
        }
        let mut record = Some(first?);
        if !self.is_absent && !self.consumer.context().is_lost() {
            self.outage = None;
        }
        let (mut events, mut taken) = (Vec::new(), 0);
        while let Some(current) = record {
            taken += 1;
            self.consumer.context().in_hand.note(&current);
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

    /// A member that is out of its group may say nothing of it.
    fn look_for_absence(&mut self) {
        let (now, membership) = (Instant::now(), self.consumer.context());
        let absent = self.absence.too_long(membership.seen(), now);
        self.is_absent = absent.is_some();
        let since = absent.or_else(|| membership.is_lost().then_some(now));
        if let Some(since) = since
            && self.outage.is_none()
        {
            tracing::warn!(consumer = self.name, "a consumer is out of its group");
            self.outage = Some(Outage::begin(since, &self.brokers, self.topics.clone()));
        }
    }

    /// The brokers answer: it is well again, or of no use any more.
    fn after_outage(&mut self) -> Result<Vec<LoggedEvent>, SourceError> {
        let outlasted = self.outage.take().is_some_and(|outage| outage.outlasts_the_session());
        if outlasted || self.consumer.context().is_lost() { Err(SourceError::GivenUp) } else { Ok(vec![]) }
    }

    /// Leaves the group, so that the others need not wait until it is missed.
    pub(crate) async fn leave(self) {
        self.consumer.leave().await;
    }

    pub(crate) fn done(&mut self) -> Result<(), KafkaError> {
        if mem::take(&mut self.commits) && self.consumer.commit()? {
            self.committed = Instant::now();
        }
        Ok(())
    }
}

/// Never where there is none.
async fn end_of(outage: &mut Option<Outage>) {
    match outage {
        Some(outage) => outage.end().await,
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

/// Joins the group, and says whether it has committed an offset anywhere. On a thread of its own: librdkafka blocks.
async fn join(consumer: GroupMember, topics: Vec<&'static str>) -> Result<(GroupMember, bool), KafkaError> {
    let asked = tokio::task::spawn_blocking(move || {
        let mut list = TopicPartitionList::new();
        for topic in &topics {
            let metadata = consumer.fetch_metadata(Some(topic), BROKER_TIMEOUT)?;
            for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
                list.add_partition(topic, partition.id());
            }
        }
        let committed = consumer.committed_offsets(list, BROKER_TIMEOUT)?;
        let any = committed.elements().iter().any(|e| matches!(e.offset(), Offset::Offset(_)));
        consumer.subscribe(&topics)?;
        Ok((consumer, any))
    });
    asked.await.expect("asking for offsets does not panic")
}
