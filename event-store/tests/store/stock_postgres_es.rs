//! Stock postgres-es reads and writes the same tables, and nothing it writes goes round the event log.

use std::{collections::HashMap, time::Duration};

use cqrs_es::{CqrsFramework, EventStore as _, persist::PersistedEventStore};
use event_store::{CommandContext, EventStore, NoCompanion};
use postgres_es::PostgresEventRepository;

use crate::{Paper, store};

fn stock(store: &EventStore) -> PersistedEventStore<PostgresEventRepository, Paper> {
    PersistedEventStore::new_event_store(PostgresEventRepository::new(store.pool().clone()))
}

async fn write_with_stock(store: &EventStore, line: &str) {
    let framework = CqrsFramework::new(stock(store), vec![], ());
    framework.execute_with_metadata("p", line.to_owned(), HashMap::new()).await.unwrap();
}

async fn write_with_ours(store: &EventStore, line: &str) {
    let context = CommandContext::default();
    store.execute::<Paper>("p", line.to_owned(), &context, &NoCompanion).await.unwrap();
}

#[tokio::test]
async fn both_write_to_one_stream_and_read_the_same() {
    let store = store().await;
    write_with_stock(&store, "stock").await;
    write_with_ours(&store, "ours").await;
    write_with_stock(&store, "stock again").await;

    let (ours, sequence) = store.load::<Paper>("p").await.unwrap();
    assert_eq!(ours.lines, ["stock", "ours", "stock again"]);
    assert_eq!(sequence, 3);
    let read_by_stock = stock(&store).load_events("p").await.unwrap();
    assert_eq!(read_by_stock.iter().map(|e| e.sequence).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn what_stock_writes_reaches_the_event_log() {
    let store = store().await;
    write_with_stock(&store, "stock").await;
    write_with_ours(&store, "ours").await;
    let epoch = store.try_lead("test", Duration::from_secs(10)).await.unwrap().expect("nobody else leads");
    store.number_outbox(epoch, Duration::from_secs(10), 100).await.unwrap();
    let page = store.read_log(0, 100, &[]).await.unwrap();
    let places: Vec<_> = page.events.iter().map(|e| (e.global_position, e.event.sequence)).collect();
    assert_eq!(places, [(1, 1), (2, 2)]);
}
