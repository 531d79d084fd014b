//! Members of one consumer group that come and go.

use std::time::Duration;

use event_store::event_log::LoggedEvent;
use feed::{
    Source,
    topics::{PARTITIONS, topic_of},
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use testkit::eventually;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{DEADLINE, Feed};

const GROUP: &str = "shared";
/// A commit takes no longer, if one is under way.
const COMMIT: Duration = Duration::from_millis(300);
/// Enough for every partition to have some.
const EVENTS: usize = 300;

/// How often a member joins the group.
const COMINGS_AND_GOINGS: usize = 6;

impl Feed {
    /// A member that takes whatever comes, until the guard is dropped; then it leaves.
    fn member(&self) -> DropGuard {
        let stop = CancellationToken::new();
        let (brokers, store, stopped) = (self.kafka.brokers().to_owned(), self.store.clone(), stop.clone());
        tokio::spawn(async move {
            let made = async || Source::kafka(&brokers, GROUP, store.clone(), &["event"], 0).await.ok();
            let mut source = eventually("there is a source", DEADLINE, made).await;
            let taking = async {
                loop {
                    source.next().await.unwrap();
                    source.done().unwrap();
                }
            };
            stopped.run_until_cancelled(taking).await;
            source.leave().await;
        });
        stop.drop_guard()
    }

    /// How many partitions the group has committed an offset of.
    async fn committed_partitions(&self) -> usize {
        self.committed_offsets().await.len()
    }

    /// How many records the group has committed, of partitions that it has read from their beginning.
    async fn committed_records(&self) -> i64 {
        self.committed_offsets().await.iter().sum()
    }

    async fn committed_offsets(&self) -> Vec<i64> {
        let asking: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.kafka.brokers())
            .set("group.id", format!("boxoffice-{GROUP}"))
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic_of("event").unwrap(), 0, PARTITIONS - 1);
        let asked = tokio::task::spawn_blocking(move || asking.committed_offsets(list, DEADLINE).unwrap());
        let committed = asked.await.unwrap();
        let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        committed.elements().iter().filter_map(|element| offset(element.offset())).collect()
    }
}

/// What was made of other batches may not be on disk when the database crashes: they must come again then.
#[tokio::test]
async fn offsets_are_committed_with_batches_that_must_last_and_with_no_others() {
    let feed = Feed::start().await;
    let _relay = feed.relay();
    feed.append(1).await;
    feed.until_published(1).await;
    let mut source = feed.source(GROUP, 0).await;
    // The event log is caught up with; from here on it follows Kafka, from the beginning.
    while !timeout(DEADLINE, source.next()).await.unwrap().unwrap().must_last {}
    source.done().unwrap();
    let (mut taken, mut published, mut kinds) = (0, 1, [0, 0]);
    while kinds.contains(&0) {
        while taken < published {
            let batch = timeout(DEADLINE, source.next()).await.unwrap().unwrap();
            taken += batch.events.len() as i64;
            let before = feed.committed_records().await;
            source.done().unwrap();
            kinds[usize::from(batch.must_last)] += 1;
            if batch.must_last {
                let all_are_committed = async || (feed.committed_records().await == taken).then_some(());
                eventually("all that was taken is committed", DEADLINE, all_are_committed).await;
            } else {
                tokio::time::sleep(COMMIT).await;
                assert_eq!(feed.committed_records().await, before);
            }
        }
        assert!(published < 100, "{kinds:?}");
        feed.append(1).await;
        published += 1;
        feed.until_published(published).await;
    }
}

#[tokio::test]
async fn what_is_in_hand_of_partitions_that_were_lost_is_not_committed() {
    let feed = Feed::start().await;
    let _relay = feed.relay();
    feed.append(EVENTS).await;
    feed.until_published(EVENTS as i64).await;
    let mut first = feed.source(GROUP, EVENTS as i64).await;
    let mut in_hand: Vec<LoggedEvent> = Vec::new();
    while in_hand.len() < EVENTS {
        in_hand.extend(timeout(DEADLINE, first.next()).await.unwrap().unwrap().events);
    }

    // A second member takes half of the partitions while the first one still has everything in hand.
    let mut second = feed.source(GROUP, EVENTS as i64).await;
    let (mut again, mut rounds) = (Vec::new(), 0);
    while again.is_empty() {
        let wait = Duration::from_millis(500);
        let (_, gained) = tokio::join!(timeout(wait, first.next()), timeout(wait, second.next()));
        again.extend(gained.into_iter().flatten().flat_map(|batch| batch.events));
        rounds += 1;
        assert!(rounds < 120, "the second member gets nothing");
    }
    while !timeout(DEADLINE, first.next()).await.unwrap().unwrap().must_last {}
    first.done().unwrap();
    let committed = eventually("the first member has committed", DEADLINE, || async {
        let committed = feed.committed_partitions().await;
        (committed > 0).then_some(committed)
    });
    assert_eq!(committed.await, PARTITIONS as usize / 2, "only what it has kept");
    // What was in hand comes again, to the other one.
    assert!(again.iter().all(|logged| in_hand.contains(logged)));
}

/// Nobody commits again while all is quiet: what is not committed by then, or set back by a member that has the partition
/// no more, stays so.
#[tokio::test]
async fn however_members_come_and_go_all_that_was_taken_is_committed_in_the_end() {
    let feed = Feed::start().await;
    let _relay = feed.relay();
    let first = feed.member();
    let mut published = 0;
    for _ in 0..COMINGS_AND_GOINGS {
        let second = feed.member();
        for _ in 0..20 {
            feed.append(3).await;
            published += 3;
            tokio::time::sleep(COMMIT / 4).await;
        }
        drop(second);
    }
    let _second = feed.member();
    feed.until_published(published).await;
    let all_are_committed = async || (feed.committed_records().await == published).then_some(());
    eventually("all that was taken is committed", DEADLINE, all_are_committed).await;
    drop(first);
}
