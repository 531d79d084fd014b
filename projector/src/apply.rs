//! Applying a batch: rows, applied sequences and checkpoint in one transaction.
//!
//! The last applied sequence of each stream decides: the next event applies, an earlier one is skipped however often it
//! comes, a gap is filled from the event log. So a source may repeat, reorder between streams, or be exchanged.
//!
//! An event that cannot be applied is parked with its later siblings; other streams go on.

use std::collections::{BTreeMap, HashMap, HashSet};

use event_store::{EventStore, StoredEvent, StreamId, event_log::LoggedEvent};
use feed::Batch;
use sqlx::{Acquire, PgConnection, PgPool};

use crate::{ApplyError, Projection};

/// Why a batch was not applied; it is to come again.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The read database failed.
    #[error("the read database failed")]
    Read(#[source] sqlx::Error),
    /// The event log could not be read.
    #[error("the event log failed")]
    Log(#[source] sqlx::Error),
    /// An event could not be applied.
    #[error("event {sequence} of {stream} cannot be applied")]
    Apply {
        /// Which stream.
        stream: StreamId,
        /// Which event.
        sequence: i64,
        /// What is wrong.
        #[source]
        source: ApplyError,
    },
    /// An event came whose predecessors the event log does not have.
    #[error("the event log does not have event {sequence} of {stream}")]
    Missing {
        /// Which stream.
        stream: StreamId,
        /// Which event.
        sequence: i64,
    },
}

impl ProjectError {
    fn is_poison(&self) -> bool {
        match self {
            Self::Apply { source, .. } => source.is_poison(),
            Self::Read(_) | Self::Log(_) | Self::Missing { .. } => false,
        }
    }
}

/// What to do with an event that cannot be applied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Poison {
    Refuse,
    Park,
}

/// The last applied sequence of each stream in a batch.
type Applied = BTreeMap<StreamId, i64>;

/// Applies a batch to the tables in the pool's `search_path`.
pub(crate) async fn apply_batch(
    projection: &dyn Projection,
    read: &PgPool,
    store: &EventStore,
    batch: &Batch,
) -> Result<(), ProjectError> {
    match try_batch(projection, read, store, batch, Poison::Refuse).await {
        // Only now every event gets a savepoint, so that the one that is at fault can be told from the others.
        Err(error) if error.is_poison() => try_batch(projection, read, store, batch, Poison::Park).await,
        result => result,
    }
}

async fn try_batch(
    projection: &dyn Projection,
    read: &PgPool,
    store: &EventStore,
    batch: &Batch,
    poison: Poison,
) -> Result<(), ProjectError> {
    let mut tx = read.begin().await.map_err(ProjectError::Read)?;
    // A rebuild that switches its tables in takes this row for itself. Who will move the checkpoint takes it at once:
    // two that share it first could not both go on. So does who must see what every other batch has made.
    let lock = if batch.checkpoint.is_some() || projection.joins_streams() {
        "select position from projections where name = $1 for update"
    } else {
        "select position from projections where name = $1 for share"
    };
    sqlx::query(lock).bind(projection.name()).execute(&mut *tx).await.map_err(ProjectError::Read)?;
    let mut applying = Applying::begin(projection, store, &mut tx, &batch.events, poison).await?;
    for logged in &batch.events {
        applying.event(&mut tx, logged).await?;
    }
    applying.finish(&mut tx, batch.checkpoint).await.map_err(ProjectError::Read)?;
    tx.commit().await.map_err(ProjectError::Read)
}

/// For `parked`: applies events of one stream whose applied row the caller has locked, and parks from the first on that
/// cannot be applied.
pub(crate) async fn apply_or_park_in_tx(
    tx: &mut PgConnection,
    projection: &dyn Projection,
    store: &EventStore,
    events: &[LoggedEvent],
) -> Result<(), ProjectError> {
    let mut applying = Applying::begin(projection, store, tx, events, Poison::Park).await?;
    for logged in events {
        applying.event(tx, logged).await?;
    }
    applying.finish(tx, None).await.map_err(ProjectError::Read)
}

struct Applying<'a> {
    projection: &'a dyn Projection,
    store: &'a EventStore,
    poison: Poison,
    before: Applied,
    applied: Applied,
    /// The last parked sequence of streams that have parked events.
    parked: HashMap<StreamId, i64>,
}

impl<'a> Applying<'a> {
    async fn begin(
        projection: &'a dyn Projection,
        store: &'a EventStore,
        tx: &mut PgConnection,
        events: &[LoggedEvent],
        poison: Poison,
    ) -> Result<Self, ProjectError> {
        let before = lock_applied(projection, tx, events).await.map_err(ProjectError::Read)?;
        let parked = parked_streams(projection, tx, &before).await.map_err(ProjectError::Read)?;
        Ok(Self { projection, store, poison, applied: before.clone(), before, parked })
    }

    async fn event(&mut self, tx: &mut PgConnection, logged: &LoggedEvent) -> Result<(), ProjectError> {
        let stream = &logged.event.stream;
        // What is parked counts as seen: it waits to be resumed.
        let applied = self.applied.get(stream).max(self.parked.get(stream)).copied().unwrap_or(0);
        if logged.event.sequence <= applied {
            return Ok(());
        }
        let from = applied + 1;
        if logged.event.sequence == from {
            return self.next_of_stream(tx, logged).await;
        }
        let missing = self.store.read_logged_stream(stream, from, logged.event.sequence).await;
        let missing = missing.map_err(ProjectError::Log)?;
        if missing.len() as i64 != logged.event.sequence - applied {
            return Err(ProjectError::Missing { stream: stream.clone(), sequence: from });
        }
        for logged in &missing {
            self.next_of_stream(tx, logged).await?;
        }
        Ok(())
    }

