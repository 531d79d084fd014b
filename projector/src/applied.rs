//! How far the tables in a pool's `search_path` have applied some streams.

use std::collections::HashMap;

use event_store::{StreamId, event_log::LoggedEvent};
use sqlx::PgPool;

/// By stream; one that is not there has nothing applied.
pub(crate) type Applied = HashMap<StreamId, i64>;

/// Reads it for the streams of these events, without a lock.
pub(crate) async fn applied(
    read: &PgPool,
    projection: &str,
    events: &[LoggedEvent],
) -> Result<Applied, sqlx::Error> {
    let types: Vec<&str> = events.iter().map(|logged| logged.event.stream.kind.as_str()).collect();
    let ids: Vec<&str> = events.iter().map(|logged| logged.event.stream.id.as_str()).collect();
    // The name is a constant of this crate.
    let query = format!(
        "select stream_type, stream_id, sequence from {projection}_applied
         where (stream_type, stream_id) in (select * from unnest($1::text[], $2::text[]))"
    );
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as(&query).bind(&types).bind(&ids).fetch_all(read).await?;
    Ok(rows.into_iter().map(|(kind, id, sequence)| (StreamId { kind, id }, sequence)).collect())
}
