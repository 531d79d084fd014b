//! What happened, read from the write database: events with their place, their cause and who did it. Personal data is
//! clear where the person's key exists; what was erased stays sealed.

use chrono::{DateTime, Utc};
use event_store::{EventStore, StoredEvent, StreamId};
use platform::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Postgres, QueryBuilder, Row, postgres::PgRow};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::failures;

/// Most events of a page, and how many there are where nothing is asked for.
const MAX_LIMIT: i64 = 100;

/// An event as an auditor sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditEvent {
    /// Its place among all events; null in the moment before it has got one.
    global_position: Option<i64>,
    /// The type of its stream.
    #[schema(example = "booking")]
    stream_type: String,
    /// The id of its stream.
    stream_id: String,
    /// Its place in its stream, from 1.
    sequence: i64,
    /// Its id.
    event_id: Uuid,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "BookingConfirmed")]
    event_type: String,
    /// The version of the payload's shape.
    #[schema(example = "1")]
    version: String,
    /// When it was stored.
    time: DateTime<Utc>,
    /// The user who did it, or the part of the system that did.
    actor: Option<String>,
    /// The same for everything that one request led to.
    correlation_id: Option<String>,
    /// The event or request that led to it directly.
    causation_id: Option<String>,
    /// The facts. `{"subject": …, "clear": …}` is personal data, `sealed` instead of `clear` once it was erased.
    #[schema(value_type = Object)]
    payload: Value,
}

/// Some events in order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPage {
    /// The events.
    items: Vec<AuditEvent>,
    /// Most events of a page.
    limit: i64,
    /// `?from=` of the next page; null where nothing follows yet.
    next: Option<i64>,
}

/// Types of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StreamType {
    User,
    Event,
    Booking,
}

impl StreamType {
    const ALL: [Self; 3] = [Self::User, Self::Event, Self::Booking];

    const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Event => "event",
            Self::Booking => "booking",
        }
    }
}

/// Which part of a log: from a place on, up to so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    from: i64,
    limit: i64,
}

impl Range {
    /// Checks the parameters; the default is the beginning.
    ///
    /// # Errors
    /// 422 for what is not allowed.
    pub(crate) fn new(from: Option<i64>, limit: Option<i64>) -> Result<Self, Problem> {
        let range = Self { from: from.unwrap_or(1), limit: limit.unwrap_or(MAX_LIMIT) };
        if range.from < 0 {
            return Err(Problem::invalid_field("from", "must be a whole number from 0"));
        }
        if !(1..=MAX_LIMIT).contains(&range.limit) {
            return Err(Problem::invalid_field(
                "limit",
                format!("must be a whole number from 1 to {MAX_LIMIT}"),
            ));
        }
        Ok(range)
    }
}

/// The columns that [`place_and_event`] reads.
const COLUMNS: &str = "select l.global_position, e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, \
                       e.event_version, e.payload::text as payload, e.metadata::text as metadata, e.event_id, \
                       e.recorded_at ";

/// The event log from a global position on, all of it or only some streams.
///
/// # Errors
/// The database does not answer; that was logged.
pub(crate) async fn read_log(
    store: &EventStore,
    range: Range,
    stream_type: Option<StreamType>,
    stream_id: Option<String>,
) -> Result<AuditPage, Problem> {
    let mut query = QueryBuilder::new(COLUMNS);
    query.push("from event_log l join events e using (aggregate_type, aggregate_id, sequence)");
    query.push(" where l.global_position >= ").push_bind(range.from);
    if stream_type.is_some() || stream_id.is_some() {
        // An id alone would not find its index, which begins with the type.
        let types = stream_type.map_or(StreamType::ALL.to_vec(), |one| vec![one]);
        let types: Vec<&str> = types.into_iter().map(StreamType::name).collect();
        query.push(" and l.aggregate_type = any(").push_bind(types).push(")");
    }
    if let Some(id) = stream_id {
        query.push(" and l.aggregate_id = ").push_bind(id);
    }
    query.push(" order by l.global_position limit ").push_bind(range.limit + 1);
    page(store, query, range.limit, |place, _| place.unwrap_or_default()).await
}

