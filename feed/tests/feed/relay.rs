//! The relay, a broker that dies, and transactions that take long.

use std::{collections::BTreeMap, time::Duration};

use event_store::EventStore;
use feed::{
    Relay,
    topics::{PARTITIONS, topic_of},
};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{BorrowedMessage, Headers},
};
use sqlx::{Postgres, Transaction};
use testkit::eventually;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{DEADLINE, Feed, append, store};

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

const STEP: &str =
    "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
     values ('event', $1, $2, 'Tested', '1', '{}', '{}')";

/// A relay without Kafka.
struct Numbering {
    store: EventStore,
    alarm: JoinHandle<bool>,
    _stop: DropGuard,
}

impl Numbering {
    fn start(store: &EventStore) -> Self {
        let stop = CancellationToken::new();
        let relay = Relay::new(store.clone(), None, "test".to_owned());
        let mut state = relay.state();
        tokio::spawn(relay.run(stop.clone()));
        let alarm =
            tokio::spawn(async move { state.wait_for(|state| state.numbering.is_some()).await.is_ok() });
        Self { store: store.clone(), alarm, _stop: stop.drop_guard() }
    }

    async fn until_numbered(&self, events: i64) {
        eventually("all are numbered", DEADLINE, || async {
            (self.store.head().await.unwrap().global_position == events).then_some(())
        })
        .await;
        assert!(!self.alarm.is_finished(), "nothing was wrong");
    }

    /// Waits until a batch cannot be written because of a lock on the event log.
    async fn until_held_up(&self) {
        eventually("a batch is held up", DEADLINE, || async {
            let waits =
                "select exists (select from pg_locks where relation = 'event_log'::regclass and not granted)";
            let is_held_up: bool = sqlx::query_scalar(waits).fetch_one(self.store.pool()).await.unwrap();
            is_held_up.then_some(())
        })
        .await;
    }
}

/// The first event of a stream, not committed yet.
async fn late(store: &EventStore, stream: &str) -> Transaction<'static, Postgres> {
    let mut tx = store.pool().begin().await.unwrap();
    sqlx::query(STEP).bind(stream).bind(1_i64).execute(&mut *tx).await.unwrap();
    tx
}

/// An event that is not committed yet, and so many after it. A lock keeps the first batch of those from being written, and the
/// next one has been claimed, or is.
async fn held_up(
    store: &EventStore,
    events: usize,
) -> (Transaction<'static, Postgres>, Transaction<'static, Postgres>, Numbering) {
    let tx = late(store, "late").await;
    append(store, events).await;
    let mut lock = store.pool().begin().await.unwrap();
    sqlx::query("lock table event_log in share row exclusive mode").execute(&mut *lock).await.unwrap();
    let numbering = Numbering::start(store);
    numbering.until_held_up().await;
    (tx, lock, numbering)
}

/// Most rounds do not look at the whole outbox, but begin where there was something a moment ago. What a long transaction
/// leaves stands before that, and what goes on from there comes first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_commits_late_is_numbered_before_what_goes_on_from_it_and_nobody_is_alarmed() {
    let (store, _database) = store().await;
    let numbering = Numbering::start(&store);
    let mut events = 0;
    for stream in ["late 1", "late 2", "late 3"] {
        let tx = late(&store, stream).await;
        // Longer than from one look at the whole to the next.
        for _ in 0..8 {
            append(&store, 3).await;
            store.wake_relay();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        events += 24;
        numbering.until_numbered(events).await;
        append(&store, 3).await;
        tx.commit().await.unwrap();
        sqlx::query(STEP).bind(stream).bind(2_i64).execute(store.pool()).await.unwrap();
        store.wake_relay();
        events += 5;
        numbering.until_numbered(events).await;
    }
}

/// The same while there are full batches, each claimed while the one before is written, from its end on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_on_from_what_commits_late_waits_for_it_though_it_was_claimed_ahead() {
    const FULL_BATCHES: usize = 17_000;
    let (store, _database) = store().await;
    let (tx, lock, numbering) = held_up(&store, FULL_BATCHES).await;
    tx.commit().await.unwrap();
    sqlx::query(STEP).bind("late").bind(2_i64).execute(store.pool()).await.unwrap();
    lock.commit().await.unwrap();
    numbering.until_numbered(FULL_BATCHES as i64 + 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_commits_late_does_not_wait_until_full_batches_have_ended() {
    const FULL_BATCHES: usize = 25_000;
    let (store, _database) = store().await;
    let (tx, lock, numbering) = held_up(&store, FULL_BATCHES).await;
    tx.commit().await.unwrap();
    // Longer than from one look at the whole to the next.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    lock.commit().await.unwrap();
    numbering.until_numbered(FULL_BATCHES as i64 + 1).await;
    let place: i64 = sqlx::query_scalar("select global_position from event_log where aggregate_id = 'late'")
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert!(place < FULL_BATCHES as i64, "{place}: there were full batches before it and after it");
}
