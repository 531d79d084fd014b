//! Sources, and how they end.

use std::{sync::Arc, time::Duration};

use event_store::{EventStore, MasterKey};
use feed::{Source, topics::create_topics};
use sqlx::postgres::PgPoolOptions;
use testkit::{kafka::KafkaServer, postgres};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_source_ends_at_once_whether_or_not_its_brokers_are_there() {
    let mut kafka = KafkaServer::start_own().await;
    create_topics(kafka.brokers()).await.unwrap();
    let database = postgres::database("feed").await;
    let pool = PgPoolOptions::new().connect(database.url()).await.unwrap();
    EventStore::migrate(&pool).await.unwrap();
    let key = MasterKey::parse(&MasterKey::generate()).unwrap();
    let store = EventStore::new(pool, Arc::new(key));
    let mut sources = Vec::new();
    for consumer in ["left", "dropped", "left too late", "dropped too late"] {
        let source = Source::kafka(kafka.brokers(), consumer, store.clone(), &["event"], 0).await;
        sources.push(source.unwrap());
    }
    for source in &mut sources {
        // Nothing comes; the group has a member by then.
        timeout(Duration::from_secs(2), source.next()).await.unwrap_err();
    }
    // A source that ends would hold up this one thread, and with it the clock of these deadlines.
    timeout(DEADLINE, sources.remove(0).leave()).await.unwrap();
    drop(sources.remove(0));
    kafka.kill_hard();
    timeout(DEADLINE, sources.remove(0).leave()).await.unwrap();
    drop(sources);
}