/// One stream from a sequence on; nothing where there is no such stream. Events that have no global position yet are
/// part of it.
///
/// # Errors
/// The database does not answer; that was logged.
pub(crate) async fn read_stream(
    store: &EventStore,
    stream: &StreamId,
    range: Range,
) -> Result<Option<AuditPage>, Problem> {
    let exists = "select exists (select from events where aggregate_type = $1 and aggregate_id = $2)";
    let exists = sqlx::query_scalar(exists).bind(&stream.kind).bind(&stream.id).fetch_one(store.pool());
    if !exists.await.map_err(|error| failures::database(&error))? {
        return Ok(None);
    }
    let mut query = QueryBuilder::new(COLUMNS);
    query.push("from events e left join event_log l using (aggregate_type, aggregate_id, sequence)");
    query.push(" where e.aggregate_type = ").push_bind(stream.kind.clone());
    query.push(" and e.aggregate_id = ").push_bind(stream.id.clone());
    query.push(" and e.sequence >= ").push_bind(range.from);
    query.push(" order by e.sequence limit ").push_bind(range.limit + 1);
    page(store, query, range.limit, |_, event| event.sequence).await.map(Some)
}

/// Reads one event more than the page holds; its number is where the next page starts.
async fn page(
    store: &EventStore,
    mut query: QueryBuilder<'_, Postgres>,
    limit: i64,
    number: fn(Option<i64>, &StoredEvent) -> i64,
) -> Result<AuditPage, Problem> {
    let rows = query.build().fetch_all(store.pool()).await;
    let read = rows.and_then(|rows| rows.iter().map(place_and_event).collect::<Result<Vec<_>, _>>());
    let mut read = read.map_err(|error| failures::database(&error))?;
    let following = read.split_off(read.len().min(usize::try_from(limit).unwrap_or(usize::MAX)));
    let next = following.first().map(|(place, event)| number(*place, event));
    let (places, mut events): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    store.open(&mut events).await.map_err(|error| failures::database(&error))?;
    let items = places.into_iter().zip(events).map(|(place, event)| audit_event(place, event)).collect();
    Ok(AuditPage { items, limit, next })
}

fn place_and_event(row: &PgRow) -> Result<(Option<i64>, StoredEvent), sqlx::Error> {
    let event = StoredEvent {
        stream: StreamId { kind: row.try_get("aggregate_type")?, id: row.try_get("aggregate_id")? },
        sequence: row.try_get("sequence")?,
        event_id: row.try_get("event_id")?,
        event_type: row.try_get("event_type")?,
        event_version: row.try_get("event_version")?,
        payload: row.try_get("payload")?,
        metadata: row.try_get("metadata")?,
        recorded_at: row.try_get("recorded_at")?,
    };
    Ok((row.try_get("global_position")?, event))
}

fn audit_event(global_position: Option<i64>, event: StoredEvent) -> AuditEvent {
    let metadata = event.metadata();
    AuditEvent {
        global_position,
        sequence: event.sequence,
        event_id: event.event_id,
        time: event.recorded_at,
        actor: metadata.actor,
        correlation_id: metadata.correlation_id,
        causation_id: metadata.causation_id,
        // The column is of type json, so it is JSON; a text that serde alone refuses is shown as it is.
        payload: serde_json::from_str(&event.payload)
            .unwrap_or_else(|_| Value::String(event.payload.clone())),
        stream_type: event.stream.kind,
        stream_id: event.stream.id,
        event_type: event.event_type,
        version: event.event_version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_starts_at_the_beginning_and_is_bounded() {
        assert_eq!(Range::new(None, None).unwrap(), Range { from: 1, limit: MAX_LIMIT });
        assert_eq!(Range::new(Some(7), Some(1)).unwrap(), Range { from: 7, limit: 1 });
        for (from, limit, field) in [(-1, 1, "from"), (1, 0, "limit"), (1, 101, "limit")] {
            let problem = Range::new(Some(from), Some(limit)).unwrap_err();
            assert_eq!(problem.errors()[0].field, field);
        }
    }
}
