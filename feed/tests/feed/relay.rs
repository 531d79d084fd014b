//! The relay and a broker that dies.

use std::collections::BTreeMap;

use feed::topics::{PARTITIONS, topic_of};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{BorrowedMessage, Headers},
};
use testkit::eventually;

use crate::{DEADLINE, Feed};

/// More than are under way at once.
const BACKLOG: usize = 60_000;

/// How often each global position stands in the topic of events.
fn occurrences(brokers: &str) -> BTreeMap<i64, usize> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "nobody's")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(topic_of("event").unwrap(), partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let (mut found, mut ended) = (BTreeMap::new(), 0);
    while ended < PARTITIONS {
        match consumer.poll(DEADLINE).expect("records, or the end of a partition") {
            Ok(record) => *found.entry(position(&record)).or_default() += 1,
            Err(rdkafka::error::KafkaError::PartitionEOF(_)) => ended += 1,
            Err(error) => panic!("{error}"),
        }
    }
    found
}

fn position(record: &BorrowedMessage<'_>) -> i64 {
    let headers = record.headers().unwrap();
    let value = headers.iter().find(|header| header.key == "ce_globalposition").unwrap().value.unwrap();
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_dies_while_a_backlog_is_drained_loses_nothing() {
    let mut feed = Feed::start().await;
    feed.append(BACKLOG).await;
    let _relay = feed.relay();
    feed.until_published(1).await;
    feed.kafka.kill_hard();
    let at_the_kill = feed.store.published_position().await.unwrap();
    assert!(at_the_kill < BACKLOG as i64, "there was something left to publish");
    eventually("numbering goes on without Kafka", DEADLINE, || async {
        (feed.store.head().await.unwrap().global_position == BACKLOG as i64).then_some(())
    })
    .await;
    feed.kafka.restart().await;
    feed.append(1).await;
    feed.until_published(BACKLOG as i64 + 1).await;
    let brokers = feed.kafka.brokers().to_owned();
    let found = tokio::task::spawn_blocking(move || occurrences(&brokers)).await.unwrap();
    assert!(found.keys().copied().eq(1..=BACKLOG as i64 + 1), "each at least once");
}
