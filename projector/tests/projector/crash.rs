//! What a crash of the read database takes back comes again, though the projector lives on.

use std::time::Duration;

use domain::ShowId;
use testkit::{eventually, kafka::KafkaServer, postgres::PostgresServer};

use crate::{Databases, a_show, created, sold};

const ROUNDS: usize = 5;
/// A server writes by itself what was committed without waiting for the disk, this much later; a projector that has nothing to
/// do, sooner.
const WAL_WRITER_DELAY: &str = "10s";
const SOONER: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crash_takes_back_comes_again_though_nothing_follows_it() {
    it_comes_again(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crash_takes_back_comes_again_from_kafka_though_nothing_follows_it() {
    let kafka = KafkaServer::start_own().await;
    feed::topics::create_topics(kafka.brokers()).await.unwrap();
    it_comes_again(Some(kafka.brokers())).await;
}

async fn it_comes_again(brokers: Option<&str>) {
    let mut server = PostgresServer::start_own().await;
    let databases = Databases::reading_from(&server).await;
    let delay = format!("alter system set wal_writer_delay = '{WAL_WRITER_DELAY}'");
    sqlx::query(&delay).execute(&databases.read).await.unwrap();
    sqlx::query("select pg_reload_conf()").execute(&databases.read).await.unwrap();
    let _following = databases.follow(brokers);
    let mut rounds_at_risk = 0;
    for _ in 0..ROUNDS {
        // The first of a while is taken to the disk with Kafka's offsets; the next one is not.
        let [_, show] = databases.sell_of_two_shows().await;
        rounds_at_risk += usize::from(!is_on_disk(&databases).await);
        server.kill_hard().await;
        server.restart().await;
        databases.until_sold(show, 1).await;
        eventually("what was applied last is on disk", SOONER, || async {
            is_on_disk(&databases).await.then_some(())
        })
        .await;
        assert_eq!(databases.sold(show).await, Some(1));
    }
    assert!(rounds_at_risk > 0, "nothing could have been lost");
}

impl Databases {
    /// One after the other.
    async fn sell_of_two_shows(&self) -> [ShowId; 2] {
        let shows = [a_show(), a_show()];
        for show in shows {
            self.append(show, 0, &[created(show), sold(show)]).await;
            self.until_sold(show, 1).await;
        }
        shows
    }
}

async fn is_on_disk(databases: &Databases) -> bool {
    let query = "select pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()";
    sqlx::query_scalar(query).fetch_one(&databases.read).await.unwrap()
}
