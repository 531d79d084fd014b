//! Applying a batch: rows, applied sequences and checkpoint in one transaction.
//!
//! The last applied sequence of each stream decides: the next event applies, an earlier one is skipped however often it
//! comes, a gap is filled from the event log. So a source may repeat, reorder between streams, or be exchanged. What is
//! due goes to the projection as a whole, so that its cost is by the batch and not by the event.
//!
//! An event that cannot be applied is parked with its later siblings; other streams go on. Which one it is only shows
//! when they are applied one by one, so that is done when a batch has failed, and never otherwise.

use std::error::Error;

use event_store::{EventStore, PlantedBug, StoredEvent, StreamId, event_log::LoggedEvent};
use feed::{Batch, FollowerConnection, dealt_with};
use sqlx::{Acquire, PgConnection};

use crate::{
    ApplyError, Projection,
    streams::{FirstEvents, Streams},
};

/// Every statement here goes by a key. A plan that is made while a table is small would scan it, and be kept when the
/// table has grown.
const BEGIN: &str = "begin; set local enable_seqscan = off; set local enable_hashjoin = off; \
                     set local enable_mergejoin = off";

/// Why an event is parked that has nothing wrong with it.
const BEHIND_ANOTHER: &str = "an earlier event of this stream is parked";

/// Why a batch was not applied; it is to come again.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The read database failed.
    #[error("the read database failed")]
    Read(#[source] sqlx::Error),
    /// The connection to the read database is lost, and with it perhaps the last batches: begin again where the tables are.
    #[error("the connection to the read database is lost")]
    Lost(#[source] sqlx::Error),
    /// The event log could not be read.
    #[error("the event log failed")]
    Log(#[source] sqlx::Error),
    /// The projection could not make its rows.
    #[error("the rows could not be made")]
    Apply(#[source] ApplyError),
    /// An event came whose predecessors the event log does not have.
    #[error("the event log does not have event {sequence} of {stream}")]
    Missing {
        /// Which stream.
        stream: StreamId,
        /// Which event.
        sequence: i64,
    },
    /// A stream that seemed to be new has been applied before, or was begun by another instance at the same time.
    #[error("a stream has been begun before")]
    Overtaken,
}

impl ProjectError {
    fn is_poison(&self) -> bool {
        match self {
            Self::Apply(source) => source.is_poison(),
            Self::Read(_) | Self::Lost(_) | Self::Log(_) | Self::Missing { .. } | Self::Overtaken => false,
        }
    }
}

/// What to do with an event that cannot be applied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Poison {
    Refuse,
    Park,
}

/// How a batch is tried.
#[derive(Clone, Copy)]
struct Attempt {
    poison: Poison,
    first_events: FirstEvents,
}

/// Applies a batch to the tables in the connection's `search_path`.
///
/// # Errors
/// See [`ProjectError`]; nothing of the batch was applied then.
pub async fn apply_batch(
    projection: &dyn Projection,
    read: &mut FollowerConnection,
    store: &EventStore,
    batch: &Batch,
) -> Result<(), ProjectError> {
    let mut attempt = Attempt { poison: Poison::Refuse, first_events: FirstEvents::OfNewStreams };
    loop {
        match try_batch(projection, read, store, batch, attempt).await {
            Err(error) if error.is_poison() && attempt.poison == Poison::Refuse => {
                attempt.poison = Poison::Park;
            }
            // What the other one has committed is seen now; so this ends with the last stream that was new.
            Err(ProjectError::Overtaken) => attempt.first_events = FirstEvents::Unknown,
            result => return result,
        }
    }
}

async fn try_batch(
    projection: &dyn Projection,
    read: &mut FollowerConnection,
    store: &EventStore,
    batch: &Batch,
    attempt: Attempt,
) -> Result<(), ProjectError> {
    let applied = try_batch_on(read, projection, store, batch, attempt);
    let applied = dealt_with(applied, ProjectError::Read).await;
    if let Err(error) = &applied
        && let Err(lost) = read.after_failure().await
    {
        tracing::warn!(error = error as &dyn Error, projection = projection.name(), "a batch has failed");
        return Err(ProjectError::Lost(lost));
    }
    applied
}

async fn try_batch_on(
    read: &mut FollowerConnection,
    projection: &dyn Projection,
    store: &EventStore,
    batch: &Batch,
    attempt: Attempt,
) -> Result<(), ProjectError> {
    let (durability, lock) = (batch.durability(), lock(projection, batch.checkpoint.is_some()));
    let begun = read.begin(format!("{BEGIN}; {durability}; {lock}")).await;
    let mut tx = begun.map_err(ProjectError::Read)?;
    apply_events_in_tx(&mut tx, projection, store, &batch.events, attempt).await?;
    if let Some(checkpoint) = batch.checkpoint {
        sqlx::query("update projections set position = greatest(position, $2) where name = $1")
            .bind(projection.name())
            .bind(checkpoint)
            .execute(&mut *tx)
            .await
            .map_err(ProjectError::Read)?;
    }
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
    let attempt = Attempt { poison: Poison::Park, first_events: FirstEvents::Unknown };
    apply_events_in_tx(tx, projection, store, events, attempt).await
}

async fn apply_events_in_tx(
    tx: &mut PgConnection,
    projection: &dyn Projection,
    store: &EventStore,
    events: &[LoggedEvent],
    attempt: Attempt,
) -> Result<(), ProjectError> {
    let streams = Streams::lock_in_tx(projection, tx, events, attempt.first_events).await;
    let mut streams = streams.map_err(ProjectError::Read)?;
    let due = Due::of(store, &mut streams, events).await?;
    streams.move_on_in_tx(projection, tx).await?;
    for LoggedEvent { global_position, event } in &due.parked {
        park_in_tx(projection, tx, event, *global_position, BEHIND_ANOTHER).await?;
    }
    if attempt.poison == Poison::Park {
        apply_one_by_one_in_tx(projection, tx, &mut streams, &due).await?;
    } else if !due.events.is_empty() {
        projection.apply_in_tx(tx, &due.events).await.map_err(ProjectError::Apply)?;
    }
    Ok(())
}

/// SQL for the beginning of a transaction. A rebuild that switches its tables in takes this row for itself. Who will move
/// the checkpoint takes it at once: two that share it first could not both go on. So does who must see what every other
/// batch has made.
pub(crate) fn lock(projection: &dyn Projection, moves_checkpoint: bool) -> String {
    let strength = if moves_checkpoint || projection.joins_streams() { "update" } else { "share" };
    // The name is a constant of this crate.
    format!("select position from projections where name = '{}' for {strength}", projection.name())
}

/// What of a batch is to be applied now.
struct Due {
    /// Each the next of its stream; personal data open.
    events: Vec<StoredEvent>,
    /// Their places in the event log.
    global_positions: Vec<i64>,
    /// Events of streams that are parked: they wait, too.
    parked: Vec<LoggedEvent>,
}

impl Due {
    async fn of(
        store: &EventStore,
        streams: &mut Streams,
        events: &[LoggedEvent],
    ) -> Result<Self, ProjectError> {
        let mut due = Self { events: vec![], global_positions: vec![], parked: vec![] };
        for came in events {
            let (stream, sequence) = (&came.event.stream, came.event.sequence);
            let from = streams.next(stream);
            if sequence < from {
                if PlantedBug::AppliedCheckOff.is_planted() {
                    due.push(came.clone(), streams.is_parked(stream));
                }
                continue;
            }
            let is_parked = streams.is_parked(stream);
            if sequence == from {
                due.push(came.clone(), is_parked);
            } else {
                let missing = store.read_logged_stream(stream, from, sequence).await;
                let missing = missing.map_err(ProjectError::Log)?;
                if missing.len() as i64 != sequence - from + 1 {
                    return Err(ProjectError::Missing { stream: stream.clone(), sequence: from });
                }
                missing.into_iter().for_each(|logged| due.push(logged, is_parked));
            }
            streams.seen(stream, sequence);
        }
        store.open(&mut due.events).await.map_err(ProjectError::Log)?;
        Ok(due)
    }

    fn push(&mut self, logged: LoggedEvent, is_parked: bool) {
        if is_parked {
            self.parked.push(logged);
        } else {
            self.global_positions.push(logged.global_position);
            self.events.push(logged.event);
        }
    }
}

/// A savepoint for every event, so that the one that is at fault can be told from the others. The applied sequence of
/// its stream stays before it, so that all of it is still to come.
async fn apply_one_by_one_in_tx(
    projection: &dyn Projection,
    tx: &mut PgConnection,
    streams: &mut Streams,
    due: &Due,
) -> Result<(), ProjectError> {
    for (event, global_position) in due.events.iter().zip(&due.global_positions) {
        if streams.is_parked(&event.stream) {
            park_in_tx(projection, tx, event, *global_position, BEHIND_ANOTHER).await?;
            continue;
        }
        match apply_one_in_tx(projection, tx, event).await {
            Ok(()) => {}
            Err(error) if error.is_poison() => {
                tracing::error!(
                    error = &error as &dyn std::error::Error, projection = projection.name(),
                    stream = %event.stream, sequence = event.sequence,
                    "an event cannot be applied; its stream is parked"
                );
                park_in_tx(projection, tx, event, *global_position, &error.reason()).await?;
                streams.park(&event.stream, event.sequence);
            }
            Err(error) => return Err(ProjectError::Apply(error)),
        }
    }
    streams.set_back_in_tx(projection, tx).await.map_err(ProjectError::Read)
}

async fn apply_one_in_tx(
    projection: &dyn Projection,
    tx: &mut PgConnection,
    event: &StoredEvent,
) -> Result<(), ApplyError> {
    let mut savepoint = Acquire::begin(&mut *tx).await?;
    projection.apply_in_tx(&mut savepoint, std::slice::from_ref(event)).await?;
    savepoint.commit().await?;
    Ok(())
}

async fn park_in_tx(
    projection: &dyn Projection,
    tx: &mut PgConnection,
    event: &StoredEvent,
    global_position: i64,
    reason: &str,
) -> Result<(), ProjectError> {
    sqlx::query(
        "insert into parked (projection, aggregate_type, aggregate_id, sequence, global_position, reason)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
    )
    .bind(projection.name())
    .bind(&event.stream.kind)
    .bind(&event.stream.id)
    .bind(event.sequence)
    .bind(global_position)
    .bind(reason)
    .execute(&mut *tx)
    .await
    .map_err(ProjectError::Read)?;
    projection.forget_parked_in_tx(tx, event).await.map_err(ProjectError::Read)
}
