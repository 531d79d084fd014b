//! Consumer groups that had read what Kafka has lost.

use std::time::Duration;

use feed::reconcile::{GroupBeyondTheEnd, ReconcileError, ReconcileProgress, Reconciled, SetBack, reconcile};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    producer::{BaseProducer, BaseRecord, Producer},
};
use testkit::eventually;
use tokio::sync::watch;

use crate::{DEADLINE, Feed};

const BEYOND: &str = "boxoffice-beyond";
const BEFORE: &str = "boxoffice-before";
const MEMBER: &str = "boxoffice-member";
/// Longer than it takes whoever is waited for.
const PATIENCE: Duration = Duration::from_secs(9);

/// A place in the first partition of shows.
fn place(offset: i64) -> TopicPartitionList {
    let mut place = TopicPartitionList::new();
    place.add_partition_offset("boxoffice.event.v1", 0, Offset::Offset(offset)).unwrap();
    place
}

impl Feed {
    fn consumer(&self, group: &str) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.kafka.brokers()).set("group.id", group);
        config.set("enable.auto.commit", "false").create().unwrap()
    }

    fn committed(&self, group: &str) -> Offset {
        let committed = self.consumer(group).committed_offsets(place(0), DEADLINE).unwrap();
        committed.elements()[0].offset()
    }

    /// So many more records in that partition, of nobody's.
    fn fill_by(&self, records: usize) {
        let mut config = ClientConfig::new();
        let producer: BaseProducer = config.set("bootstrap.servers", self.kafka.brokers()).create().unwrap();
        for _ in 0..records {
            let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to("boxoffice.event.v1").partition(0);
            producer.send(record.payload(b"nobody's")).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(DEADLINE).unwrap();
    }

    async fn reconcile(&self, only_look: bool) -> Result<Reconciled, ReconcileError> {
        reconcile(&self.store, self.kafka.brokers(), only_look, PATIENCE, |_| {}).await
    }

    /// Something happens as soon as members of groups are waited for.
    async fn reconcile_while(&self, happens: impl FnOnce()) -> Result<Reconciled, ReconcileError> {
        let (waits, mut waiting) = watch::channel(false);
        let progress = move |progress| {
            if let ReconcileProgress::Waiting { .. } = progress {
                waits.send_replace(true);
            }
        };
        let meanwhile = async {
            waiting.wait_for(|waits| *waits).await.expect("somebody is waited for");
            happens();
        };
        let reconciling = reconcile(&self.store, self.kafka.brokers(), false, PATIENCE, progress);
        tokio::join!(reconciling, meanwhile).0
    }
}

fn beyond(name: &str, done: SetBack) -> GroupBeyondTheEnd {
    GroupBeyondTheEnd { name: name.to_owned(), partitions: 1, done }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_stands_beyond_the_end_is_set_back_or_waited_for() {
    let feed = Feed::start().await;
    for (group, offset) in [(BEYOND, 7), (BEFORE, 0), ("others", 7)] {
        feed.consumer(group).commit(&place(offset), CommitMode::Sync).unwrap();
    }
    assert_eq!(feed.reconcile(true).await.unwrap().groups, [beyond(BEYOND, SetBack::No)]);
    assert_eq!(feed.committed(BEYOND), Offset::Offset(7), "it was only looked at");
    assert_eq!(feed.reconcile(false).await.unwrap().groups, [beyond(BEYOND, SetBack::Yes)]);
    assert_eq!(feed.committed(BEYOND), Offset::Offset(0));
    assert_eq!(feed.reconcile(false).await.unwrap().groups, []);
    assert_eq!((feed.committed(BEFORE), feed.committed("others")), (Offset::Offset(0), Offset::Offset(7)));

    feed.consumer(MEMBER).commit(&place(7), CommitMode::Sync).unwrap();
    // It has partitions of another topic, so it asks for none of these records.
    let member = feed.consumer(MEMBER);
    member.subscribe(&["boxoffice.user.v1"]).unwrap();
    eventually("it has joined its group", DEADLINE, || async {
        let _ = member.poll(Duration::from_millis(200));
        (member.assignment().unwrap().count() > 0).then_some(())
    })
    .await;
    // There is nothing to commit for who has begun at the beginning; so it is waited for in vain, and gone on with.
    let reconciled = feed.reconcile(false).await.unwrap();
    assert_eq!(reconciled.groups, [beyond(MEMBER, SetBack::ByItself)]);
    assert_eq!(feed.committed(MEMBER), Offset::Offset(7));

    feed.fill_by(1);
    let refused = feed.reconcile(false).await;
    assert!(matches!(refused, Err(ReconcileError::GroupsBeyondTheEnd(_))), "{refused:?}");
    assert_eq!(feed.committed(MEMBER), Offset::Offset(7));
    let reconciled = feed.reconcile_while(|| member.commit(&place(0), CommitMode::Sync).unwrap()).await;
    assert_eq!(reconciled.unwrap().groups, [beyond(MEMBER, SetBack::ByItself)]);

    // Others' records take its place before it has seen it, and nothing is missing that would be published again.
    member.commit(&place(7), CommitMode::Sync).unwrap();
    let refused = feed.reconcile_while(|| feed.fill_by(6)).await;
    assert!(matches!(refused, Err(ReconcileError::GroupsPassOver(_))), "{refused:?}");
}
