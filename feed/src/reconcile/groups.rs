//! Consumer groups that stand beyond the end of a partition, because it has lost what they had read.
//!
//! As long as a partition is shorter than that, a member that asks for more is told so, and begins at the beginning. Once
//! it has grown past the group's place, whoever comes back there passes over what stands before it and knows nothing of it:
//! if what was lost had been there twice, over both copies of what is published again. So nothing is published before each
//! such group was set back, or has seen by itself that something is lost.

use std::{
    collections::HashMap,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{BROKER_TIMEOUT, ReconcileError, ReconcileProgress};
use crate::topics::{STREAM_TYPES, topic_of};

/// The groups of Boxoffice are called so, each with the consumer's name behind it.
const PREFIX: &str = "boxoffice-";
/// A name for whoever only reads.
const RECONCILE: &str = "boxoffice-reconcile";

/// How often it is looked whether members have seen it.
const MEMBERS_POLL: Duration = Duration::from_millis(500);

/// A group that has read what is not there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupBeyondTheEnd {
    /// Its name.
    pub name: String,
    /// In so many partitions.
    pub partitions: usize,
    /// What was done about it.
    pub done: SetBack,
}

/// What was done about a group that stands beyond the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetBack {
    /// Nothing, for it was only to be looked at.
    No,
    /// It begins at the beginning of these partitions, and passes over what it has dealt with.
    Yes,
    /// Nothing: its members have seen by themselves that something is lost.
    ByItself,
    /// Nothing: before its members have seen it, a partition has grown past its place. It passes over what has come since the
    /// loss, unless that is published again.
    Overgrown,
}

