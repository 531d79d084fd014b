//! One reader's stream.
//!
//! No text is buffered for a reader: the connection asks for the next piece when it has sent the one before.

use std::{error::Error, sync::Arc};

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, broadcast, broadcast::error::RecvError};
use uuid::Uuid;

use super::{
    Inner, Position, Update,
    news::{News, Pieces},
    stream::{HEARTBEAT, HEARTBEAT_PAUSE, RETRY},
};

/// A reader of an event's news.
pub(crate) struct Reader {
    live: Arc<Inner>,
    id: Uuid,
    updates: broadcast::Receiver<Update>,
    position: Position,
    /// What is still to be sent before anything newer.
    pieces: Pieces,
    /// The reader's place among those for whom there is room.
    _place: OwnedSemaphorePermit,
}

impl Reader {
    pub(super) fn new(
        live: Arc<Inner>,
        id: Uuid,
        updates: broadcast::Receiver<Update>,
        opening: News,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let retry = std::iter::once(Bytes::from_static(RETRY.as_bytes()));
        let pieces = Box::new(retry.chain(opening.text.into_pieces()));
        Self { live, id, updates, position: opening.seen.position, pieces, _place: place }
    }

    /// The next piece of the stream; nothing when the process stops, or has no news to give. The client then connects
    /// again, and goes on where it was.
    pub(crate) async fn next(mut self) -> Option<(Bytes, Self)> {
        let shutdown = self.live.shutdown.clone();
        loop {
            if let Some(piece) = self.pieces.next() {
                return Some((piece, self));
            }
            let received = tokio::select! {
                () = shutdown.requested() => return None,
                () = tokio::time::sleep(HEARTBEAT_PAUSE) => return Some((HEARTBEAT, self)),
                received = self.updates.recv() => received,
            };
            match received {
                Ok(update) if self.position.includes(update.position) => {}
                Ok(update) => {
                    self.position = update.position;
                    self.pieces = update.text.into_pieces();
                }
                Err(RecvError::Lagged(_)) => self.pieces = self.skip_to_newest().await?,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Everything since the reader's own position at once, instead of the updates that were missed.
    async fn skip_to_newest(&mut self) -> Option<Pieces> {
        self.updates = self.updates.resubscribe();
        match News::read(&self.live.read, self.id, Some(self.position), None).await {
            Ok(news) => {
                let News { text, seen } = news?;
                self.position = seen.position;
                Some(text.into_pieces())
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "a live stream cannot go on");
                None
            }
        }
    }
}
