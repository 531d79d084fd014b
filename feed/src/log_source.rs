//! The event log as a source: a plain cursor over a dense order.

use std::time::Duration;

use event_store::{EventStore, Wakeup};

use crate::source::{Batch, MAX_BATCH};

/// How long to wait without a notification before looking all the same.
const POLL: Duration = Duration::from_millis(500);

/// Follows the event log.
#[derive(Debug)]
pub struct LogSource {
    store: EventStore,
    stream_types: &'static [&'static str],
    wakeup: Wakeup,
    cursor: i64,
}

impl LogSource {
    /// From a checkpoint on.
    #[must_use]
    pub fn new(store: EventStore, stream_types: &'static [&'static str], checkpoint: i64) -> Self {
        let wakeup = Wakeup::on_event_log(store.pool().clone());
        Self { store, stream_types, wakeup, cursor: checkpoint }
    }

    pub(crate) async fn next(&mut self) -> Result<Batch, sqlx::Error> {
        loop {
            if let Some(batch) = self.read().await? {
                return Ok(batch);
            }
            self.wakeup.wait(POLL).await;
        }
    }

    /// What there is now; nothing at the end of the log.
    ///
    /// # Errors
    /// The event log cannot be read.
    pub async fn read(&mut self) -> Result<Option<Batch>, sqlx::Error> {
        let page = self.store.read_log(self.cursor, MAX_BATCH as i64, self.stream_types).await?;
        if page.up_to == self.cursor {
            return Ok(None);
        }
        self.cursor = page.up_to;
        Ok(Some(Batch { events: page.events, checkpoint: Some(page.up_to) }))
    }
}
