//! Members of one consumer group that come and go.

use std::time::Duration;

use event_store::event_log::LoggedEvent;
use feed::topics::{PARTITIONS, topic_of};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use testkit::eventually;
use tokio::time::timeout;

use crate::{DEADLINE, Feed};

const GROUP: &str = "shared";
/// Enough for every partition to have some.
const EVENTS: usize = 300;

impl Feed {
    /// How many partitions the group has committed an offset of.
    async fn committed_partitions(&self) -> usize {
        let asking: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.kafka.brokers())
            .set("group.id", format!("boxoffice-{GROUP}"))
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic_of("event").unwrap(), 0, PARTITIONS - 1);
        let asked = tokio::task::spawn_blocking(move || asking.committed_offsets(list, DEADLINE).unwrap());
        let committed = asked.await.unwrap();
        committed.elements().iter().filter(|e| matches!(e.offset(), Offset::Offset(_))).count()
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
    first.done().unwrap();
    let committed = eventually("the first member has committed", DEADLINE, || async {
        let committed = feed.committed_partitions().await;
        (committed > 0).then_some(committed)
    });
    assert_eq!(committed.await, PARTITIONS as usize / 2, "only what it has kept");
    // What was in hand comes again, to the other one.
    assert!(again.iter().all(|logged| in_hand.contains(logged)));
}
