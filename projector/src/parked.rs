//! Parked events: those that a projection could not apply, and the later ones of their streams. To be looked at, and to
//! be tried again once the code or the database is mended.
//!
//! Trying again takes the locks of a batch (`apply.rs`), so it may be done beside running projectors.

use chrono::{DateTime, Utc};
use event_store::{EventStore, StreamId, event_log::LoggedEvent};
use sqlx::{PgConnection, PgExecutor, PgPool, Row, postgres::PgRow};

use crate::{
    ProjectError, Projection,
    apply::{apply_or_park_in_tx, lock},
};

/// Most events of a stream that are read at once when it is tried again.
const MAX_EVENTS: i64 = 500;

/// A stream that a projection does not go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedStream {
    /// Whose.
    pub projection: String,
    /// Which.
    pub stream: StreamId,
    /// The event that could not be applied.
    pub first_sequence: i64,
    /// How many are parked, that one among them.
    pub events: i64,
    /// When that one was parked.
    pub since: DateTime<Utc>,
    /// Why it was.
    pub reason: String,
}

/// Some of the parked streams, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedStreams {
    /// Those parked longest ago first.
    pub streams: Vec<ParkedStream>,
    /// All of them.
    pub total: i64,
}

/// One parked event.
#[derive(Debug, Clone, PartialEq)]
pub struct ParkedEvent {
    /// The event, personal data sealed.
    pub logged: LoggedEvent,
    /// When it was parked; nothing if it came while it was looked at.
    pub parked_at: Option<DateTime<Utc>>,
    /// Why; nothing as above.
    pub reason: Option<String>,
}

/// What came of trying a stream again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// How many events were applied.
    pub applied: i64,
    /// What could not be applied this time either, and is parked still.
    pub parked: Option<ParkedStream>,
}

/// The first `limit` parked streams, of one projection or of all.
///
/// # Errors
/// The read database does not answer.
pub async fn list(
    read: impl PgExecutor<'_>,
    projection: Option<&str>,
    limit: i64,
) -> Result<ParkedStreams, sqlx::Error> {
    let rows = sqlx::query(
        "select projection, aggregate_type, aggregate_id, min(sequence) as first_sequence, count(*) as events,
                (array_agg(parked_at order by sequence))[1] as since,
                (array_agg(reason order by sequence))[1] as reason, count(*) over () as total
         from parked where $1::text is null or projection = $1
         group by projection, aggregate_type, aggregate_id
         order by since, projection, aggregate_type, aggregate_id limit $2",
    )
    .bind(projection)
    .bind(limit)
    .fetch_all(read)
    .await?;
    let total = rows.first().map_or(Ok(0), |row| row.try_get("total"))?;
    let streams = rows.iter().map(parked_stream_from_row).collect::<Result<_, _>>()?;
    Ok(ParkedStreams { streams, total })
}

/// The next parked streams of a projection, in the order of their names.
///
/// # Errors
/// The read database does not answer.
pub async fn streams_after(
    read: &PgPool,
    projection: &dyn Projection,
    after: Option<&StreamId>,
    limit: i64,
) -> Result<Vec<StreamId>, sqlx::Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select distinct aggregate_type, aggregate_id from parked
         where projection = $1 and ($2::text is null or (aggregate_type, aggregate_id) > ($2, $3))
         order by aggregate_type, aggregate_id limit $4",
    )
    .bind(projection.name())
    .bind(after.map(|stream| &stream.kind))
    .bind(after.map(|stream| &stream.id))
    .bind(limit)
    .fetch_all(read)
    .await?;
    Ok(rows.into_iter().map(|(kind, id)| StreamId { kind, id }).collect())
}

/// One parked stream; nothing if it is not parked.
///
/// # Errors
/// The read database does not answer.
pub async fn find(
    read: &PgPool,
    projection: &dyn Projection,
    stream: &StreamId,
) -> Result<Option<ParkedStream>, sqlx::Error> {
    let mut connection = read.acquire().await?;
    find_in_tx(&mut connection, projection, stream).await
}

/// The first `limit` parked events of a stream, in order.
///
/// # Errors
/// One of the databases does not answer.
pub async fn events(
    read: &PgPool,
    store: &EventStore,
    parked: &ParkedStream,
    limit: i64,
) -> Result<Vec<ParkedEvent>, ProjectError> {
    let reasons: Vec<(i64, DateTime<Utc>, String)> = sqlx::query_as(
        "select sequence, parked_at, reason from parked
         where projection = $1 and aggregate_type = $2 and aggregate_id = $3 order by sequence limit $4",
    )
    .bind(&parked.projection)
    .bind(&parked.stream.kind)
    .bind(&parked.stream.id)
    .bind(limit)
    .fetch_all(read)
    .await
    .map_err(ProjectError::Read)?;
    let to = parked.first_sequence.saturating_add(limit.min(parked.events)) - 1;
    let logged = store.read_logged_stream(&parked.stream, parked.first_sequence, to).await;
    let logged = logged.map_err(ProjectError::Log)?;
    let with_reason = |logged: LoggedEvent| {
        let why = reasons.iter().find(|(sequence, ..)| *sequence == logged.event.sequence);
        let (parked_at, reason) = why.map(|(_, at, reason)| (*at, reason.clone())).unzip();
        ParkedEvent { logged, parked_at, reason }
    };
    Ok(logged.into_iter().map(with_reason).collect())
}

