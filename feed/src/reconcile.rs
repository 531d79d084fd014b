//! Compares the event log with the topics, and publishes again what Kafka has lost.
//!
//! What counts is which global positions stand in the topics, up to the mark at the start: what comes later is the
//! relay's. From the first position that is missing on, everything is published again, in order, whether or not it is
//! there, and so is what the relay publishes meanwhile. It has to be so much: a group that had read the lost records
//! will skip as many of those that took their places. After this the end of each partition is beyond everything that
//! any group has read, and what it skips stands there once more, unless what was lost had been there twice: then the group
//! stands beyond the end now, and is set back, or waited for, first (`groups`). Whoever reads it twice knows it by its sequence.

mod groups;

use std::{collections::BTreeSet, time::Duration};

use event_store::EventStore;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

pub use self::groups::{GroupBeyondTheEnd, SetBack};
use crate::{
    PublishError, cloud_event,
    publisher::Publisher,
    topics::{STREAM_TYPES, create_topics, topic_of},
};

/// Most events that are read from the event log at once.
const READ_BATCH: i64 = 2_000;
/// Longest wait for an answer of the brokers.
const BROKER_TIMEOUT: Duration = Duration::from_secs(30);

/// What was found, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// Consumer groups that had read what Kafka has no more.
    pub groups: Vec<GroupBeyondTheEnd>,
    /// So many events of the log were looked for.
    pub compared: i64,
    /// So many were not in Kafka.
    pub missing: i64,
    /// So many were published.
    pub published: i64,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReconcileProgress {
    /// Waiting for members of groups to see that something is lost.
    Waiting {
        /// So long.
        waited: Duration,
        /// Of so long at most.
        of: Duration,
    },
    /// Reading the topics.
    Reading {
        /// Records so far.
        records: i64,
        /// Of so many.
        of: i64,
    },
    /// Publishing what comes after the first event that was missing.
    Publishing {
        /// Events so far.
        events: i64,
        /// Of so many.
        of: i64,
    },
}

/// Why Kafka and the event log could not be compared, or not be made alike. It may be begun again at any time.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The event log cannot be read.
    #[error("the event log cannot be read")]
    Log(#[from] sqlx::Error),
    /// The topics cannot be read.
    #[error("Kafka cannot be read")]
    Kafka(#[from] KafkaError),
    /// Groups that had read what Kafka has lost have members, who have not seen it.
    #[error(
        "{0} had read what Kafka has lost, and has members, who have not seen it in time: nothing was published; stop that \
         role and reconcile again before it is started"
    )]
    GroupsBeyondTheEnd(String),
    /// Groups pass over what has come since the loss, and nothing is missing that would bring it again.
    #[error(
        "{0} had read what Kafka has lost, and pass over what took its place: stop that role, set the group back to the earliest \
         offsets (kafka-consumer-groups.sh --reset-offsets --to-earliest), and start it again"
    )]
    GroupsPassOver(String),
    /// The brokers fell silent.
    #[error("Kafka did not answer for {} s", BROKER_TIMEOUT.as_secs())]
    Silent,
    /// An event could not be published.
    #[error("publishing failed")]
    Publish(#[from] PublishError),
}

/// How long members of a group may take to see that something is lost: they may have to join it anew first.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Makes Kafka carry every event up to the mark; unless it is only to look. Relays and consumers may run meanwhile.
///
/// # Errors
/// See [`ReconcileError`].
pub async fn reconcile(
    store: &EventStore,
    brokers: &str,
    only_look: bool,
    patience: Duration,
    progress: impl Fn(ReconcileProgress) + Clone + Send + 'static,
) -> Result<Reconciled, ReconcileError> {
    let mark = store.published_position().await?;
    if !only_look {
        // Whatever the relay, or this, sent to one that is gone would make it, with the brokers' settings.
        create_topics(brokers).await?;
    }
    let (asked, shown) = (brokers.to_owned(), progress.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let groups =
            if only_look { groups::look(&asked)? } else { groups::set_back(&asked, patience, &shown)? };
        Ok::<_, ReconcileError>((groups, Present::read(&asked, mark, &shown)?))
    });
    let (groups, present) = reading.await.expect("reading topics does not panic")?;
    let overgrown = groups.iter().filter(|group| group.done == SetBack::Overgrown);
    let overgrown: Vec<&str> = overgrown.map(|group| group.name.as_str()).collect();
    if present.missing() == 0 && !overgrown.is_empty() {
        return Err(ReconcileError::GroupsPassOver(overgrown.join(", ")));
    }
    let mut reconciled = Reconciled { groups, compared: mark, missing: present.missing(), published: 0 };
    if let Some(first) = present.first_missing()
        && !only_look
    {
        let mut publishing =
            Publishing { store, publisher: Publisher::after(first - 1, brokers)?, cursor: first - 1 };
        publishing.up_to(mark, &progress).await?;
        // Whatever was under way while the partitions were shorter than they had been.
        let head = store.head().await?.global_position;
        publishing.up_to(head, &progress).await?;
        reconciled.published = publishing.cursor - (first - 1);
    }
    Ok(reconciled)
}

