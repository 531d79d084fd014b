//! One reader's stream of an inbox.
//!
//! Nothing is buffered for a reader: the connection asks for the next piece when it has sent the one before.

use std::{
    collections::{BTreeSet, HashSet},
    error::Error,
    sync::Arc,
};

use axum::body::Bytes;
use contract::Notification;
use tokio::sync::{OwnedSemaphorePermit, broadcast, broadcast::error::RecvError};
use uuid::Uuid;

use super::{
    super::stream::{HEARTBEAT, HEARTBEAT_PAUSE, RETRY},
    Inboxes, Place,
    rows::{self, LATENESS},
};

/// A reader of somebody's inbox.
pub(crate) struct InboxReader {
    inboxes: Arc<Inboxes>,
    person: Uuid,
    news: broadcast::Receiver<Arc<Notification>>,
    /// The youngest that was told.
    place: Place,
    /// What was read from the rows, and may come as news, too.
    read: HashSet<Uuid>,
    /// What was told, or there before, as far back as anything comes late.
    told: BTreeSet<Place>,
    /// What is said first.
    opening: Option<Bytes>,
    /// The reader's place among those for whom there is room.
    _room: OwnedSemaphorePermit,
}

impl InboxReader {
    pub(super) fn new(
        inboxes: Arc<Inboxes>,
        person: Uuid,
        news: broadcast::Receiver<Arc<Notification>>,
        place: Place,
        before: BTreeSet<Place>,
        missed: &[Notification],
        room: OwnedSemaphorePermit,
    ) -> Self {
        let mut reader = Self {
            inboxes,
            person,
            news,
            place,
            read: HashSet::new(),
            told: before,
            opening: None,
            _room: room,
        };
        // An id without a message: who loses the connection before the first one goes on from here.
        let opening = format!("{RETRY}id: {place}\n\n{}", reader.say_rows(missed));
        reader.opening = Some(opening.into());
        reader
    }

    /// The next piece of the stream; nothing when the process stops, or has no news to give. The client then connects
    /// again, and goes on where it was.
    pub(crate) async fn next(mut self) -> Option<(Bytes, Self)> {
        if let Some(opening) = self.opening.take() {
            return Some((opening, self));
        }
        let shutdown = self.inboxes.shutdown.clone();
        loop {
            let received = tokio::select! {
                () = shutdown.requested() => return None,
                () = tokio::time::sleep(HEARTBEAT_PAUSE) => return Some((HEARTBEAT, self)),
                received = self.news.recv() => received,
            };
            match received {
                Ok(notification)
                    if self.read.remove(&notification.id)
                        || self.told.contains(&Place::of(&notification)) => {}
                Ok(notification) => {
                    let text = self.say(&[Notification::clone(&notification)]);
                    return Some((text.into(), self));
                }
                Err(RecvError::Lagged(_)) => {
                    let missed = self.read_on().await?;
                    if !missed.is_empty() {
                        return Some((missed.into(), self));
                    }
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Everything that may have come meanwhile and was not told, at once, instead of what was missed.
    async fn read_on(&mut self) -> Option<String> {
        self.news = self.news.resubscribe();
        match rows::after(&self.inboxes.read, self.person, self.place.earlier_by(LATENESS)).await {
            Ok(mut missed) => {
                missed.retain(|notification| !self.told.contains(&Place::of(notification)));
                Some(self.say_rows(&missed))
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "a live inbox cannot go on");
                None
            }
        }
    }

    fn say_rows(&mut self, missed: &[Notification]) -> String {
        self.read = missed.iter().map(|notification| notification.id).collect();
        self.say(missed)
    }

    fn say(&mut self, notifications: &[Notification]) -> String {
        let mut text = String::new();
        for notification in notifications {
            let place = Place::of(notification);
            self.place = self.place.max(place);
            self.told.insert(place);
            text.push_str(&message(self.place, notification));
        }
        self.told = self.told.split_off(&self.place.earlier_by(LATENESS));
        text
    }
}

/// JSON has no line breaks outside of its strings, and none unescaped inside.
fn message(place: Place, notification: &Notification) -> String {
    let json = serde_json::to_string(notification).expect("shapes of the contract are plain data");
    format!("id: {place}\nevent: notification\ndata: {json}\n\n")
}
