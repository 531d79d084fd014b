//! The event log as a source: read once for all who share it, each from a place of its own.
//!
//! The newest part of the log is kept in memory. Who comes to its end reads on, for all of them; who is further behind than
//! it goes back reads for himself until he has caught up. So nobody waits for a slower one.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use event_store::{
    EventStore, Wakeup,
    event_log::{LogPage, LoggedEvent},
};
use tokio::time::Instant;

use crate::source::MAX_BATCH;

/// How long to wait without a notification before looking all the same.
const POLL: Duration = Duration::from_millis(500);
/// Most events that are kept.
const MAX_KEPT: usize = 4 * MAX_BATCH;
/// What was read so recently is taken as it is; otherwise the log is read on before it is given out.
const FRESH: Duration = Duration::from_millis(10);

/// The event log, for any number of followers. Cheap to clone.
#[derive(Clone)]
pub struct SharedLog(Arc<Shared>);

struct Shared {
    store: EventStore,
    newest: Mutex<Newest>,
    /// Who has it reads on, or waits until there is something.
    reader: tokio::sync::Mutex<Wakeup>,
}

/// The newest part of the log that was read: all events after one place up to another.
#[derive(Default)]
struct Newest {
    after: i64,
    events: VecDeque<LoggedEvent>,
    read_at: Option<Instant>,
}

/// What is known of the events after a place.
enum Known {
    /// These come next, read just now or a while ago.
    Page { page: LogPage, is_fresh: bool },
    /// They are older than what is kept.
    Before,
    /// Nothing.
    Nothing,
}

impl SharedLog {
    /// Nothing is read before somebody asks.
    #[must_use]
    pub fn new(store: EventStore) -> Self {
        let reader = tokio::sync::Mutex::new(Wakeup::on_event_log(store.pool().clone()));
        Self(Arc::new(Shared { store, newest: Mutex::default(), reader }))
    }