    async fn next_of_stream(
        &mut self,
        tx: &mut PgConnection,
        logged: &LoggedEvent,
    ) -> Result<(), ProjectError> {
        let stream = &logged.event.stream;
        if self.parked.contains_key(stream) {
            return self.park(tx, logged, "an earlier event of this stream is parked").await;
        }
        let mut opened = [logged.event.clone()];
        self.store.open(&mut opened).await.map_err(ProjectError::Log)?;
        let [event] = opened;
        match self.apply(tx, &event).await {
            Ok(()) => {
                self.applied.insert(event.stream, event.sequence);
                Ok(())
            }
            Err(error) if self.poison == Poison::Park && error.is_poison() => {
                tracing::error!(
                    error = &error as &dyn std::error::Error, projection = self.projection.name(),
                    stream = %event.stream, sequence = event.sequence,
                    "an event cannot be applied; its stream is parked"
                );
                self.park(tx, logged, &error.reason()).await
            }
            Err(source) => {
                Err(ProjectError::Apply { stream: event.stream, sequence: event.sequence, source })
            }
        }
    }

    async fn apply(&self, tx: &mut PgConnection, event: &StoredEvent) -> Result<(), ApplyError> {
        match self.poison {
            Poison::Refuse => self.projection.apply_in_tx(tx, event).await,
            Poison::Park => {
                let mut savepoint = tx.begin().await?;
                self.projection.apply_in_tx(&mut savepoint, event).await?;
                savepoint.commit().await?;
                Ok(())
            }
        }
    }

    /// The stream's applied sequence stays before the parked event, so that all of it is still to come.
    async fn park(
        &mut self,
        tx: &mut PgConnection,
        logged: &LoggedEvent,
        reason: &str,
    ) -> Result<(), ProjectError> {
        let event = &logged.event;
        sqlx::query(
            "insert into parked (projection, aggregate_type, aggregate_id, sequence, global_position, reason)
             values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
        )
        .bind(self.projection.name())
        .bind(&event.stream.kind)
        .bind(&event.stream.id)
        .bind(event.sequence)
        .bind(logged.global_position)
        .bind(reason)
        .execute(tx)
        .await
        .map_err(ProjectError::Read)?;
        self.parked.insert(event.stream.clone(), event.sequence);
        Ok(())
    }

    async fn finish(self, tx: &mut PgConnection, checkpoint: Option<i64>) -> Result<(), sqlx::Error> {
        let moved: Vec<(&StreamId, i64)> = self
            .applied
            .iter()
            .filter(|(stream, sequence)| self.before.get(stream) != Some(sequence))
            .map(|(stream, sequence)| (stream, *sequence))
            .collect();
        if !moved.is_empty() {
            let types: Vec<&str> = moved.iter().map(|(stream, _)| stream.kind.as_str()).collect();
            let ids: Vec<&str> = moved.iter().map(|(stream, _)| stream.id.as_str()).collect();
            let sequences: Vec<i64> = moved.iter().map(|(_, sequence)| *sequence).collect();
            sqlx::query(self.projection.applied().update)
                .bind(&types)
                .bind(&ids)
                .bind(&sequences)
                .execute(&mut *tx)
                .await?;
        }
        if let Some(checkpoint) = checkpoint {
            sqlx::query("update projections set position = greatest(position, $2) where name = $1")
                .bind(self.projection.name())
                .bind(checkpoint)
                .execute(tx)
                .await?;
        }
        Ok(())
    }
}

/// Locks the streams of a batch, in one order, so that two instances never apply the same stream at the same time.
async fn lock_applied(
    projection: &dyn Projection,
    tx: &mut PgConnection,
    events: &[LoggedEvent],
) -> Result<Applied, sqlx::Error> {
    let streams: HashSet<&StreamId> = events.iter().map(|logged| &logged.event.stream).collect();
    let types: Vec<&str> = streams.iter().map(|stream| stream.kind.as_str()).collect();
    let ids: Vec<&str> = streams.iter().map(|stream| stream.id.as_str()).collect();
    sqlx::query(projection.applied().insert).bind(&types).bind(&ids).execute(&mut *tx).await?;
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as(projection.applied().lock).bind(&types).bind(&ids).fetch_all(tx).await?;
    Ok(rows.into_iter().map(|(kind, id, sequence)| (StreamId { kind, id }, sequence)).collect())
}

async fn parked_streams(
    projection: &dyn Projection,
    tx: &mut PgConnection,
    applied: &Applied,
) -> Result<HashMap<StreamId, i64>, sqlx::Error> {
    let types: Vec<&str> = applied.keys().map(|stream| stream.kind.as_str()).collect();
    let ids: Vec<&str> = applied.keys().map(|stream| stream.id.as_str()).collect();
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "select aggregate_type, aggregate_id, max(sequence) from parked
         where projection = $1
               and (aggregate_type, aggregate_id) in (select * from unnest($2::text[], $3::text[]))
         group by aggregate_type, aggregate_id",
    )
    .bind(projection.name())
    .bind(&types)
    .bind(&ids)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|(kind, id, sequence)| (StreamId { kind, id }, sequence)).collect())
}
