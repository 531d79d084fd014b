//! Appending: events of several streams, outbox and receipts, all or nothing.
//!
//! The primary key of `events` is what keeps a stream from forking: whoever appends at a sequence that exists loses.

use std::{borrow::Borrow, collections::BTreeSet};

use sqlx::{PgConnection, postgres::PgDatabaseError};

use uuid::Uuid;

use crate::{
    CommandId, Companion, EventStore, NewEvent, NewReceipt, NoCompanion, StreamId, StreamPosition, personal,
    receipts,
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
    /// At least one.
    pub events: Vec<NewEvent>,
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

const STREAM_KEY: &str = "events_pkey";

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
        let appends: Vec<&Append> = appends.iter().map(Borrow::borrow).collect();
        let appends = appends.as_slice();
        self.insert_events_in_tx(tx, appends).await?;
        let new: Vec<_> = appends
            .iter()
            .filter_map(|append| {
                let outcome = serde_json::to_string(&append.outcome()).expect("positions are plain data");
                append.receipt.as_ref().map(|receipt| (receipt, outcome))
            })
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let repeated = receipts::write_in_tx(tx, new).await?;
        if repeated.is_empty() { Ok(()) } else { Err(AppendError::Repeated(repeated.into_iter().collect())) }
    }

    async fn insert_events_in_tx(
        &self,
        tx: &mut PgConnection,
        appends: &[&Append],
    ) -> Result<(), AppendError> {
        let mut streams: Vec<&StreamAppend> = appends.iter().flat_map(|a| &a.streams).collect();
        // Stable: several appends to one stream keep their order.
        streams.sort_by(|a, b| a.stream.cmp(&b.stream));
        let mut rows = Rows::default();
        for append in streams {
            for (index, event) in append.events.iter().enumerate() {
                let payload = if personal::has_clear(&event.payload) {
                    let key = &self.master_key;
                    personal::seal_in_tx(tx, key, &append.stream, event.event_id, &event.payload).await?
                } else {
                    event.payload.clone()
                };
                rows.push(&append.stream, append.expected_sequence + 1 + index as i64, event, payload);
            }
        }
        rows.insert_in_tx(tx).await
    }
}

/// Events, column by column, as `unnest` takes them.
#[derive(Default)]
pub(crate) struct Rows<'a> {
    pub(crate) aggregate_types: Vec<&'a str>,
    pub(crate) aggregate_ids: Vec<&'a str>,
    pub(crate) sequences: Vec<i64>,
    pub(crate) event_types: Vec<&'a str>,
    pub(crate) event_versions: Vec<&'a str>,
    pub(crate) payloads: Vec<String>,
    pub(crate) metadata: Vec<&'a str>,
    pub(crate) event_ids: Vec<Uuid>,
}

impl<'a> Rows<'a> {
    pub(crate) fn push(&mut self, stream: &'a StreamId, sequence: i64, event: &'a NewEvent, payload: String) {
        self.aggregate_types.push(&stream.kind);
        self.aggregate_ids.push(&stream.id);
        self.sequences.push(sequence);
        self.event_types.push(&event.event_type);
        self.event_versions.push(&event.event_version);
        self.payloads.push(payload);
        self.metadata.push(&event.metadata);
        self.event_ids.push(event.event_id);
    }

    async fn insert_in_tx(self, tx: &mut PgConnection) -> Result<(), AppendError> {
        sqlx::query(
            "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version,
                                 payload, metadata, event_id)
             select aggregate_type, aggregate_id, sequence, event_type, event_version,
                    payload::json, metadata::json, event_id
             from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
                         $8::uuid[])
                  with ordinality as event (aggregate_type, aggregate_id, sequence, event_type, event_version,
                                            payload, metadata, event_id, place)
             order by place",
        )
        .bind(&self.aggregate_types)
        .bind(&self.aggregate_ids)
        .bind(&self.sequences)
        .bind(&self.event_types)
        .bind(&self.event_versions)
        .bind(&self.payloads)
        .bind(&self.metadata)
        .bind(&self.event_ids)
        .execute(tx)
        .await
        .map_err(conflict_or_failure)?;
        Ok(())
    }
}

pub(crate) fn conflict_or_failure(error: sqlx::Error) -> AppendError {
    match error.as_database_error().and_then(|e| e.constraint()) {
        Some(STREAM_KEY) => AppendError::Conflict { stream: conflicting_stream(&error) },
        _ => AppendError::Database(error),
    }
}

/// PostgreSQL says: `Key (aggregate_type, aggregate_id, sequence)=(event, 0193…, 7) already exists.`, in its language.
fn conflicting_stream(error: &sqlx::Error) -> Option<StreamId> {
    let detail = error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?.detail()?;
    let (_, values) = detail.split_once(")=(")?;
    let (key, _) = values.rsplit_once(')')?;
    let (stream, _) = key.rsplit_once(", ")?;
    let (kind, id) = stream.split_once(", ")?;
    Some(StreamId::new(kind, id))
}
