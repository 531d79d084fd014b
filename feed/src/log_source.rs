//! The event log page by page: a plain cursor over a dense order.

use event_store::{EventStore, event_log::LogPage};
use tokio_util::task::AbortOnDropHandle;

use crate::source::{Batch, MAX_BATCH};

/// Places of the event log that a rebuild reads at once. Its cost is by the batch, and nobody waits for an event.
const REBUILD_BATCH: usize = 5_000;

type Ahead = AbortOnDropHandle<Result<LogPage, sqlx::Error>>;

/// Reads the event log up to its end.
#[derive(Debug)]
pub struct LogSource {
    store: EventStore,
    stream_types: &'static [&'static str],
    cursor: i64,
    max_batch: usize,
    /// The next page, if pages are read ahead and one is under way.
    ahead: Option<Ahead>,
    reads_ahead: bool,
}

impl LogSource {
    /// From a checkpoint on.
    #[must_use]
    pub fn new(store: EventStore, stream_types: &'static [&'static str], checkpoint: i64) -> Self {
        let (max_batch, ahead, reads_ahead) = (MAX_BATCH, None, false);
        Self { store, stream_types, cursor: checkpoint, max_batch, ahead, reads_ahead }
    }

    /// The same for a rebuild: large batches, and the next one is read while one is dealt with.
    #[must_use]
    pub fn for_rebuild(store: EventStore, stream_types: &'static [&'static str], checkpoint: i64) -> Self {
        let source = Self::new(store, stream_types, checkpoint);
        Self { max_batch: REBUILD_BATCH, reads_ahead: true, ..source }
    }

    /// What there is now; nothing at the end of the log.
    ///
    /// # Errors
    /// The event log cannot be read.
    pub async fn read(&mut self) -> Result<Option<Batch>, sqlx::Error> {
        let page = match &mut self.ahead {
            None => self.store.read_log(self.cursor, self.max_batch as i64, self.stream_types).await?,
            Some(ahead) => {
                let page = ahead.await.expect("reading does not panic, and is not aborted before this is");
                self.ahead = None;
                page?
            }
        };
        if page.up_to == self.cursor {
            return Ok(None);
        }
        self.cursor = page.up_to;
        if self.reads_ahead {
            let (store, types) = (self.store.clone(), self.stream_types);
            let (after, limit) = (self.cursor, self.max_batch as i64);
            let page = tokio::spawn(async move { store.read_log(after, limit, types).await });
            self.ahead = Some(AbortOnDropHandle::new(page));
        }
        Ok(Some(Batch { events: page.events, checkpoint: Some(page.up_to), must_last: false }))
    }
}
