//! Outbox → event log.

use event_store::{
    Wakeup,
    event_log::{Claim, Epoch, Numbered, NumberingError},
};

use super::{
    HandOn, IDLE_POLL, LEASE, NUMBER_BATCH, RETRY_PAUSE, Relay,
    metrics::{self, Step},
};
use crate::rest::Rest;

/// What was claimed ahead. An error is the next round's: what this round has numbered is handed on all the same.
type Ahead = Result<Claim, sqlx::Error>;

impl Relay {
    /// Returns when the lead is lost. What it has numbered it hands on, to be published without being read again.
    pub(super) async fn number(self, epoch: Epoch, hand_on: HandOn) {
        let mut wakeup = Wakeup::on_outbox(self.store.pool().clone());
        let mut ahead = None;
        let mut rest = Rest::default();
        loop {
            rest.begin_batch(false);
            match self.number_batch(epoch, ahead.take()).await {
                Ok((numbered, next)) => {
                    self.is_well();
                    if !numbered.events.is_empty() {
                        metrics::numbered(numbered.events.len());
                        self.log_waker.wake();
                        hand_on.give(numbered.events, numbered.head.global_position);
                    }
                    ahead = next;
                    if ahead.is_none() {
                        rest.after_batch().await;
                        wakeup.wait(IDLE_POLL).await;
                    }
                }
                Err(NumberingError::NotLeader) => return,
                Err(error) => {
                    self.cannot_number(Step::Numbering, "cannot number events", &error);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Numbers what was claimed ahead, or claims first. While a full batch is numbered, the next one is claimed; it is
    /// good only if this one gets its places.
    async fn number_batch(
        &self,
        epoch: Epoch,
        ahead: Option<Ahead>,
    ) -> Result<(Numbered, Option<Ahead>), NumberingError> {
        let claim = match ahead {
            Some(claim) => claim?,
            None => self.store.claim_outbox(NUMBER_BATCH, &[]).await?,
        };
        let positions = claim.positions();
        if (positions.len() as i64) < NUMBER_BATCH {
            return Ok((self.store.number(epoch, LEASE, claim).await?, None));
        }
        let (numbered, next) = tokio::join!(
            self.store.number(epoch, LEASE, claim),
            self.store.claim_outbox(NUMBER_BATCH, &positions)
        );
        Ok((numbered?, Some(next)))
    }
}
