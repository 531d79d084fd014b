//! Who looks up the same event at the same time shares one query.
//!
//! A query is only shared by those who asked before it began, so that every answer rests on what was there after its
//! request: while one runs, the next gathers everybody who comes meanwhile. There is no cache to grow old.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use contract::Event;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use sqlx::PgPool;
use tokio::sync::Mutex as AsyncMutex;
use uuid::Uuid;

use crate::rows;

/// Most events that are looked up at the same time with sharing.
const MAX_EVENTS: usize = 10_000;

/// An event that everybody may know of, and the database's time.
type Found = Result<Option<(Arc<Event>, DateTime<Utc>)>, Arc<sqlx::Error>>;
type Lookup = Shared<BoxFuture<'static, Found>>;

/// The lookups of events that run and that wait; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SharedLookups {
    read: PgPool,
    by_event: Arc<Mutex<HashMap<Uuid, Lookups>>>,
}

/// Those of one event.
#[derive(Debug, Default)]
struct Lookups {
    /// Held by the one that runs.
    turn: Arc<AsyncMutex<()>>,
    /// Everybody joins it who comes before it begins.
    next: Option<Lookup>,
}

impl SharedLookups {
    pub(crate) fn of(read: PgPool) -> Self {
        Self { read, by_event: Arc::default() }
    }

    /// An event that the reader may know of, and the time by the database's clock.
    ///
    /// # Errors
    /// The database does not answer.
    pub(crate) async fn find(&self, id: Uuid, reader: Option<Uuid>) -> Found {
        if let Some(found) = self.join(id).await? {
            return Ok(Some(found));
        }
        // A draft is there for its host alone.
        let Some(reader) = reader else { return Ok(None) };
        let found = rows::event::find_with_time(&self.read, id, Some(reader)).await.map_err(Arc::new)?;
        Ok(found.map(|(event, as_of)| (Arc::new(event), as_of)))
    }

    fn join(&self, id: Uuid) -> Lookup {
        let mut by_event = self.lock();
        // Whoever hung up while waiting left something behind. Those who wait go on; they share less.
        if by_event.len() >= MAX_EVENTS {
            by_event.clear();
        }
        let lookups = by_event.entry(id).or_default();
        let turn = Arc::clone(&lookups.turn);
        lookups.next.get_or_insert_with(|| self.clone().run(id, turn).boxed().shared()).clone()
    }

    async fn run(self, id: Uuid, turn: Arc<AsyncMutex<()>>) -> Found {
        let _turn = turn.lock().await;
        // From here on others gather for the next one.
        if let Some(lookups) = self.lock().get_mut(&id) {
            lookups.next = None;
        }
        let _end = End { lookups: &self, id };
        let found = rows::event::find_with_time(&self.read, id, None).await.map_err(Arc::new)?;
        Ok(found.map(|(event, as_of)| (Arc::new(event), as_of)))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Lookups>> {
        self.by_event.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a query, however it ends: an event that nobody waits for is forgotten.
struct End<'a> {
    lookups: &'a SharedLookups,
    id: Uuid,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut by_event = self.lookups.lock();
        if by_event.get(&self.id).is_some_and(|lookups| lookups.next.is_none()) {
            by_event.remove(&self.id);
        }
    }
}
