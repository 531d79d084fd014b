//! Followers rest between batches.
//!
//! What a batch costs hardly grows with its events: a follower that takes each event as it comes costs the most when there
//! is the most to do, and those who buy wait for it. So one that is nearly up to date takes a batch at most so often. And
//! it rests after a large batch for as long as that took, after a smaller one for less: while little comes, little is
//! lost by taking it soon; where much comes, batches grow until they are worth their cost. One that is behind does not
//! rest.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Longest rest after a batch, if it is the batch's length that it comes from.
const MAX_REST: Duration = Duration::from_millis(200);
/// Events of a batch that is rested from for as long as it took.
const LARGE_BATCH: usize = 250;

/// Rests of one follower.
#[derive(Debug)]
pub(crate) struct Rest {
    /// The time from one batch to the next, at least.
    pace: Duration,
    /// That is to be rested from.
    batch: Option<Batch>,
    until: Option<Instant>,
}

#[derive(Debug)]
struct Batch {
    since: Instant,
    events: usize,
}

impl Rest {
    pub(crate) const fn with_pace(pace: Duration) -> Self {
        Self { pace, batch: None, until: None }
    }

    /// Work on a batch begins.
    pub(crate) fn begin_batch(&mut self) {
        self.batch = Some(Batch { since: Instant::now(), events: 0 });
    }

    /// The batch in hand has so many events.
    pub(crate) fn has_events(&mut self, events: usize) {
        if let Some(batch) = &mut self.batch {
            batch.events = events;
        }
    }

    /// The batch in hand is full: more is waiting, so that it is not followed by a rest.
    pub(crate) fn is_behind(&mut self) {
        self.batch = None;
    }

    /// Rests after the last batch. Dropping the future forgets nothing of it.
    pub(crate) async fn after_batch(&mut self) {
        if let Some(Batch { since, events }) = self.batch.take() {
            let now = Instant::now();
            let took = (now - since).min(MAX_REST);
            let rest = took.mul_f64(events.min(LARGE_BATCH) as f64 / LARGE_BATCH as f64);
            self.until = Some((now + rest).max(since + self.pace));
        }
        if let Some(until) = self.until {
            sleep_until(until).await;
            self.until = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Duration = Duration::from_millis(20);

    async fn rested_after(took: Duration, events: usize, is_full: bool) -> Duration {
        let mut rest = Rest::with_pace(PACE);
        rest.begin_batch();
        rest.has_events(events);
        if is_full {
            rest.is_behind();
        }
        tokio::time::advance(took).await;
        let before = Instant::now();
        rest.after_batch().await;
        let rested = before.elapsed();
        rest.after_batch().await;
        assert_eq!(before.elapsed(), rested, "once");
        rested
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_keeps_the_pace_and_is_as_long_as_its_batch_up_to_a_limit() {
        let [short, long, very_long] = [7, 50, 7_000].map(Duration::from_millis);
        assert_eq!(rested_after(short, LARGE_BATCH, false).await, PACE - short);
        assert_eq!(rested_after(long, LARGE_BATCH, false).await, long);
        assert_eq!(rested_after(long, 10 * LARGE_BATCH, false).await, long);
        assert_eq!(rested_after(very_long, LARGE_BATCH, false).await, MAX_REST);
        assert_eq!(rested_after(short, LARGE_BATCH, true).await, Duration::ZERO);
        assert_eq!(rested_after(very_long, LARGE_BATCH, true).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_is_the_shorter_the_fewer_events_the_batch_had() {
        let took = Duration::from_millis(50);
        assert_eq!(rested_after(took, LARGE_BATCH / 2, false).await, took / 2);
        assert_eq!(rested_after(took, 0, false).await, Duration::ZERO);
        assert_eq!(rested_after(PACE / 4, 0, false).await, PACE * 3 / 4, "but the pace is kept");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_that_was_broken_off_goes_on() {
        let mut rest = Rest::with_pace(PACE);
        rest.begin_batch();
        rest.has_events(LARGE_BATCH);
        tokio::time::advance(Duration::from_millis(50)).await;
        let before = Instant::now();
        let broken_off = tokio::time::timeout(Duration::from_millis(20), rest.after_batch()).await;
        assert!(broken_off.is_err());
        rest.after_batch().await;
        assert_eq!(before.elapsed(), Duration::from_millis(50));
    }
}
