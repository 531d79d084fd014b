//! The feed on a real Kafka and a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic, in its helpers too")]

mod durability;
mod groups;
mod rebalances;
mod relay;
mod shared_log;
mod sources;
mod topics;

use std::{sync::Arc, time::Duration};

use event_store::{EventStore, MasterKey, StreamId};
use feed::{Relay, Source, topics::create_topics};
use sqlx::postgres::PgPoolOptions;
use testkit::{
    eventually,
    kafka::KafkaServer,
    postgres::{self, TestDatabase},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(60);

/// A broker with the topics, and a migrated write database.
struct Feed {
    kafka: KafkaServer,
    store: EventStore,
    _database: TestDatabase,
}

impl Feed {
    async fn start() -> Self {
        let kafka = KafkaServer::start_own().await;
        create_topics(kafka.brokers()).await.unwrap();
        let (store, database) = store().await;
        Self { kafka, store, _database: database }
    }

    /// Runs a relay until the guard is dropped.
    fn relay(&self) -> DropGuard {
        let stop = CancellationToken::new();
        let relay = Relay::new(self.store.clone(), Some(self.kafka.brokers().to_owned()), "test".to_owned());
        tokio::spawn(relay.run(stop.clone()));
        stop.drop_guard()
    }

    /// A member of a group. A broker that has just started does not know yet who looks after its groups.
    async fn source(&self, consumer: &str, checkpoint: i64) -> Source {
        eventually("there is a source", DEADLINE, || async {
            Source::kafka(self.kafka.brokers(), consumer, self.store.clone(), &["event"], checkpoint)
                .await
                .ok()
        })
        .await
    }

    /// So many new streams of one event each.
    async fn append(&self, streams: usize) -> Vec<StreamId> {
        append(&self.store, streams).await
    }

    /// Waits until Kafka has acknowledged everything up to this place.
    async fn until_published(&self, position: i64) {
        eventually(&format!("Kafka has {position} events"), DEADLINE, || async {
            let published = self.store.published_position().await.unwrap();
            (published >= position).then_some(())
        })
        .await;
    }
}

/// A migrated write database.
async fn store() -> (EventStore, TestDatabase) {
    let database = postgres::database("feed").await;
    let pool = PgPoolOptions::new().connect(database.url()).await.unwrap();
    EventStore::migrate(&pool).await.unwrap();
    let key = MasterKey::parse(&MasterKey::generate()).unwrap();
    (EventStore::new(pool, Arc::new(key)), database)
}

/// So many new streams of one event each.
async fn append(store: &EventStore, streams: usize) -> Vec<StreamId> {
    let ids: Vec<String> = (0..streams).map(|_| Uuid::now_v7().to_string()).collect();
    sqlx::query(
        "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
         select 'event', id, 1, 'Tested', '1', '{}', '{}' from unnest($1::text[]) as id",
    )
    .bind(&ids)
    .execute(store.pool())
    .await
    .unwrap();
    ids.into_iter().map(|id| StreamId::new("event", id)).collect()
}
