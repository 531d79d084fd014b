//! Consumer groups that stand beyond the end of a partition, because it has lost what they had read.
//!
//! As long as a partition is shorter than that, a member that asks for more is told so, and begins at the beginning. Once
//! it has grown past the group's place, whoever comes back there passes over what stands before it and knows nothing of it:
//! if what was lost had been there twice, over both copies of what is published again. So nothing is published before each
//! such group was set back, or has seen by itself that something is lost.

use std::{
    collections::{BTreeMap, HashMap},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{BROKER_TIMEOUT, ReconcileError};
use crate::topics::{STREAM_TYPES, topic_of};

/// The groups of Boxoffice are called so, each with the consumer's name behind it.
const PREFIX: &str = "boxoffice-";

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetBack {
    /// Nothing, for it was only to be looked at.
    No,
    /// It begins at the beginning of these partitions, and passes over what it has dealt with.
    Yes,
    /// Nothing: it has members, who have seen by themselves that something is lost.
    ByItself,
}

/// The ends of a partition: the first offset, and the one after the last.
type Watermarks = HashMap<(&'static str, i32), (i64, i64)>;

/// Which groups stand beyond the end; nothing is done about them. Blocks.
pub(super) fn look(brokers: &str) -> Result<Vec<GroupBeyondTheEnd>, KafkaError> {
    beyond_the_end(brokers, true)
}

/// Sets such groups back. Waits for those that have members, who alone can; for so long. Blocks.
pub(super) fn set_back(brokers: &str, patience: Duration) -> Result<Vec<GroupBeyondTheEnd>, ReconcileError> {
    let (mut all, end) = (BTreeMap::new(), Instant::now() + patience);
    loop {
        let found = beyond_the_end(brokers, false)?;
        let waits: Vec<String> = found
            .iter()
            .filter(|group| group.done == SetBack::ByItself)
            .map(|group| group.name.clone())
            .collect();
        all.extend(found.into_iter().map(|group| (group.name.clone(), group)));
        if waits.is_empty() {
            return Ok(all.into_values().collect());
        }
        if Instant::now() > end {
            return Err(ReconcileError::GroupsBeyondTheEnd(waits.join(", ")));
        }
        thread::sleep(MEMBERS_POLL);
    }
}

fn beyond_the_end(brokers: &str, only_look: bool) -> Result<Vec<GroupBeyondTheEnd>, KafkaError> {
    let consumer = consumer(brokers, &format!("{PREFIX}reconcile"))?;
    let watermarks = watermarks(&consumer)?;
    let groups = consumer.fetch_group_list(None, BROKER_TIMEOUT)?;
    let mut names: Vec<&str> = groups.groups().iter().map(|group| group.name()).collect();
    names.sort_unstable();
    let mut found = vec![];
    for name in names.into_iter().filter(|name| name.starts_with(PREFIX)) {
        found.extend(set_back_one(brokers, name, &watermarks, only_look)?);
    }
    Ok(found)
}

fn set_back_one(
    brokers: &str,
    name: &str,
    watermarks: &Watermarks,
    only_look: bool,
) -> Result<Option<GroupBeyondTheEnd>, KafkaError> {
    let consumer = consumer(brokers, name)?;
    let mut all = TopicPartitionList::new();
    for (topic, partition) in watermarks.keys() {
        all.add_partition(topic, *partition);
    }
    let committed = consumer.committed_offsets(all, BROKER_TIMEOUT)?;
    let mut back = TopicPartitionList::new();
    for ((topic, partition), (low, high)) in watermarks {
        let at = committed.find_partition(topic, *partition).map(|element| element.offset());
        if let Some(Offset::Offset(at)) = at
            && at > *high
        {
            back.add_partition_offset(topic, *partition, Offset::Offset(*low))?;
        }
    }
    if back.count() == 0 {
        return Ok(None);
    }
    let done = if only_look {
        SetBack::No
    } else {
        // Kafka takes it from somebody who is no member only where there are none.
        match consumer.commit(&back, CommitMode::Sync) {
            Ok(()) => SetBack::Yes,
            Err(KafkaError::ConsumerCommit(
                RDKafkaErrorCode::UnknownMemberId
                | RDKafkaErrorCode::IllegalGeneration
                | RDKafkaErrorCode::RebalanceInProgress,
            )) => SetBack::ByItself,
            Err(error) => return Err(error),
        }
    };
    Ok(Some(GroupBeyondTheEnd { name: name.to_owned(), partitions: back.count(), done }))
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