struct Publishing<'a> {
    store: &'a EventStore,
    publisher: Publisher,
    cursor: i64,
}

impl Publishing<'_> {
    async fn up_to(
        &mut self,
        last: i64,
        progress: &impl Fn(ReconcileProgress),
    ) -> Result<(), ReconcileError> {
        let (before, of) = (self.cursor, last - self.cursor);
        while self.cursor < last {
            let limit = READ_BATCH.min(last - self.cursor);
            let page = self.store.read_log(self.cursor, limit, &[]).await?;
            self.publisher.send(&page.events).await?;
            self.cursor = page.up_to;
            progress(ReconcileProgress::Publishing { events: self.cursor - before, of });
        }
        Ok(self.publisher.until_acknowledged(last).await?)
    }
}

/// Which global positions stand in the topics: one bit each.
struct Present {
    bits: Vec<u64>,
    last: i64,
}

impl Present {
    fn none_of(last: i64) -> Self {
        Self { bits: vec![0; usize::try_from(last).unwrap_or(0).div_ceil(64)], last }
    }

    /// Reads all topics to where they end now. Blocks.
    fn read(brokers: &str, last: i64, progress: &impl Fn(ReconcileProgress)) -> Result<Self, ReconcileError> {
        let mut present = Self::none_of(last);
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            // It never joins: partitions are taken, not assigned, and nothing is committed.
            .set("group.id", "boxoffice-reconcile")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "true")
            .create()?;
        let topics = STREAM_TYPES.iter().filter_map(|stream_type| topic_of(stream_type));
        let topics = topics.map(|topic| Topic::ask(&consumer, topic)).collect::<Result<Vec<_>, _>>()?;
        let (mut records, of) = (0, topics.iter().map(|topic| topic.records).sum());
        for topic in topics {
            topic.read(&consumer, |position| {
                position.into_iter().for_each(|position| present.note(position));
                records += 1;
                if records % READ_BATCH == 0 || records == of {
                    progress(ReconcileProgress::Reading { records, of });
                }
            })?;
        }
        Ok(present)
    }

    fn note(&mut self, position: i64) {
        if (1..=self.last).contains(&position)
            && let Ok(index) = usize::try_from(position - 1)
        {
            self.bits[index / 64] |= 1 << (index % 64);
        }
    }

    fn missing(&self) -> i64 {
        self.last - self.bits.iter().map(|bits| i64::from(bits.count_ones())).sum::<i64>()
    }

    fn first_missing(&self) -> Option<i64> {
        let full = self.bits.iter().take_while(|bits| **bits == u64::MAX).count();
        let ones = self.bits.get(full)?.trailing_ones() as usize;
        i64::try_from(full * 64 + ones + 1).ok().filter(|position| *position <= self.last)
    }
}

/// A topic, and those of its partitions that have records.
struct Topic {
    partitions: TopicPartitionList,
    records: i64,
}

impl Topic {
    fn ask(consumer: &BaseConsumer, name: &'static str) -> Result<Self, KafkaError> {
        let metadata = consumer.fetch_metadata(Some(name), BROKER_TIMEOUT)?;
        let (mut partitions, mut records) = (TopicPartitionList::new(), 0);
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            let (low, high) = consumer.fetch_watermarks(name, partition.id(), BROKER_TIMEOUT)?;
            if low < high {
                partitions.add_partition_offset(name, partition.id(), Offset::Offset(low))?;
                records += high - low;
            }
        }
        Ok(Self { partitions, records })
    }

    /// Everything up to the ends, or a little more: each record's place, if it is a good one.
    fn read(
        &self,
        consumer: &BaseConsumer,
        mut found: impl FnMut(Option<i64>),
    ) -> Result<(), ReconcileError> {
        consumer.assign(&self.partitions)?;
        // One that goes on meanwhile may end more than once.
        let mut ended = BTreeSet::new();
        while ended.len() < self.partitions.count() {
            match consumer.poll(BROKER_TIMEOUT) {
                Some(Ok(record)) => {
                    found(cloud_event::parse(&record).ok().map(|event| event.global_position))
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    ended.insert(partition);
                }
                Some(Err(error)) => return Err(error.into()),
                None => return Err(ReconcileError::Silent),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_what_is_missing_wherever_it_is() {
        for missing in [1, 2, 63, 64, 65, 128, 130] {
            let mut present = Present::none_of(130);
            (1..=200).filter(|position| *position != missing).for_each(|position| present.note(position));
            assert_eq!((present.missing(), present.first_missing()), (1, Some(missing)));
            present.note(missing);
            assert_eq!((present.missing(), present.first_missing()), (0, None));
        }
        assert_eq!((Present::none_of(0).missing(), Present::none_of(0).first_missing()), (0, None));
    }
}
