//! Outbox → event log.

use std::time::Duration;

use event_store::{
    Wakeup,
    event_log::{Claim, Epoch, Head, Numbered, NumberingError},
};
use tokio::time::Instant;

use super::{
    HandOn, IDLE_POLL, LEASE, NUMBER_BATCH, RETRY_PAUSE, Relay,
    metrics::{self, Step},
};
use crate::rest::Rest;

/// The time from one round to the next, at least, while rounds are not full.
const PACE: Duration = Duration::from_millis(5);
/// How often the whole outbox is looked through.
const WHOLE_LOOK: Duration = Duration::from_secs(1);

/// What was claimed ahead. An error is the next round's: what this round has numbered is handed on all the same.
type Ahead = Result<Claim, sqlx::Error>;

impl Relay {
    /// Returns when the lead is lost. What it has numbered it hands on, to be published without being read again.
    pub(super) async fn number(self, epoch: Epoch, hand_on: HandOn) {
        let mut wakeup = Wakeup::on_outbox(self.store.pool().clone());
        let (mut head, mut ahead) = (None, None);
        let mut look = Look::default();
        let mut rest = Rest::with_pace(PACE);
        loop {
            rest.begin_batch();
            match self.number_batch(epoch, head.take(), &mut look, ahead.take()).await {
                Ok((numbered, next)) => {
                    self.is_well();
                    let may_have_more = is_full(numbered.events.len());
                    head = Some(numbered.head);
                    rest.has_events(numbered.events.len());
                    if !numbered.events.is_empty() {
                        metrics::numbered(numbered.events.len());
                        self.log_waker.wake();
                        hand_on.give(numbered.events, numbered.head.global_position);
                    }
                    ahead = next;
                    if !may_have_more {
                        rest.after_batch().await;
                        wakeup.wait(IDLE_POLL).await;
                    }
                }
                Err(NumberingError::NotLeader) => return,
                // What is missing stands before what was looked through.
                Err(error @ NumberingError::Gap { .. }) if look.is_partial => {
                    tracing::debug!(%error, "looking through the whole outbox");
                    look = Look::default();
                }
                Err(error) => {
                    self.cannot_number(Step::Numbering, "cannot number events", &error);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Numbers what was claimed ahead, or claims first; after the head, if it is known from the last round. While a full
    /// batch is numbered, what follows it is claimed; that is good only if this one gets its places. Now and then nothing is
    /// claimed ahead, so that the next round can look through the whole outbox.
    async fn number_batch(
        &self,
        epoch: Epoch,
        head: Option<Head>,
        look: &mut Look,
        ahead: Option<Ahead>,
    ) -> Result<(Numbered, Option<Ahead>), NumberingError> {
        let claim = match ahead {
            Some(claim) => {
                look.is_partial = true;
                claim?
            }
            None => {
                let from = look.begin();
                look.is_partial = from > 0;
                let claim = self.store.claim_outbox(from, NUMBER_BATCH).await?;
                look.found(claim.first_position());
                claim
            }
        };
        let head = match head {
            Some(head) => head,
            None => self.store.head().await?,
        };
        let last = claim.last_position().filter(|_| is_full(claim.len()) && !look.is_due());
        let Some(last) = last else {
            return Ok((self.store.number(epoch, LEASE, head, claim).await?, None));
        };
        let (numbered, next) = tokio::join!(
            self.store.number(epoch, LEASE, head, claim),
            self.store.claim_outbox(last + 1, NUMBER_BATCH)
        );
        Ok((numbered?, Some(next)))
    }
}

fn is_full(events: usize) -> bool {
    events as i64 == NUMBER_BATCH
}

/// From where on the outbox is looked through. Pointers are dead once they are numbered, and whoever begins with the
/// oldest passes over all that PostgreSQL has not cleared away yet. So a round begins where the last look at the whole
/// found the first one, or takes what was claimed ahead, after the batch before. What commits behind that comes late: with
/// the next look at the whole.
#[derive(Default)]
struct Look {
    from: i64,
    /// The last look at the whole; none yet.
    whole: Option<Instant>,
    /// Whether something may stand before what is being numbered: what was claimed ahead, or not from the beginning.
    is_partial: bool,
}

impl Look {
    /// Whether the next look is to be at the whole.
    fn is_due(&self) -> bool {
        self.whole.is_none_or(|whole| whole.elapsed() >= WHOLE_LOOK)
    }

    /// Where this round begins; 0 for a look at the whole.
    fn begin(&mut self) -> i64 {
        if self.is_due() {
            self.from = 0;
            self.whole = None;
        }
        self.from
    }

    /// The first position that was found.
    fn found(&mut self, first: Option<i64>) {
        if self.whole.is_none()
            && let Some(first) = first
        {
            self.from = first;
            self.whole = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_whole_outbox_is_looked_through_until_something_is_found_and_then_now_and_then() {
        let mut look = Look::default();
        for _ in 0..2 {
            assert_eq!(look.begin(), 0);
            look.found(None);
        }
        assert_eq!(look.begin(), 0);
        look.found(Some(70));
        // However many rounds there are, and whatever they find.
        for later in 0..5 {
            assert!(!look.is_due());
            assert_eq!(look.begin(), 70);
            look.found(Some(1_000 + later));
            tokio::time::advance(WHOLE_LOOK / 10).await;
        }
        tokio::time::advance(WHOLE_LOOK / 2).await;
        assert!(look.is_due());
        assert_eq!(look.begin(), 0, "what was committed late comes with the next look at the whole");
        look.found(Some(20));
        assert_eq!(look.begin(), 20);
    }
}