/// The ends of a partition: the first offset, and the one after the last.
type Watermarks = HashMap<(&'static str, i32), (i64, i64)>;

/// A group, and where it stands beyond the end.
struct Beyond {
    name: String,
    consumer: BaseConsumer,
    places: HashMap<(&'static str, i32), i64>,
}

/// Which groups stand beyond the end; nothing is done about them. Blocks.
pub(super) fn look(brokers: &str) -> Result<Vec<GroupBeyondTheEnd>, KafkaError> {
    let found = beyond_the_end(brokers, &consumer(brokers, RECONCILE)?)?;
    Ok(found.iter().map(|group| group.told(SetBack::No)).collect())
}

/// Sets such groups back. Waits for those that have members, who alone can; for so long. Blocks.
pub(super) fn set_back(
    brokers: &str,
    patience: Duration,
    progress: &impl Fn(ReconcileProgress),
) -> Result<Vec<GroupBeyondTheEnd>, ReconcileError> {
    let reader = consumer(brokers, RECONCILE)?;
    let mut waiting = beyond_the_end(brokers, &reader)?;
    let (mut done, begun) = (vec![], Instant::now());
    loop {
        let (watermarks, mut still) = (watermarks(&reader)?, vec![]);
        for group in waiting {
            match group.see_to(&watermarks)? {
                Some(set_back) => done.push(group.told(set_back)),
                None => still.push(group),
            }
        }
        if still.is_empty() {
            return Ok(done);
        }
        let waited = begun.elapsed();
        if waited > patience {
            // Where there is nothing, members have nothing to commit: by now they stand at the beginning.
            let (seen, unseen): (Vec<Beyond>, Vec<Beyond>) =
                still.into_iter().partition(|group| group.waits_only_where_nothing_is(&watermarks));
            done.extend(seen.iter().map(|group| group.told(SetBack::ByItself)));
            if unseen.is_empty() {
                return Ok(done);
            }
            let names: Vec<&str> = unseen.iter().map(|group| group.name.as_str()).collect();
            return Err(ReconcileError::GroupsBeyondTheEnd(names.join(", ")));
        }
        progress(ReconcileProgress::Waiting { waited, of: patience });
        waiting = still;
        thread::sleep(MEMBERS_POLL);
    }
}

fn beyond_the_end(brokers: &str, reader: &BaseConsumer) -> Result<Vec<Beyond>, KafkaError> {
    let groups = reader.fetch_group_list(None, BROKER_TIMEOUT)?;
    let mut names: Vec<&str> = groups.groups().iter().map(|group| group.name()).collect();
    names.sort_unstable();
    let (partitions, mut found) = (watermarks(reader)?, vec![]);
    for name in names.into_iter().filter(|name| name.starts_with(PREFIX)) {
        let consumer = consumer(brokers, name)?;
        let places = committed(&consumer, partitions.keys())?;
        found.push(Beyond { name: name.to_owned(), consumer, places });
    }
    // After the places: both go on meanwhile.
    let watermarks = watermarks(reader)?;
    for group in &mut found {
        group.places.retain(|partition, at| *at > watermarks[partition].1);
    }
    found.retain(|group| !group.places.is_empty());
    Ok(found)
}

impl Beyond {
    /// What came of it; nothing yet, if its members have still to see it.
    fn see_to(&self, watermarks: &Watermarks) -> Result<Option<SetBack>, KafkaError> {
        let now = committed(&self.consumer, self.places.keys())?;
        let is_back = |(partition, at): (_, &i64)| now.get(partition).is_none_or(|now| now < at);
        if self.places.iter().all(is_back) {
            return Ok(Some(SetBack::ByItself));
        }
        let mut back = TopicPartitionList::new();
        for (topic, partition) in self.places.keys() {
            let (low, _) = watermarks[&(*topic, *partition)];
            back.add_partition_offset(topic, *partition, Offset::Offset(low))?;
        }
        // Kafka takes it from somebody who is no member only where there are none.
        match self.consumer.commit(&back, CommitMode::Sync) {
            Ok(()) => Ok(Some(SetBack::Yes)),
            Err(KafkaError::ConsumerCommit(
                RDKafkaErrorCode::UnknownMemberId
                | RDKafkaErrorCode::IllegalGeneration
                | RDKafkaErrorCode::RebalanceInProgress,
            )) => {
                let is_overgrown = self.places.iter().any(|(partition, at)| *at <= watermarks[partition].1);
                Ok(is_overgrown.then_some(SetBack::Overgrown))
            }
            Err(error) => Err(error),
        }
    }

    fn waits_only_where_nothing_is(&self, watermarks: &Watermarks) -> bool {
        self.places.keys().all(|partition| watermarks[partition].0 == watermarks[partition].1)
    }

    fn told(&self, done: SetBack) -> GroupBeyondTheEnd {
        GroupBeyondTheEnd { name: self.name.clone(), partitions: self.places.len(), done }
    }
}

/// The offsets that a group has committed.
fn committed<'a>(
    consumer: &BaseConsumer,
    partitions: impl Iterator<Item = &'a (&'static str, i32)>,
) -> Result<HashMap<(&'static str, i32), i64>, KafkaError> {
    let (mut list, mut all) = (TopicPartitionList::new(), vec![]);
    for (topic, partition) in partitions {
        list.add_partition(topic, *partition);
        all.push((*topic, *partition));
    }
    let committed = consumer.committed_offsets(list, BROKER_TIMEOUT)?;
    let at = |(topic, partition): (&'static str, i32)| {
        let found = committed.find_partition(topic, partition)?;
        if let Offset::Offset(at) = found.offset() { Some(((topic, partition), at)) } else { None }
    };
    Ok(all.into_iter().filter_map(at).collect())
}

fn watermarks(consumer: &BaseConsumer) -> Result<Watermarks, KafkaError> {
    let mut all = HashMap::new();
    for topic in STREAM_TYPES.into_iter().filter_map(topic_of) {
        let metadata = consumer.fetch_metadata(Some(topic), BROKER_TIMEOUT)?;
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            let ends = consumer.fetch_watermarks(topic, partition.id(), BROKER_TIMEOUT)?;
            all.insert((topic, partition.id()), ends);
        }
    }
    Ok(all)
}

/// It joins nothing and reads nothing.
fn consumer(brokers: &str, group: &str) -> Result<BaseConsumer, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .create()
}
