//! Appending: events of several streams, outbox and receipts, all or nothing.
//!
//! The primary key of `events` is what keeps a stream from forking: whoever appends at a sequence that exists loses.

use std::{
    borrow::{Borrow, Cow},
    collections::BTreeSet,
};

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    CommandId, Companion, EventStore, NewEvent, NewReceipt, NoCompanion, StreamId, StreamPosition,
    append_rows::Rows,
    personal,
    silence::{ANSWER_DEADLINE, answered},
};

/// What one command appends.
#[derive(Debug, Clone)]
pub struct Append {
    /// The streams; the one that the command's answer shows comes first.
    pub streams: Vec<StreamAppend>,
    /// The receipt, for a command that has an id.
    pub receipt: Option<NewReceipt>,
}

/// New events of one stream.
#[derive(Debug, Clone)]
pub struct StreamAppend {
    /// Which stream.
    pub stream: StreamId,
    /// The sequence of its last event as the decision saw it; 0 for a new stream.
    pub expected_sequence: i64,
    /// None where a receipt is all that is written.
    pub events: Vec<NewEvent>,
}

impl StreamAppend {
    /// No events: for the receipt of a command after which the stream stands where it stood before.
    #[must_use]
    pub fn nothing_at(position: &StreamPosition) -> Self {
        Self { stream: position.stream.clone(), expected_sequence: position.sequence, events: vec![] }
    }
}

impl Append {
    /// Where the streams stand after it.
    #[must_use]
    pub fn outcome(&self) -> Vec<StreamPosition> {
        let position = |append: &StreamAppend| StreamPosition {
            stream: append.stream.clone(),
            sequence: append.expected_sequence + append.events.len() as i64,
        };
        self.streams.iter().map(position).collect()
    }
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A stream has gone on since the decision: read it again and decide again.
    #[error("a stream has gone on since the decision")]
    Conflict {
        /// One of those that have, if the database says which.
        stream: Option<StreamId>,
    },
    /// These commands have taken effect before.
    #[error("{} commands took effect before", .0.len())]
    Repeated(BTreeSet<CommandId>),
    /// A companion's claim is somebody else's.
    #[error("{0} is taken")]
    Claimed(&'static str),
    /// Accounts that the append needs are gone.
    #[error("{} accounts are gone", .0.len())]
    Gone(BTreeSet<Uuid>),
    /// The database did not answer. If the connection broke during the commit, the append may have happened.
    #[error("the write database failed")]
    Database(#[from] sqlx::Error),
}

impl EventStore {
    /// Appends all of it in one transaction and wakes the relay.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing was appended then, save where it says so.
    pub async fn append(&self, appends: &[impl Borrow<Append> + Sync]) -> Result<(), AppendError> {
        self.append_with(appends, &NoCompanion).await
    }

    /// The same, with whatever else belongs into the transaction.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing was appended then, save where it says so.
    pub async fn append_with(
        &self,
        appends: &[impl Borrow<Append> + Sync],
        companion: &dyn Companion,
    ) -> Result<(), AppendError> {
        let mut tx = self.pool.begin().await?;
        self.append_in_tx(&mut tx, appends).await?;
        companion.write_in_tx(&mut tx).await?;
        tx.commit().await?;
        self.wake_relay();
        Ok(())
    }

    /// Tells the relay that an append was committed; [`Self::append`] does so itself.
    pub fn wake_relay(&self) {
        self.outbox_waker.wake();
    }

    /// Appends in the caller's transaction. Locks: streams by type and id, then receipts by id.
    ///
    /// # Errors
    /// See [`AppendError`]; the transaction is to be rolled back.
    pub async fn append_in_tx(
        &self,
        tx: &mut PgConnection,
        appends: &[impl Borrow<Append> + Sync],
    ) -> Result<(), AppendError> {
        let mut rows = Rows::of(appends.iter().map(Borrow::borrow))?;
        for event in &mut rows.events {
            if personal::has_clear(&event.payload) {
                let sealed = personal::seal_in_tx(
                    tx,
                    &self.master_key,
                    event.stream,
                    event.new.event_id,
                    &event.payload,
                );
                event.payload = Cow::Owned(sealed.await?);
            }
        }
        rows.append(tx, &[]).await
    }

    /// Appends all of it in one round trip, if these accounts exist, and wakes the relay. Not for events with personal
    /// data.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing was appended then, save where it says so.
    pub async fn append_at_once(&self, appends: &[&Append], accounts: &[Uuid]) -> Result<(), AppendError> {
        let rows = Rows::of(appends.iter().copied())?;
        if rows.events.iter().any(|event| personal::has_clear(&event.payload)) {
            return Err(sqlx::Error::Encode("personal data is sealed by append".into()).into());
        }
        #[cfg(feature = "planted-bugs")]
        if crate::PlantedBug::AppendInTwo.is_planted() {
            rows.append_in_two(&self.pool, accounts).await?;
            self.wake_relay();
            return Ok(());
        }
        let appended: Result<(), AppendError> =
            answered!(self.pool, ANSWER_DEADLINE, |connection| rows.append(connection, accounts));
        appended?;
        self.wake_relay();
        Ok(())
    }
}