    /// The next events of some types after a place, a full batch at the most; waits until the log goes on. Dropping the
    /// future loses nothing.
    pub(crate) async fn next(&self, after: i64, stream_types: &[&str]) -> Result<LogPage, sqlx::Error> {
        let Shared { store, reader, .. } = &*self.0;
        loop {
            let known = self.newest().look(after, stream_types);
            let mut reader = match known {
                Known::Page { page, is_fresh: true } => return Ok(page),
                Known::Page { page, is_fresh: false } => match reader.try_lock() {
                    Ok(reader) => reader,
                    // Somebody reads on, or waits because there is no more.
                    Err(_) => return Ok(page),
                },
                Known::Before => return store.read_log(after, MAX_BATCH as i64, stream_types).await,
                Known::Nothing => reader.lock().await,
            };
            // Others may have read it while this one waited.
            if matches!(self.newest().look(after, &[]), Known::Page { is_fresh: true, .. } | Known::Before) {
                continue;
            }
            let from = self.newest().up_to().max(after);
            let page = store.read_log(from, MAX_BATCH as i64, &[]).await?;
            // A place beyond the end, after the database was restored from a copy: the others are not there.
            if page.up_to > from || from == self.newest().up_to() {
                self.newest().keep(from, page.events);
            }
            if page.up_to == after {
                reader.wait(POLL).await;
            }
        }
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        // Each change of it is done or not.
        self.0.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Newest {
    fn up_to(&self) -> i64 {
        self.after + self.events.len() as i64
    }

    fn look(&self, after: i64, stream_types: &[&str]) -> Known {
        if after >= self.up_to() {
            return Known::Nothing;
        }
        // The log is dense.
        let Ok(passed) = usize::try_from(after - self.after) else { return Known::Before };
        let next = self.events.range(passed..self.events.len().min(passed + MAX_BATCH));
        let up_to = after + next.len() as i64;
        let wanted = next.filter(|logged| stream_types.contains(&logged.event.stream.kind.as_str()));
        let page = LogPage { events: wanted.cloned().collect(), up_to };
        Known::Page { page, is_fresh: self.read_at.is_some_and(|read_at| read_at.elapsed() < FRESH) }
    }

    /// The events that come after a place; those before them are kept if they end there.
    fn keep(&mut self, from: i64, events: Vec<LoggedEvent>) {
        if from != self.up_to() {
            self.events.clear();
            self.after = from;
        }
        self.events.extend(events);
        let too_many = self.events.len().saturating_sub(MAX_KEPT);
        self.events.drain(..too_many);
        self.after += too_many as i64;
        self.read_at = Some(Instant::now());
    }
}

impl fmt::Debug for SharedLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLog").field("up_to", &self.newest().up_to()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use chrono::DateTime;
    use event_store::{StoredEvent, StreamId};
    use uuid::Uuid;

    use super::*;

    fn events(positions: RangeInclusive<i64>) -> Vec<LoggedEvent> {
        let event = |position: i64| StoredEvent {
            stream: StreamId::new(if position % 2 == 0 { "even" } else { "odd" }, position),
            sequence: 1,
            event_id: Uuid::nil(),
            event_type: String::new(),
            event_version: String::new(),
            payload: String::new(),
            metadata: String::new(),
            recorded_at: DateTime::UNIX_EPOCH,
        };
        positions.map(|position| LoggedEvent { global_position: position, event: event(position) }).collect()
    }

    /// First and last place of the events, and the place that was looked up to.
    fn page(newest: &Newest, after: i64) -> Option<(i64, i64, i64)> {
        match newest.look(after, &["odd", "even"]) {
            Known::Page { page, .. } => {
                let places: Vec<i64> = page.events.iter().map(|logged| logged.global_position).collect();
                assert!(places.windows(2).all(|pair| pair[1] == pair[0] + 1), "{places:?}");
                Some((*places.first()?, *places.last()?, page.up_to))
            }
            Known::Before | Known::Nothing => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_gets_what_comes_after_his_place() {
        let mut newest = Newest::default();
        assert!(matches!(newest.look(0, &["odd"]), Known::Nothing));
        newest.keep(10, events(11..=20));
        assert!(matches!(newest.look(9, &["odd"]), Known::Before));
        assert_eq!(page(&newest, 10), Some((11, 20, 20)));
        assert_eq!(page(&newest, 15), Some((16, 20, 20)));
        assert!(matches!(newest.look(20, &["odd"]), Known::Nothing));
        newest.keep(20, events(21..=22));
        assert_eq!(page(&newest, 15), Some((16, 22, 22)));
        let Known::Page { page, is_fresh: true } = newest.look(15, &["odd"]) else { panic!("just read") };
        let places: Vec<i64> = page.events.iter().map(|logged| logged.global_position).collect();
        assert_eq!((places, page.up_to), (vec![17, 19, 21], 22));
        tokio::time::advance(FRESH).await;
        assert!(matches!(newest.look(15, &["odd"]), Known::Page { is_fresh: false, .. }));
    }

    #[test]
    fn who_is_ahead_of_what_is_kept_begins_anew() {
        let mut newest = Newest::default();
        newest.keep(0, events(1..=5));
        newest.keep(100, events(101..=102));
        assert!(matches!(newest.look(4, &["odd"]), Known::Before));
        assert_eq!(page(&newest, 100), Some((101, 102, 102)));
    }

    #[test]
    fn no_more_is_kept_or_given_out_at_once_than_there_may_be() {
        let mut newest = Newest::default();
        let (kept, batch) = (MAX_KEPT as i64, MAX_BATCH as i64);
        newest.keep(0, events(1..=kept + 7));
        assert_eq!(newest.events.len(), MAX_KEPT);
        assert!(matches!(newest.look(6, &["odd"]), Known::Before));
        assert_eq!(page(&newest, 7), Some((8, 7 + batch, 7 + batch)));
    }
}
