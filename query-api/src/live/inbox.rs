//! Live streams of notifications: what somebody is told, pushed to all of their readers.
//!
//! - [`Place`]: how far a reader is in an inbox.
//! - `rows`: what is in an inbox since a place.
//! - `poll`: one task a process looks what is new for everybody who watches.
//! - `reader`: one reader's stream.
//!
//! A notification is in its place by the time of what led to it, and may come in after a younger one. Whoever is there
//! gets it all the same, unless it is more than [`rows::LATENESS`] late; whoever comes back goes on after their place. The
//! list has everything.

mod place;
mod poll;
mod reader;
mod rows;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use contract::Notification;
use platform::{Problem, Shutdown};
use sqlx::PgPool;
use tokio::sync::{Semaphore, broadcast};
use uuid::Uuid;

pub(crate) use place::Place;
pub(crate) use reader::InboxReader;

use super::{Live, take_place};
use crate::failures;

/// Notifications of a person that are kept for readers who are behind; who is further behind reads the rows.
const KEPT_NOTIFICATIONS: usize = 16;

/// The live inboxes of a process; clones share them.
#[derive(Clone)]
pub(crate) struct LiveInboxes(Arc<Inboxes>);

struct Inboxes {
    read: PgPool,
    shutdown: Shutdown,
    room: Arc<Semaphore>,
    watched: Mutex<WatchedInboxes>,
}

#[derive(Default)]
struct WatchedInboxes {
    inboxes: HashMap<Uuid, Arc<WatchedInbox>>,
    is_polled: bool,
}

/// The inbox of somebody who watches it.
struct WatchedInbox {
    person: Uuid,
    news: broadcast::Sender<Arc<Notification>>,
    /// The newest places that have been looked at; nothing until the first reader has looked.
    seen: tokio::sync::Mutex<Option<BTreeSet<Place>>>,
}

impl LiveInboxes {
    /// With the same room as the live streams of events.
    pub(crate) fn beside(live: &Live) -> Self {
        Self(Arc::new(Inboxes {
            read: live.0.read.clone(),
            shutdown: live.0.shutdown.clone(),
            room: Arc::clone(&live.0.room),
            watched: Mutex::default(),
        }))
    }

    /// A stream of what somebody is told: of everything after a place, or, without one, from now on.
    ///
    /// # Errors
    /// 503 `too-many-streams` when there is no room; the database does not answer.
    pub(crate) async fn watch(&self, person: Uuid, after: Option<Place>) -> Result<InboxReader, Problem> {
        let room = take_place(&self.0.room)?;
        let (watched, news) = self.join(person);
        // The look comes after joining and before what was missed is read: nothing falls between them.
        let before = self.0.look_first(&watched).await.map_err(|error| failures::database(&error))?;
        let missed = match after {
            None => vec![],
            Some(after) => {
                rows::after(&self.0.read, person, after).await.map_err(|error| failures::database(&error))?
            }
        };
        let place = after.or(before.last().copied()).unwrap_or(Place::BEGINNING);
        Ok(InboxReader::new(Arc::clone(&self.0), person, news, place, before, &missed, room))
    }

    /// The inbox among those that are polled; polling starts with the first of them.
    fn join(&self, person: Uuid) -> (Arc<WatchedInbox>, broadcast::Receiver<Arc<Notification>>) {
        let mut all = self.0.watched();
        let watched = all.inboxes.entry(person).or_insert_with(|| {
            let (news, _) = broadcast::channel(KEPT_NOTIFICATIONS);
            Arc::new(WatchedInbox { person, news, seen: tokio::sync::Mutex::new(None) })
        });
        let joined = (Arc::clone(watched), watched.news.subscribe());
        if !all.is_polled {
            all.is_polled = true;
            tokio::spawn(poll::run(Arc::clone(&self.0)));
        }
        joined
    }
}

impl Inboxes {
    fn watched(&self) -> MutexGuard<'_, WatchedInboxes> {
        // Nothing that holds it can leave it half changed.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is in an inbox before anything of it is told, unless that was done; the newest places in it.
    async fn look_first(&self, watched: &WatchedInbox) -> Result<BTreeSet<Place>, sqlx::Error> {
        let mut seen = watched.seen.lock().await;
        if seen.is_none() {
            let newest = rows::newest(&self.read, watched.person).await?;
            *seen = Some(newest.into_iter().collect());
        }
        Ok(seen.clone().unwrap_or_default())
    }
}
