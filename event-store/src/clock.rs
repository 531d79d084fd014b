//! The database's time, as this process last heard it. Every stream that is read brings it along.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound, Utc};

use crate::EventStore;

/// So long the database's time is taken further by this process's clock, which counts but is never asked for the time.
const RECENT: Duration = Duration::from_secs(1);

/// What was heard last, and when.
#[derive(Debug, Default)]
pub(crate) struct DatabaseClock(Mutex<Option<(DateTime<Utc>, Instant)>>);

impl DatabaseClock {
    pub(crate) fn says(&self, now: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Instant::now()));
    }

    fn recent(&self) -> Option<DateTime<Utc>> {
        let heard = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (said, at) = heard.filter(|(_, at)| at.elapsed() < RECENT)?;
        // The database counts microseconds.
        Some((said + at.elapsed()).trunc_subsecs(6))
    }
}

impl EventStore {
    /// The database's time, if a stream was read a moment ago; [`now`](Self::now) asks for it. One may be a little before
    /// another that was given earlier.
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
    }
}
