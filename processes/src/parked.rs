//! Parked events: those that could not be understood. Other events of the same stream went on, so each is for itself; to
//! be looked at, and to be tried again once the code is mended.
//!
//! A note may be made late and twice (`follow.rs`), so trying again may be done beside running process managers.

use chrono::{DateTime, Utc};
use event_store::{EventStore, StreamId, event_log::LoggedEvent};
use sqlx::PgConnection;

use crate::follow::{NotNoted, note_by_itself_in_tx};

/// An event that waits for somebody to look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedEvent {
    /// Its stream.
    pub stream: StreamId,
    /// Its place in the stream.
    pub sequence: i64,
    /// Why it was parked.
    pub reason: String,
    /// When it was parked.
    pub parked_at: DateTime<Utc>,
}

/// Some of the parked events, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedEvents {
    /// Those parked longest ago first; of one stream, in order.
    pub events: Vec<ParkedEvent>,
    /// All of them.
    pub total: i64,
}

/// What came of trying a stream's events again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// How many were understood this time.
    pub noted: usize,
    /// Those that were not, with their new reasons.
    pub parked: Vec<(i64, String)>,
}

type EventRow = (String, String, i64, String, DateTime<Utc>, i64);

/// The first `limit` parked events, of one stream or of all.
///
/// # Errors
/// The write database does not answer.
pub async fn list(
    store: &EventStore,
    stream: Option<&StreamId>,
    limit: i64,
) -> Result<ParkedEvents, sqlx::Error> {
    let rows: Vec<EventRow> = sqlx::query_as(
        "select aggregate_type, aggregate_id, sequence, reason, parked_at, count(*) over () from process_parked
         where $1::text is null or (aggregate_type = $1 and aggregate_id = $2)
         order by min(parked_at) over (partition by aggregate_type, aggregate_id), aggregate_type, aggregate_id,
                  sequence
         limit $3",
    )
    .bind(stream.map(|stream| &stream.kind))
    .bind(stream.map(|stream| &stream.id))
    .bind(limit)
    .fetch_all(store.pool())
    .await?;
    let total = rows.first().map_or(0, |(.., total)| *total);
    let parked = |(kind, id, sequence, reason, parked_at, _)| ParkedEvent {
        stream: StreamId { kind, id },
        sequence,
        reason,
        parked_at,
    };
    Ok(ParkedEvents { events: rows.into_iter().map(parked).collect(), total })
}

/// How many events are parked.
pub(crate) async fn count(store: &EventStore) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select count(*) from process_parked").fetch_one(store.pool()).await
}

/// The next streams of which events are parked, by their names.
///
/// # Errors
/// The write database does not answer.
pub async fn streams_after(
    store: &EventStore,
    last: Option<&StreamId>,
    limit: i64,
) -> Result<Vec<StreamId>, sqlx::Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select distinct aggregate_type, aggregate_id from process_parked
         where $1::text is null or (aggregate_type, aggregate_id) > ($1, $2)
         order by aggregate_type, aggregate_id limit $3",
    )
    .bind(last.map(|last| &last.kind))
    .bind(last.map(|last| &last.id))
    .bind(limit)
    .fetch_all(store.pool())
    .await?;
    Ok(rows.into_iter().map(|(kind, id)| StreamId { kind, id }).collect())
}

/// The event itself, personal data sealed; nothing if it is not in the event log.
///
/// # Errors
/// The write database does not answer.
pub async fn event(store: &EventStore, parked: &ParkedEvent) -> Result<Option<LoggedEvent>, sqlx::Error> {
    let found = store.read_logged_stream(&parked.stream, parked.sequence, parked.sequence).await?;
    Ok(found.into_iter().next())
}

/// Tries the parked events of a stream again, in order and in one transaction. What is understood is noted; the rest
/// stays, with the new reason.
///
/// # Errors
/// The write database does not answer; nothing was changed then.
pub async fn resume(store: &EventStore, stream: &StreamId) -> Result<Resumed, sqlx::Error> {
    let mut tx = store.pool().begin().await?;
    let sequences: Vec<i64> = sqlx::query_scalar(
        "select sequence from process_parked where aggregate_type = $1 and aggregate_id = $2
         order by sequence for update",
    )
    .bind(&stream.kind)
    .bind(&stream.id)
    .fetch_all(&mut *tx)
    .await?;
    let mut resumed = Resumed { noted: 0, parked: vec![] };
    for sequence in sequences {
        match try_again_in_tx(&mut tx, store, stream, sequence).await? {
            Ok(()) => resumed.noted += 1,
            Err(reason) => resumed.parked.push((sequence, reason)),
        }
    }
    tx.commit().await?;
    Ok(resumed)
}

async fn try_again_in_tx(
    tx: &mut PgConnection,
    store: &EventStore,
    stream: &StreamId,
    sequence: i64,
) -> Result<Result<(), String>, sqlx::Error> {
    let found = store.read_logged_stream(stream, sequence, sequence).await?;
    let Some(LoggedEvent { event, .. }) = found.first() else {
        return Ok(Err("the event log does not have it".to_owned()));
    };
    match note_by_itself_in_tx(tx, event).await {
        Ok(()) => {}
        Err(NotNoted::Database(error)) => return Err(error),
        Err(NotNoted::NotUnderstood(reason)) => {
            sqlx::query(
                "update process_parked set reason = $4
                 where aggregate_type = $1 and aggregate_id = $2 and sequence = $3",
            )
            .bind(&stream.kind)
            .bind(&stream.id)
            .bind(sequence)
            .bind(&reason)
            .execute(tx)
            .await?;
            return Ok(Err(reason));
        }
    }
    sqlx::query(
        "delete from process_parked where aggregate_type = $1 and aggregate_id = $2 and sequence = $3",
    )
    .bind(&stream.kind)
    .bind(&stream.id)
    .bind(sequence)
    .execute(tx)
    .await?;
    Ok(Ok(()))
}
