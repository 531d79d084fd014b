//! The event log: every event of every stream in one dense order, the *global position*, 1, 2, 3 …
//!
//! The order is made here, by one leader at a time, from the outbox: all visible pointers are claimed as a set, put in
//! the order of their positions and given the next numbers, in one transaction. A poller that only follows an identity
//! column or a transaction id loses events that commit late. The relay may claim from a position on, since it looks at the
//! whole again and again, and an event before an earlier one of its stream is refused.
//!
//! `leading` says who may write it, `numbering` how its entries are made.
//!
//! Entries are chained: `hash = BLAKE3(previous hash ‖ global position ‖ sequence ‖ recorded_at in microseconds ‖
//! aggregate type ‖ aggregate id ‖ event id ‖ event type ‖ event version ‖ payload ‖ metadata)`. Numbers are 8 bytes,
//! little-endian; each of the last seven is preceded by its length as such a number; the first previous hash is 32 zero
//! bytes. Payloads are hashed as they are stored, sealed, so that the chain still verifies after a person was erased.

mod backlog;
mod leading;
mod numbering;

pub use backlog::Backlog;
pub use leading::Epoch;
pub use numbering::{Claim, Numbered, NumberingError};

use sqlx::{Row, postgres::PgRow};

use crate::{
    EventStore, StoredEvent, StreamId, personal,
    read::{event_columns, event_from_row},
    silence::{ANSWER_DEADLINE, PAGE_DEADLINE, answered},
};

/// An entry of the event log.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedEvent {
    /// Its place among all events.
    pub global_position: i64,
    /// The event; personal data sealed, unless it was read with [`EventStore::open`].
    pub event: StoredEvent,
}

/// Entries between two places.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// In order.
    pub events: Vec<LoggedEvent>,
    /// The last place that was looked at; nothing of the wanted types stands between it and the last entry here.
    pub up_to: i64,
}

/// The newest entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its place; 0 while the log is empty.
    pub global_position: i64,
    /// The hash that covers it and everything before it.
    pub hash: [u8; 32],
}

impl EventStore {
    /// The newest entry of the event log.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn head(&self) -> Result<Head, sqlx::Error> {
        let newest = sqlx::query_as(
            "select global_position, hash from event_log order by global_position desc limit 1",
        );
        let row: Result<Option<(i64, Vec<u8>)>, sqlx::Error> =
            answered!(self.pool(), ANSWER_DEADLINE, |connection| newest.fetch_optional(connection));
        let row = row?;
        let Some((global_position, hash)) = row else {
            return Ok(Head { global_position: 0, hash: [0; 32] });
        };
        let hash = hash.try_into().map_err(|_| sqlx::Error::Decode("hash of the event log's head".into()))?;
        Ok(Head { global_position, hash })
    }

    /// The entries of some types of stream (all if none is named) among the next `limit` places after one. Personal
    /// data stays sealed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn read_log(
        &self,
        after: i64,
        limit: i64,
        stream_types: &[&str],
    ) -> Result<LogPage, sqlx::Error> {
        let up_to = after.saturating_add(limit).min(self.head().await?.global_position);
        if up_to <= after {
            return Ok(LogPage { events: vec![], up_to: after });
        }
        // Each entry finds its event by the key: a join that is planned while the tables are small would scan them, and be
        // kept when they have grown.
        let page = sqlx::query(concat!(
            "select global_position, ",
            event_columns!(),
            "
             from (
                 select global_position, aggregate_type, aggregate_id, sequence from event_log
                 where global_position > $1 and global_position <= $2
                       and (cardinality($3::text[]) = 0 or aggregate_type = any($3))
                 order by global_position limit $4
             ) entry
             cross join lateral (
                 select event_type, event_version, payload, metadata, event_id, recorded_at from events
                 where aggregate_type = entry.aggregate_type and aggregate_id = entry.aggregate_id
                       and sequence = entry.sequence
                 offset 0
             ) event
             order by global_position"
        ))
        .bind(after)
        .bind(up_to)
        .bind(stream_types)
        .bind(limit);
        let rows: Result<Vec<PgRow>, sqlx::Error> =
            answered!(self.pool(), PAGE_DEADLINE, |connection| page.fetch_all(connection));
        let rows = rows?;
        let events = rows.iter().map(logged_event_from_row).collect::<Result<_, _>>()?;
        Ok(LogPage { events, up_to })
    }

    /// The logged entries of one stream between two sequences, both included. Personal data stays sealed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn read_logged_stream(
        &self,
        stream: &StreamId,
        from: i64,
        to: i64,
    ) -> Result<Vec<LoggedEvent>, sqlx::Error> {
        let rows = sqlx::query(concat!(
            "select global_position, ",
            event_columns!(),
            "
             from event_log join events using (aggregate_type, aggregate_id, sequence)
             where aggregate_type = $1 and aggregate_id = $2 and sequence between $3 and $4
             order by sequence"
        ))
        .bind(&stream.kind)
        .bind(&stream.id)
        .bind(from)
        .bind(to)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(logged_event_from_row).collect()
    }

    /// Opens the personal data in events of the log, where the persons' keys exist.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn open(&self, events: &mut [StoredEvent]) -> Result<(), sqlx::Error> {
        if !events.iter().any(|event| personal::has_sealed(&event.payload)) {
            return Ok(());
        }
        let mut connection = self.pool().acquire().await?;
        personal::open(&mut connection, self.master_key(), events).await
    }
}

fn logged_event_from_row(row: &PgRow) -> Result<LoggedEvent, sqlx::Error> {
    Ok(LoggedEvent { global_position: row.try_get("global_position")?, event: event_from_row(row)? })
}

/// The hash of an entry, see the top of this file.
#[must_use]
pub fn entry_hash(previous: &[u8; 32], global_position: i64, event: &StoredEvent) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous);
    hasher.update(&global_position.to_le_bytes());
    hasher.update(&event.sequence.to_le_bytes());
    hasher.update(&event.recorded_at.timestamp_micros().to_le_bytes());
    let texts = [
        event.stream.kind.as_bytes(),
        event.stream.id.as_bytes(),
        event.event_id.as_bytes(),
        event.event_type.as_bytes(),
        event.event_version.as_bytes(),
        event.payload.as_bytes(),
        event.metadata.as_bytes(),
    ];
    for text in texts {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    *hasher.finalize().as_bytes()
}
