//! The event store on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic, in its helpers too")]

mod appending;
mod event_log;
mod personal_data;
mod receipts;
mod silence;
mod stock_postgres_es;

use std::sync::Arc;

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use event_store::{Append, EventStore, MasterKey, Metadata, NewEvent, StreamAppend, StreamId};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, postgres::PgPoolOptions};

/// A store on a fresh, migrated database.
async fn store() -> EventStore {
    let database = testkit::postgres::database("event_store").await;
    let pool: PgPool =
        PgPoolOptions::new().max_connections(30).connect(database.url()).await.expect("connects");
    EventStore::migrate(&pool).await.expect("migrates");
    let key = MasterKey::parse(&MasterKey::generate()).expect("a key");
    EventStore::new(pool, Arc::new(key))
}

/// A piece of paper: the smallest aggregate that has something personal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Paper {
    lines: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum PaperEvent {
    Written { line: String },
    Signed { by: serde_json::Value },
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the paper is full")]
struct Full;

const MAX_LINES: usize = 3;

impl DomainEvent for PaperEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Written { .. } => "Written",
            Self::Signed { .. } => "Signed",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for Paper {
    const TYPE: &'static str = "paper";
    type Command = String;
    type Event = PaperEvent;
    type Error = Full;
    type Services = ();

    async fn handle(&mut self, line: String, (): &(), sink: &EventSink<Self>) -> Result<(), Full> {
        if self.lines.len() == MAX_LINES {
            return Err(Full);
        }
        sink.write(PaperEvent::Written { line }, self).await;
        Ok(())
    }

    fn apply(&mut self, event: PaperEvent) {
        match event {
            PaperEvent::Written { line } => self.lines.push(line),
            PaperEvent::Signed { .. } => {}
        }
    }
}

fn paper(id: &str) -> StreamId {
    StreamId::new(Paper::TYPE, id)
}

fn written(line: &str) -> NewEvent {
    NewEvent::from_domain(&PaperEvent::Written { line: line.to_owned() }, &Metadata::default())
}

/// Lines at the end of one paper.
fn lines(id: &str, expected_sequence: i64, lines: &[&str]) -> StreamAppend {
    StreamAppend {
        stream: paper(id),
        expected_sequence,
        events: lines.iter().map(|line| written(line)).collect(),
    }
}

fn without_receipt(streams: Vec<StreamAppend>) -> Append {
    Append { streams, receipt: None }
}

async fn events(store: &EventStore) -> i64 {
    sqlx::query_scalar("select count(*) from events").fetch_one(store.pool()).await.expect("counts")
}
