//! The one task of a process that looks what is new in all inboxes that are watched.

use std::{
    collections::{BTreeSet, HashMap},
    error::Error,
    sync::Arc,
    time::Duration,
};

use uuid::Uuid;

use super::{
    Inboxes, Place, WatchedInbox,
    rows::{self, LATENESS},
};

/// The pause between two looks.
const POLL_PAUSE: Duration = Duration::from_millis(250);

/// Polls until nobody watches anything, or the process stops.
pub(super) async fn run(inboxes: Arc<Inboxes>) {
    let mut is_failing = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(POLL_PAUSE) => {}
            () = inboxes.shutdown.requested() => return,
        }
        let Some(watched) = inboxes.still_watched() else { return };
        match look(&inboxes, &watched).await {
            Ok(()) => is_failing = false,
            Err(error) => {
                // Said once, not four times a second.
                if !is_failing {
                    tracing::error!(error = &error as &dyn Error, "live inboxes have no news; trying again");
                }
                is_failing = true;
            }
        }
    }
}

impl Inboxes {
    /// What somebody still watches; nothing, and polling is over, when nobody watches anything.
    fn still_watched(&self) -> Option<HashMap<Uuid, Arc<WatchedInbox>>> {
        let mut all = self.watched();
        all.inboxes.retain(|_, watched| watched.news.receiver_count() > 0);
        if all.inboxes.is_empty() {
            all.is_polled = false;
            return None;
        }
        Some(all.inboxes.clone())
    }
}

/// Tells what came in since the last look.
async fn look(inboxes: &Inboxes, watched: &HashMap<Uuid, Arc<WatchedInbox>>) -> Result<(), sqlx::Error> {
    let mut people = Vec::new();
    for inbox in watched.values() {
        // Nobody has looked first yet; whoever does reads the rows as they are then.
        if let Some(seen) = inbox.seen.lock().await.as_ref() {
            let newest = seen.last().copied().unwrap_or(Place::BEGINNING);
            people.push((inbox.person, newest.created_at - LATENESS));
        }
    }
    let mut places: HashMap<Uuid, BTreeSet<Place>> = HashMap::new();
    for (person, place) in rows::newest_since(&inboxes.read, &people).await? {
        places.entry(person).or_default().insert(place);
    }
    let mut new = Vec::new();
    for (person, places) in &places {
        if let Some(seen) = watched[person].seen.lock().await.as_ref() {
            new.extend(places.difference(seen).map(|place| place.id));
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    for (person, notification) in rows::named(&inboxes.read, new).await? {
        // Nobody listens any more where this fails.
        let _ = watched[&person].news.send(Arc::new(notification));
    }
    for (person, places) in places {
        if let Some(seen) = watched[&person].seen.lock().await.as_mut() {
            seen.extend(places);
            let newest = seen.last().copied().unwrap_or(Place::BEGINNING);
            // What is older is not asked for any more.
            seen.retain(|place| place.created_at > newest.created_at - LATENESS);
        }
    }
    Ok(())
}
