//! Live streams of events: availability, seats, and what its host does, pushed to everybody who watches. Those of
//! notifications are in `inbox`.
//!
//! - [`Position`]: how far a reader is, which is the `id:` of a message and what `Last-Event-ID` brings back.
//! - `news`: what an event's readers have not seen since a position, as text of SSE.
//! - `poll`: one task a process looks which of the watched events have moved and tells their readers.
//! - `reader`: one reader's stream.
//! - `stream`: what all live streams are in HTTP.
//!
//! The rows alone decide what is told, so any process goes on where another one left off. A reader's message is made
//! once an event and process, whoever reads it; all seats of a hall, which are many, while they are sent. Who is too slow for
//! the last few of them is not waited for: what was missed is read anew, all at once, when they are ready for it.
//!
//! Architecture invariant: nothing here knows who may read an event; that is settled before.

pub(crate) mod inbox;
mod news;
mod poll;
mod position;
mod reader;
mod stream;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use contract::TicketType;
use platform::{Problem, Shutdown};
use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use uuid::Uuid;

pub(crate) use position::Position;
pub(crate) use reader::Reader;
pub(crate) use stream::{answer, last_place};

use crate::failures;
use news::{News, Text};

/// Most readers of live streams in a process.
pub(crate) const MAX_READERS: usize = 2_000;
/// Messages of an event that are kept for readers who are behind; who is further behind reads the rows.
const KEPT_UPDATES: usize = 16;
/// What a client who finds no room should wait.
const RETRY_AFTER_SECONDS: u32 = 5;

/// The live streams of a process; clones share them.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    read: PgPool,
    shutdown: Shutdown,
    room: Arc<Semaphore>,
    watched: Mutex<WatchedEvents>,
}

#[derive(Default)]
struct WatchedEvents {
    events: HashMap<Uuid, Arc<Watched>>,
    is_polled: bool,
}

/// An event that somebody watches.
struct Watched {
    id: Uuid,
    updates: broadcast::Sender<Update>,
    /// Nothing until the first reader has looked.
    seen: tokio::sync::Mutex<Option<Seen>>,
}

/// What an event's readers have been told so far.
struct Seen {
    position: Position,
    ticket_types: Vec<TicketType>,
    /// When the time alone brings news.
    next_due: Option<DateTime<Utc>>,
}

/// What all readers of an event are told.
#[derive(Debug, Clone)]
struct Update {
    position: Position,
    text: Text,
}

impl Live {
    pub(crate) fn new(read: PgPool, shutdown: Shutdown, max_readers: usize) -> Self {
        Self(Arc::new(Inner {
            read,
            shutdown,
            room: Arc::new(Semaphore::new(max_readers)),
            watched: Mutex::default(),
        }))
    }

    /// Another one, for so many readers.
    pub(crate) fn for_readers(&self, max_readers: usize) -> Self {
        Self::new(self.0.read.clone(), self.0.shutdown.clone(), max_readers)
    }

    /// A stream of an event's news: of everything after a position, or, without one, of what is available now and
    /// then of all changes.
    ///
    /// # Errors
    /// 503 `too-many-streams` when there is no room, 404 when there is no such event; the database does not answer.
    pub(crate) async fn watch(&self, id: Uuid, after: Option<Position>) -> Result<Reader, Problem> {
        let place = take_place(&self.0.room)?;
        let (watched, updates) = self.join(id);
        let is_known = self.0.look_first(&watched).await.map_err(|error| failures::database(&error))?;
        // Read after the first look and after joining, so that between this and the next update nothing is missed.
        let opening =
            News::read(&self.0.read, id, after, None).await.map_err(|error| failures::database(&error))?;
        let opening = opening.filter(|_| is_known).ok_or_else(Problem::not_found)?;
        Ok(Reader::new(Arc::clone(&self.0), id, updates, opening, place))
    }

    /// The event among those that are polled; polling starts with the first of them.
    fn join(&self, id: Uuid) -> (Arc<Watched>, broadcast::Receiver<Update>) {
        let mut all = self.0.watched();
        let watched = all.events.entry(id).or_insert_with(|| {
            let (updates, _) = broadcast::channel(KEPT_UPDATES);
            Arc::new(Watched { id, updates, seen: tokio::sync::Mutex::new(None) })
        });
        let joined = (Arc::clone(watched), watched.updates.subscribe());
        if !all.is_polled {
            all.is_polled = true;
            tokio::spawn(poll::run(Arc::clone(&self.0)));
        }
        joined
    }
}

/// A place among the readers of all live streams.
fn take_place(room: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(room).try_acquire_owned().map_err(|_| {
        let detail = "Too many are watching. Please try again, or ask without a stream.";
        Problem::unavailable("too-many-streams", detail, RETRY_AFTER_SECONDS)
    })
}

impl Inner {
    fn watched(&self) -> MutexGuard<'_, WatchedEvents> {
        // Nothing that holds it can leave it half changed.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes where an event is before its first update, unless that was done; whether there is such an event.
    async fn look_first(&self, watched: &Watched) -> Result<bool, sqlx::Error> {
        let mut seen = watched.seen.lock().await;
        if seen.is_none() {
            *seen = News::read(&self.read, watched.id, None, None).await?.map(|news| news.seen);
        }
        Ok(seen.is_some())
    }
}
