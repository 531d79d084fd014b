//! Outbox → event log.

use event_store::{
    Wakeup,
    event_log::{Epoch, NumberingError},
};

use super::{
    HandOn, IDLE_POLL, LEASE, NUMBER_BATCH, RETRY_PAUSE, Relay,
    metrics::{self, Step},
};

impl Relay {
    /// Returns when the lead is lost. What it has numbered it hands on, to be published without being read again.
    pub(super) async fn number(self, epoch: Epoch, hand_on: HandOn) {
        let mut wakeup = Wakeup::on_outbox(self.store.pool().clone());
        loop {
            match self.store.number_outbox(epoch, LEASE, NUMBER_BATCH).await {
                Ok(numbered) => {
                    self.is_well();
                    let is_full = numbered.events.len() as i64 == NUMBER_BATCH;
                    if !numbered.events.is_empty() {
                        metrics::numbered(numbered.events.len());
                        self.log_waker.wake();
                        hand_on.give(numbered.events, numbered.head.global_position);
                    }
                    if !is_full {
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
}