/// Tries a parked stream again: its parked events in order and everything that came after, in one transaction. From the
/// first on that cannot be applied this time it stays parked, with the new reason.
///
/// # Errors
/// One of the databases does not answer; nothing was changed then.
pub async fn resume(
    projection: &dyn Projection,
    read: &PgPool,
    store: &EventStore,
    stream: &StreamId,
) -> Result<Resumed, ProjectError> {
    // A process that freezes meanwhile holds the live projector up no longer than that.
    let begin = read.begin_with("begin; set local idle_in_transaction_session_timeout = '60s'");
    let mut tx = begin.await.map_err(ProjectError::Read)?;
    let before = lock_in_tx(&mut tx, projection, stream).await.map_err(ProjectError::Read)?;
    let since = take_in_tx(&mut tx, projection, stream).await.map_err(ProjectError::Read)?;
    let mut from = before + 1;
    loop {
        let events = store.read_logged_stream(stream, from, from + MAX_EVENTS - 1).await;
        let events = events.map_err(ProjectError::Log)?;
        let Some(last) = events.last() else { break };
        from = last.event.sequence + 1;
        apply_or_park_in_tx(&mut tx, projection, store, &events).await?;
    }
    keep_times_in_tx(&mut tx, projection, stream, &since).await.map_err(ProjectError::Read)?;
    let parked = find_in_tx(&mut tx, projection, stream).await.map_err(ProjectError::Read)?;
    tx.commit().await.map_err(ProjectError::Read)?;
    let next = parked.as_ref().map_or(from, |parked| parked.first_sequence);
    Ok(Resumed { applied: next - 1 - before, parked })
}

/// The same locks in the same order as a batch takes them. Returns the stream's applied sequence.
async fn lock_in_tx(
    tx: &mut PgConnection,
    projection: &dyn Projection,
    stream: &StreamId,
) -> Result<i64, sqlx::Error> {
    sqlx::query(&lock(projection, false)).execute(&mut *tx).await?;
    let (types, ids) = ([stream.kind.as_str()], [stream.id.as_str()]);
    let row: Option<(String, String, i64)> =
        sqlx::query_as(projection.applied().lock).bind(types).bind(ids).fetch_optional(tx).await?;
    Ok(row.map_or(0, |(_, _, sequence)| sequence))
}

/// Takes the stream's events out of what is parked; what is parked again keeps its time.
async fn take_in_tx(
    tx: &mut PgConnection,
    projection: &dyn Projection,
    stream: &StreamId,
) -> Result<Vec<(i64, DateTime<Utc>)>, sqlx::Error> {
    sqlx::query_as(
        "delete from parked where projection = $1 and aggregate_type = $2 and aggregate_id = $3
         returning sequence, parked_at",
    )
    .bind(projection.name())
    .bind(&stream.kind)
    .bind(&stream.id)
    .fetch_all(tx)
    .await
}

async fn keep_times_in_tx(
    tx: &mut PgConnection,
    projection: &dyn Projection,
    stream: &StreamId,
    since: &[(i64, DateTime<Utc>)],
) -> Result<(), sqlx::Error> {
    let (sequences, times): (Vec<i64>, Vec<DateTime<Utc>>) = since.iter().copied().unzip();
    sqlx::query(
        "update parked set parked_at = kept.parked_at
         from unnest($4::bigint[], $5::timestamptz[]) as kept (sequence, parked_at)
         where projection = $1 and aggregate_type = $2 and aggregate_id = $3 and parked.sequence = kept.sequence",
    )
    .bind(projection.name())
    .bind(&stream.kind)
    .bind(&stream.id)
    .bind(&sequences)
    .bind(&times)
    .execute(tx)
    .await?;
    Ok(())
}

async fn find_in_tx(
    tx: &mut PgConnection,
    projection: &dyn Projection,
    stream: &StreamId,
) -> Result<Option<ParkedStream>, sqlx::Error> {
    let row = sqlx::query(
        "select projection, aggregate_type, aggregate_id, sequence as first_sequence, parked_at as since, reason,
                count(*) over () as events
         from parked where projection = $1 and aggregate_type = $2 and aggregate_id = $3
         order by sequence limit 1",
    )
    .bind(projection.name())
    .bind(&stream.kind)
    .bind(&stream.id)
    .fetch_optional(tx)
    .await?;
    row.as_ref().map(parked_stream_from_row).transpose()
}

fn parked_stream_from_row(row: &PgRow) -> Result<ParkedStream, sqlx::Error> {
    Ok(ParkedStream {
        projection: row.try_get("projection")?,
        stream: StreamId { kind: row.try_get("aggregate_type")?, id: row.try_get("aggregate_id")? },
        first_sequence: row.try_get("first_sequence")?,
        events: row.try_get("events")?,
        since: row.try_get("since")?,
        reason: row.try_get("reason")?,
    })
}
