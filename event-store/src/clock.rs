//! The database's time, as this process last heard it. Every stream that is read brings it along.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound, Utc};

use crate::EventStore;

/// So long the database's time is taken further by this process's clock, which counts but is never asked for the time.
const RECENT: Duration = Duration::from_secs(1);

/// What was heard, and when: of all that was heard lately, what leads to the latest time. It is never ahead of the database,
/// and behind it by as long as the answer took.
#[derive(Debug, Default)]
pub(crate) struct DatabaseClock(Mutex<Option<(DateTime<Utc>, Instant)>>);

impl DatabaseClock {
    pub(crate) fn says(&self, now: DateTime<Utc>) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = Instant::now();
        if counted(*heard, at).is_none_or(|counted| now >= counted) {
            *heard = Some((now, at));
        }
    }

    fn recent(&self) -> Option<DateTime<Utc>> {
        let heard = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The database counts microseconds.
        Some(counted(heard, Instant::now())?.trunc_subsecs(6))
    }
}

/// What was said, counted on; nothing if it was said too long ago.
fn counted(heard: Option<(DateTime<Utc>, Instant)>, now: Instant) -> Option<DateTime<Utc>> {
    let (said, at) = heard?;
    let since = now.saturating_duration_since(at);
    (since < RECENT).then(|| said + since)
}

impl EventStore {
    /// The database's time, if a stream was read a moment ago; [`now`](Self::now) asks for it. It may be behind by as long as
    /// that reading took, so never tell from it alone that something is not due yet.
    #[must_use]
    pub fn recent_time(&self) -> Option<DateTime<Utc>> {
        self.clock.recent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_on_from_what_was_heard_and_not_for_long() {
        let clock = DatabaseClock::default();
        assert_eq!(clock.recent(), None);
        let said = DateTime::UNIX_EPOCH;
        let ago = |ago| *clock.0.lock().unwrap() = Some((said, Instant::now().checked_sub(ago).unwrap()));
        ago(RECENT / 2);
        let counted = clock.recent().unwrap() - said;
        assert!(counted.to_std().unwrap() >= RECENT / 2, "{counted}");
        assert_eq!(counted.num_nanoseconds().unwrap() % 1_000, 0);
        ago(RECENT);
        assert_eq!(clock.recent(), None);
        clock.says(said);
        assert!(clock.recent().is_some_and(|now| now >= said));
        let late = said - RECENT;
        clock.says(late);
        assert!(clock.recent().is_some_and(|now| now >= said), "an answer that comes late sets nothing back");
    }
}
