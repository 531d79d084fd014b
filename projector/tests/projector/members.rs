//! Projectors that share the partitions of Kafka, and come and go while its broker fails.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use domain::ShowId;
use feed::Relay;
use projector::Projector;
use testkit::{eventually, kafka::KafkaServer};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Databases, a_show, created, sold};

/// Long enough for a broker that was away to be found again.
const DEADLINE: Duration = Duration::from_secs(120);
/// More than there are partitions.
const SHOWS: usize = 20;
/// After so many more sales in the rows the next member comes or goes.
const STEP: i64 = 40;
const MEMBERS_THAT_CAME_AND_WENT: usize = 4;
/// Longer than the group waits for a member (`session.timeout.ms`).
const PAUSE: Duration = Duration::from_secs(12);

/// A projector that can go in good order, or just be gone.
struct Member {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Member {
    fn join(databases: &Databases, brokers: &str) -> Self {
        let stop = CancellationToken::new();
        let projector =
            Projector::new(databases.read.clone(), databases.store.clone(), Some(brokers.to_owned()));
        Self { running: tokio::spawn(projector.run(stop.clone())), stop }
    }

    async fn leave(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }

    fn vanish(self) {
        self.running.abort();
    }
}

/// Sells one ticket of each show in turn, until told to stop; answers with how many of each.
async fn sell(databases: &Databases, shows: &[ShowId], enough: &AtomicBool) -> i64 {
    let mut tickets = 0;
    while !enough.load(Ordering::Relaxed) {
        for show in shows {
            databases.append(*show, tickets + 1, &[sold(*show)]).await;
        }
        tickets += 1;
    }
    tickets
}

async fn sold_so_far(databases: &Databases) -> i64 {
    sqlx::query_scalar("select coalesce(sum(sold), 0)::bigint from event_ticket_types")
        .fetch_one(&databases.read)
        .await
        .unwrap()
}

async fn until_it_goes_on(databases: &Databases) {
    let before = sold_so_far(databases).await;
    eventually("the rows follow the sales", DEADLINE, || async {
        (sold_so_far(databases).await >= before + STEP).then_some(())
    })
    .await;
}

async fn disturb(databases: &Databases, kafka: &mut KafkaServer) -> Member {
    let brokers = kafka.brokers().to_owned();
    let mut staying = Member::join(databases, &brokers);
    until_it_goes_on(databases).await;
    for turn in 0..MEMBERS_THAT_CAME_AND_WENT {
        let joined = Member::join(databases, &brokers);
        until_it_goes_on(databases).await;
        let leaving = std::mem::replace(&mut staying, joined);
        if turn % 2 == 0 {
            leaving.leave().await
        } else {
            leaving.vanish()
        }
        until_it_goes_on(databases).await;
    }
    let beside = Member::join(databases, &brokers);
    kafka.kill_hard();
    kafka.restart().await;
    until_it_goes_on(databases).await;
    kafka.pause();
    tokio::time::sleep(PAUSE).await;
    kafka.resume();
    until_it_goes_on(databases).await;
    beside.leave().await;
    staying
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go_and_the_broker_fails_and_the_rows_stay_exact() {
    let (databases, mut kafka) = (Databases::new().await, KafkaServer::start_own().await);
    feed::topics::create_topics(kafka.brokers()).await.unwrap();
    let relay = Relay::new(databases.store.clone(), Some(kafka.brokers().to_owned()), "test".to_owned());
    let stop = CancellationToken::new();
    tokio::spawn(relay.run(stop.clone()));
    let _stop = stop.drop_guard();
    let shows: Vec<ShowId> = (0..SHOWS).map(|_| a_show()).collect();
    for show in &shows {
        databases.append(*show, 0, &[created(*show)]).await;
    }

    let enough = AtomicBool::new(false);
    let disturbed = async {
        let staying = disturb(&databases, &mut kafka).await;
        enough.store(true, Ordering::Relaxed);
        staying
    };
    let (tickets, _staying) = tokio::join!(sell(&databases, &shows, &enough), disturbed);
    for show in shows {
        eventually("all that was sold is in the rows", DEADLINE, || async {
            let sold = databases.sold(show).await.unwrap();
            assert!(sold <= tickets, "{show}: {sold} of {tickets}");
            (sold == tickets).then_some(())
        })
        .await;
    }
    assert_eq!(databases.parked().await, []);
}
