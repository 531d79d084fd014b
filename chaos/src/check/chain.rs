//! I4: the event log is dense, its hashes chain, and it holds what is in events.
//!
//! The hash is calculated here as the head of `event-store/src/event_log.rs` describes it.

use anyhow::Result;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sqlx::{PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use crate::check::Findings;

pub(super) async fn check(write: &PgPool, findings: &mut Findings) -> Result<()> {
    let mut rows = sqlx::query(
        "select global_position, hash, aggregate_type, aggregate_id, sequence, recorded_at, event_id, event_type,
                event_version, payload::text as payload, metadata::text as metadata
         from event_log left join events using (aggregate_type, aggregate_id, sequence)
         order by global_position",
    )
    .fetch(write);
    let (mut last, mut previous, mut wrong) = (0, vec![0; 32], vec![]);
    while let Some(row) = rows.try_next().await? {
        let position: i64 = row.try_get("global_position")?;
        if position != last + 1 {
            wrong.push(format!("the event log goes on at {position} after {last}"));
        }
        let hash: Vec<u8> = row.try_get("hash")?;
        if hash_of(&row, &previous)? != hash {
            wrong.push(format!("the hash of entry {position} is not that of what it covers"));
        }
        (last, previous) = (position, hash);
    }
    findings.compared("entries of the event log, with their hashes", last as u64);
    findings.violations("I4", wrong);
    Ok(())
}

fn hash_of(row: &PgRow, previous: &[u8]) -> Result<Vec<u8>> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous);
    hasher.update(&row.try_get::<i64, _>("global_position")?.to_le_bytes());
    hasher.update(&row.try_get::<i64, _>("sequence")?.to_le_bytes());
    let recorded_at: DateTime<Utc> = row.try_get("recorded_at")?;
    hasher.update(&recorded_at.timestamp_micros().to_le_bytes());
    let event_id: Uuid = row.try_get("event_id")?;
    let text = |name: &str| row.try_get::<String, _>(name).map(String::into_bytes);
    let parts = [
        text("aggregate_type")?,
        text("aggregate_id")?,
        event_id.as_bytes().to_vec(),
        text("event_type")?,
        text("event_version")?,
        text("payload")?,
        text("metadata")?,
    ];
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(&part);
    }
    Ok(hasher.finalize().as_bytes().to_vec())
}
