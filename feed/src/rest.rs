//! Followers rest between batches.
//!
//! What a batch costs does not grow with its events: a follower that takes each event as it comes costs the most when
//! there is the most to do, and those who buy wait for it. So one that is nearly up to date takes a batch at most so
//! often, and rests for as long as its last batch took: under load batches grow until they are worth their cost.
//! One that is behind does not rest.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Longest rest after a batch, if it is the batch's length that it comes from.
const MAX_REST: Duration = Duration::from_millis(200);

/// Rests of one follower.
#[derive(Debug)]
pub(crate) struct Rest {
    /// The time from one batch to the next, at least.
    pace: Duration,
    /// When the batch in hand was given out, unless it was full.
    since: Option<Instant>,
    until: Option<Instant>,
}

impl Rest {
    pub(crate) const fn with_pace(pace: Duration) -> Self {
        Self { pace, since: None, until: None }
    }

    /// A batch is given out; a full one is not followed by a rest.
    pub(crate) fn begin_batch(&mut self, is_full: bool) {
        self.since = (!is_full).then(Instant::now);
    }

    /// Rests after the last batch, if it was not full. Dropping the future forgets nothing of it.
    pub(crate) async fn after_batch(&mut self) {
        if let Some(since) = self.since.take() {
            let now = Instant::now();
            let as_long_as_the_batch = now + (now - since).min(MAX_REST);
            self.until = Some(as_long_as_the_batch.max(since + self.pace));
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

    async fn rested_after(batch: Duration, is_full: bool) -> Duration {
        let mut rest = Rest::with_pace(PACE);
        rest.begin_batch(is_full);
        tokio::time::advance(batch).await;
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
        assert_eq!(rested_after(short, false).await, PACE - short);
        assert_eq!(rested_after(long, false).await, long);
        assert_eq!(rested_after(very_long, false).await, MAX_REST);
        assert_eq!(rested_after(short, true).await, Duration::ZERO);
        assert_eq!(rested_after(very_long, true).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_that_was_broken_off_goes_on() {
        let mut rest = Rest::with_pace(PACE);
        rest.begin_batch(false);
        tokio::time::advance(Duration::from_millis(50)).await;
        let before = Instant::now();
        let broken_off = tokio::time::timeout(Duration::from_millis(20), rest.after_batch()).await;
        assert!(broken_off.is_err());
        rest.after_batch().await;
        assert_eq!(before.elapsed(), Duration::from_millis(50));
    }
}
