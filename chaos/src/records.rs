//! The records of Kafka, read from the beginning: by nobody's code but librdkafka's.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{BorrowedMessage, Headers},
};

/// Topics and the types of stream that they carry, as `docs/events.md` says.
pub(crate) const TOPICS: [(&str, &str); 3] =
    [("boxoffice.user.v1", "user"), ("boxoffice.event.v1", "event"), ("boxoffice.booking.v1", "booking")];
/// How long the broker may take to answer.
const BROKER_DEADLINE: Duration = Duration::from_secs(20);
/// How long it may take until it sends a record that is there.
const RECORD_DEADLINE: Duration = Duration::from_secs(30);

/// A partition with its first offset and the one after its last.
#[derive(Debug, Clone)]
pub(crate) struct Partition {
    pub(crate) topic: &'static str,
    pub(crate) stream_type: &'static str,
    pub(crate) number: i32,
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// A consumer that belongs to no group unless one is named.
pub(crate) fn consumer(brokers: &str, group: &str) -> Result<BaseConsumer> {
    let consumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "false")
        .set("auto.offset.reset", "earliest")
        .create()?;
    Ok(consumer)
}

/// Every partition of every topic. Blocks.
pub(crate) fn partitions(consumer: &BaseConsumer) -> Result<Vec<Partition>> {
    let mut all = vec![];
    for (topic, stream_type) in TOPICS {
        let metadata = consumer.fetch_metadata(Some(topic), BROKER_DEADLINE)?;
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            let (low, high) = consumer.fetch_watermarks(topic, partition.id(), BROKER_DEADLINE)?;
            all.push(Partition { topic, stream_type, number: partition.id(), low, high });
        }
    }
    Ok(all)
}

/// How many records a group has still to read, or would pass over: it may stand beyond the end. Blocks.
pub(crate) fn lag(brokers: &str, group: &str, stream_types: &[&str]) -> Result<i64> {
    let consumer = consumer(brokers, group)?;
    let mut lag = 0;
    let followed: Vec<Partition> =
        partitions(&consumer)?.into_iter().filter(|p| stream_types.contains(&p.stream_type)).collect();
    let mut list = TopicPartitionList::new();
    for partition in &followed {
        list.add_partition(partition.topic, partition.number);
    }
    let committed = consumer.committed_offsets(list, BROKER_DEADLINE)?;
    for partition in &followed {
        let found =
            committed.find_partition(partition.topic, partition.number).map(|element| element.offset());
        let at = match found {
            Some(Offset::Offset(at)) => at,
            // It has read nothing there.
            _ => partition.low,
        };
        lag += (partition.high - at).abs();
    }
    Ok(lag)
}

/// Hands on every record of some partitions, in the order of each, between their marks. Blocks.
pub(crate) fn read(
    brokers: &str,
    partitions: &[Partition],
    mut each: impl FnMut(&Partition, &BorrowedMessage<'_>) -> Result<()>,
) -> Result<()> {
    let consumer = consumer(brokers, "chaos-reader")?;
    for partition in partitions.iter().filter(|partition| partition.high > partition.low) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(partition.topic, partition.number, Offset::Offset(partition.low))?;
        consumer.assign(&list)?;
        loop {
            let Some(record) = consumer.poll(RECORD_DEADLINE) else {
                bail!("{}-{} sends nothing within {RECORD_DEADLINE:?}", partition.topic, partition.number);
            };
            let record = record.context("a record cannot be read")?;
            // One of the partition before that was still on its way.
            if record.topic() != partition.topic || record.partition() != partition.number {
                continue;
            }
            if record.offset() < partition.high {
                each(partition, &record)?;
            }
            if record.offset() + 1 >= partition.high {
                break;
            }
        }
    }
    Ok(())
}

/// The text of a header.
pub(crate) fn header<'a>(record: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a str> {
    let header = record.headers()?.iter().find(|header| header.key == name)?;
    std::str::from_utf8(header.value?).ok()
}
