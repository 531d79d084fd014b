//! The projections, and how far each has applied every stream.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use sqlx::PgPool;

use crate::journal::StreamKey;

/// Projections, and the types of stream that each follows.
pub(crate) const PROJECTIONS: [(&str, &[&str]); 5] = [
    ("users", &["user"]),
    ("events", &["event"]),
    ("bookings", &["booking"]),
    ("payments", &["booking"]),
    ("notifications", &["user", "event", "booking"]),
];

/// The types of stream that process managers follow.
pub(crate) const FOLLOWED_BY_PROCESSES: [&str; 2] = ["event", "booking"];

/// How far each stream was applied by each projection, what is parked included.
pub(crate) async fn applied(read: &PgPool) -> Result<BTreeMap<&'static str, HashMap<StreamKey, i64>>> {
    let mut applied = BTreeMap::new();
    for (projection, _) in PROJECTIONS {
        let rows: Vec<(String, String, i64)> =
            sqlx::query_as(applied_query(projection)).fetch_all(read).await?;
        let of_streams: HashMap<_, _> =
            rows.into_iter().map(|(kind, id, sequence)| ((kind, id), sequence)).collect();
        applied.insert(projection, of_streams);
    }
    let parked: Vec<(String, String, String, i64)> = sqlx::query_as(
        "select projection, aggregate_type, aggregate_id, max(sequence) from read_model.parked
         group by projection, aggregate_type, aggregate_id",
    )
    .fetch_all(read)
    .await?;
    for (projection, kind, id, sequence) in parked {
        if let Some((_, streams)) = applied.iter_mut().find(|(name, _)| **name == projection) {
            streams.insert((kind, id), sequence);
        }
    }
    Ok(applied)
}

fn applied_query(projection: &str) -> &'static str {
    match projection {
        "users" => "select stream_type, stream_id, sequence from read_model.users_applied",
        "events" => "select stream_type, stream_id, sequence from read_model.events_applied",
        "bookings" => "select stream_type, stream_id, sequence from read_model.bookings_applied",
        "payments" => "select stream_type, stream_id, sequence from read_model.payments_applied",
        _ => "select stream_type, stream_id, sequence from read_model.notifications_applied",
    }
}
