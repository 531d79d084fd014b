//! The one task of a process that looks for news of everything that is watched.
//!
//! It asks for all watched events in one query. The event log's own wake-ups are in the write database, before the read
//! model has got anything; what readers are told is what the read model shows.

use std::{collections::HashMap, error::Error, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Inner, Update, Watched, news::News};

/// The pause between two looks.
const POLL_PAUSE: Duration = Duration::from_millis(200);

/// Polls until nobody watches anything, or the process stops.
pub(super) async fn run(live: Arc<Inner>) {
    let mut is_failing = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(POLL_PAUSE) => {}
            () = live.shutdown.requested() => return,
        }
        let Some(watched) = live.still_watched() else { return };
        match look(&live, &watched).await {
            Ok(()) => is_failing = false,
            Err(error) => {
                // Said once, not five times a second.
                if !is_failing {
                    tracing::error!(error = &error as &dyn Error, "live streams have no news; trying again");
                }
                is_failing = true;
            }
        }
    }
}

impl Inner {
    /// What somebody still watches; nothing, and polling is over, when nobody watches anything.
    fn still_watched(&self) -> Option<Vec<Arc<Watched>>> {
        let mut all = self.watched();
        all.events.retain(|_, watched| watched.updates.receiver_count() > 0);
        if all.events.is_empty() {
            all.is_polled = false;
            return None;
        }
        Some(all.events.values().cloned().collect())
    }
}

async fn look(live: &Inner, watched: &[Arc<Watched>]) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = watched.iter().map(|watched| watched.id).collect();
    let rows: Vec<(Uuid, i64, DateTime<Utc>)> = sqlx::query_as(
        "select watched.id, coalesce(a.sequence, 0), now()
         from unnest($1::uuid[]) as watched (id)
         left join events_applied a on a.stream_type = 'event' and a.stream_id = watched.id::text",
    )
    .bind(ids)
    .fetch_all(&live.read)
    .await?;
    let places: HashMap<Uuid, (i64, DateTime<Utc>)> =
        rows.into_iter().map(|(id, sequence, now)| (id, (sequence, now))).collect();
    for watched in watched {
        if let Some((sequence, now)) = places.get(&watched.id) {
            tell(live, watched, *sequence, *now).await?;
        }
    }
    Ok(())
}

/// Tells an event's readers what is new, if anything is.
async fn tell(live: &Inner, watched: &Watched, sequence: i64, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let mut seen = watched.seen.lock().await;
    // Nobody has looked first yet; whoever does reads the rows as they are then.
    let Some(before) = seen.as_ref() else { return Ok(()) };
    let is_due = before.next_due.is_some_and(|due| due <= now);
    if sequence == before.position.sequence && !is_due {
        return Ok(());
    }
    let news = News::read(&live.read, watched.id, Some(before.position), Some(&before.ticket_types)).await?;
    let Some(News { text, seen: after }) = news else { return Ok(()) };
    if !text.is_empty() {
        // Nobody listens any more where this fails.
        let _ = watched.updates.send(Update { position: after.position, text });
    }
    *seen = Some(after);
    Ok(())
}
