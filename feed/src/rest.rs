//! Followers rest between batches.
//!
//! What a batch costs does not grow with its events: a follower that takes each event as it comes costs the most when
//! there is the most to do, and those who buy wait for it. So one that is nearly up to date rests for twice as long as its
//! last batch took. When all is quiet that is a few milliseconds; under load batches grow until they are worth their cost.
//! One that is behind does not rest.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long a rest is, in times of its batch: a follower that keeps up works for a third of the time.
const TIMES_THE_BATCH: u32 = 2;
/// Longest rest.
const MAX_REST: Duration = Duration::from_millis(200);

/// Rests of one follower.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// When the batch in hand was given out, unless it was full.
    since: Option<Instant>,
    until: Option<Instant>,
}

impl Rest {
    /// A batch is given out; a full one is not followed by a rest.
    pub(crate) fn begin_batch(&mut self, is_full: bool) {
        self.since = (!is_full).then(Instant::now);
    }

    /// Rests after the last batch, if it was not full. Dropping the future forgets nothing of it.
    pub(crate) async fn after_batch(&mut self) {
        if let Some(since) = self.since.take() {
            let now = Instant::now();
            self.until = Some(now + ((now - since) * TIMES_THE_BATCH).min(MAX_REST));
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

    async fn rested_after(batch: Duration, is_full: bool) -> Duration {
        let mut rest = Rest::default();
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
    async fn a_rest_is_twice_as_long_as_its_batch_up_to_a_limit() {
        let (short, long) = (Duration::from_millis(7), Duration::from_secs(7));
        assert_eq!(rested_after(short, false).await, short * 2);
        assert_eq!(rested_after(long, false).await, MAX_REST);
        assert_eq!(rested_after(long, true).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_that_was_broken_off_goes_on() {
        let mut rest = Rest::default();
        rest.begin_batch(false);
        tokio::time::advance(Duration::from_millis(50)).await;
        let before = Instant::now();
        let broken_off = tokio::time::timeout(Duration::from_millis(20), rest.after_batch()).await;
        assert!(broken_off.is_err());
        rest.after_batch().await;
        assert_eq!(before.elapsed(), Duration::from_millis(100));
    }
}
