//! The relay, a broker that dies, and transactions that take long.

use std::{collections::BTreeMap, time::Duration};

use feed::{
    Relay,
    topics::{PARTITIONS, topic_of},
};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{BorrowedMessage, Headers},
};
use testkit::eventually;
use tokio_util::sync::CancellationToken;

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

/// Most rounds do not look at the whole outbox, but begin where there was something a moment ago. What a long transaction
/// leaves stands before that, and what goes on from there comes first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_commits_late_is_numbered_before_what_goes_on_from_it_and_nobody_is_alarmed() {
    const STEP: &str = "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
                        values ('event', $1, $2, 'Tested', '1', '{}', '{}')";
    let feed = Feed::start().await;
    let stop = CancellationToken::new();
    let relay = Relay::new(feed.store.clone(), None, "test".to_owned());
    let mut state = relay.state();
    tokio::spawn(relay.run(stop.clone()));
    let _stop = stop.drop_guard();
    let alarm = tokio::spawn(async move { state.wait_for(|state| state.numbering.is_some()).await.is_ok() });
    let numbered = |events: i64| {
        let store = &feed.store;
        eventually("all are numbered", DEADLINE, move || async move {
            (store.head().await.unwrap().global_position == events).then_some(())
        })
    };
    let mut events = 0;
    for late in ["late 1", "late 2", "late 3"] {
        let mut tx = feed.store.pool().begin().await.unwrap();
        sqlx::query(STEP).bind(late).bind(1_i64).execute(&mut *tx).await.unwrap();
        // Longer than from one look at the whole to the next.
        for _ in 0..8 {
            feed.append(3).await;
            feed.store.wake_relay();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        events += 24;
        numbered(events).await;
        feed.append(3).await;
        tx.commit().await.unwrap();
        sqlx::query(STEP).bind(late).bind(2_i64).execute(feed.store.pool()).await.unwrap();
        feed.store.wake_relay();
        events += 5;
        numbered(events).await;
        assert!(!alarm.is_finished(), "nothing was wrong");
    }
}
