//! The event log: every event of every stream in one dense order, the *global position*, 1, 2, 3 …
//!
//! The order is made here, by one leader at a time, from the outbox: all visible pointers are claimed as a set, put in
//! the order of their positions and given the next numbers, in one transaction. A poller that follows an identity
//! column or a transaction id instead loses events that commit late.
//!
//! Entries are chained: `hash = BLAKE3(previous hash ‖ global position ‖ sequence ‖ recorded_at in microseconds ‖
//! aggregate type ‖ aggregate id ‖ event id ‖ event type ‖ event version ‖ payload ‖ metadata)`. Numbers are 8 bytes,
//! little-endian; each of the last seven is preceded by its length as such a number; the first previous hash is 32 zero
//! bytes. Payloads are hashed as they are stored, sealed, so that the chain still verifies after a person was erased.

use std::{collections::HashMap, time::Duration};

use sqlx::{PgConnection, Row, postgres::PgRow};

use crate::{
    EventStore, StoredEvent, StreamId, personal,
    read::{event_columns, event_from_row},
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

/// What one round of numbering did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// How many events got their place.
    pub events: usize,
    /// The newest place.
    pub head: Head,
}

/// Why no event was numbered.
#[derive(Debug, thiserror::Error)]
pub enum NumberingError {
    /// Somebody else leads, with a higher epoch.
    #[error("another relay has taken over")]
    NotLeader,
    /// A stream does not go on at its last sequence + 1. Nothing may be published until a person has looked.
    #[error("stream {stream} goes on at {found}, but {expected} was to come")]
    Gap {
        /// Which stream.
        stream: StreamId,
        /// What was to come.
        expected: i64,
        /// What came.
        found: i64,
    },
    /// The database did not answer.
    #[error("the write database failed")]
    Database(#[from] sqlx::Error),
}

/// A leader's right to write the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(i64);

impl EventStore {
    /// Takes the lead if nobody has a valid lease. Every taking over has a higher epoch.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn try_lead(&self, holder: &str, lease: Duration) -> Result<Option<Epoch>, sqlx::Error> {
        let epoch = sqlx::query_scalar(
            "update relay_leader
             set epoch = epoch + 1, holder = $1, lease_until = clock_timestamp() + make_interval(secs => $2)
             where lease_until < clock_timestamp()
             returning epoch",
        )
        .bind(holder)
        .bind(lease.as_secs_f64())
        .fetch_optional(self.pool())
        .await?;
        Ok(epoch.map(Epoch))
    }

    /// Keeps the lead; false when it is lost.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn renew_lead(&self, epoch: Epoch, lease: Duration) -> Result<bool, sqlx::Error> {
        let mut connection = self.pool().acquire().await?;
        renew_lead_in_tx(&mut connection, epoch, lease).await
    }

    /// Gives the lead up, so that another need not wait for the lease to end.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn resign(&self, epoch: Epoch) -> Result<(), sqlx::Error> {
        sqlx::query("update relay_leader set lease_until = '-infinity' where epoch = $1")
            .bind(epoch.0)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Gives the oldest `limit` pointers of the outbox their places in the event log.
    ///
    /// # Errors
    /// See [`NumberingError`]; nothing was numbered then.
    pub async fn number_outbox(
        &self,
        epoch: Epoch,
        lease: Duration,
        limit: i64,
    ) -> Result<Numbered, NumberingError> {
        let mut tx = self.pool().begin().await?;
        if !renew_lead_in_tx(&mut tx, epoch, lease).await? {
            return Err(NumberingError::NotLeader);
        }
        let mut head = head(&mut tx).await?;
        let claimed = claim_outbox_in_tx(&mut tx, limit).await?;
        if claimed.is_empty() {
            tx.commit().await?;
            return Ok(Numbered { events: 0, head });
        }
        let events: Vec<&StoredEvent> = claimed.iter().map(|(_, event)| event).collect();
        check_continuity_in_tx(&mut tx, &events).await?;
        head = insert_entries_in_tx(&mut tx, head, &events).await?;
        let positions: Vec<i64> = claimed.iter().map(|(position, _)| *position).collect();
        sqlx::query("delete from outbox where position = any($1)").bind(&positions).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(Numbered { events: claimed.len(), head })
    }

    /// How many events wait for their place.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn outbox_len(&self) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("select count(*) from outbox").fetch_one(self.pool()).await
    }

    /// The newest entry of the event log.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn head(&self) -> Result<Head, sqlx::Error> {
        let mut connection = self.pool().acquire().await?;
        head(&mut connection).await
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
        let rows = sqlx::query(concat!(
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
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
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

    /// How far Kafka has confirmed the event log.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn published_position(&self) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("select published_position from relay_leader").fetch_one(self.pool()).await
    }

    /// Moves the mark of what Kafka has confirmed; false when the lead is lost.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn set_published_position(&self, epoch: Epoch, position: i64) -> Result<bool, sqlx::Error> {
        let moved = sqlx::query("update relay_leader set published_position = $2 where epoch = $1")
            .bind(epoch.0)
            .bind(position)
            .execute(self.pool())
            .await?;
        Ok(moved.rows_affected() == 1)
    }
}

fn logged_event_from_row(row: &PgRow) -> Result<LoggedEvent, sqlx::Error> {
    Ok(LoggedEvent { global_position: row.try_get("global_position")?, event: event_from_row(row)? })
}

async fn renew_lead_in_tx(tx: &mut PgConnection, epoch: Epoch, lease: Duration) -> Result<bool, sqlx::Error> {
    let renewed = sqlx::query(
        "update relay_leader set lease_until = clock_timestamp() + make_interval(secs => $2) where epoch = $1",
    )
    .bind(epoch.0)
    .bind(lease.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(renewed.rows_affected() == 1)
}

async fn head(connection: &mut PgConnection) -> Result<Head, sqlx::Error> {
    let row: Option<(i64, Vec<u8>)> =
        sqlx::query_as("select global_position, hash from event_log order by global_position desc limit 1")
            .fetch_optional(connection)
            .await?;
    let Some((global_position, hash)) = row else { return Ok(Head { global_position: 0, hash: [0; 32] }) };
    let hash = hash.try_into().map_err(|_| sqlx::Error::Decode("hash of the event log's head".into()))?;
    Ok(Head { global_position, hash })
}

async fn claim_outbox_in_tx(
    tx: &mut PgConnection,
    limit: i64,
) -> Result<Vec<(i64, StoredEvent)>, sqlx::Error> {
    let rows = sqlx::query(concat!(
        "select o.position as outbox_position, ",
        event_columns!(),
        "
         from (select * from outbox order by position limit $1) o
         join events using (aggregate_type, aggregate_id, sequence)
         order by o.position"
    ))
    .bind(limit)
    .fetch_all(tx)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("outbox_position")?, event_from_row(row)?))).collect()
}

/// Each stream must go on where the log left it.
async fn check_continuity_in_tx(
    tx: &mut PgConnection,
    events: &[&StoredEvent],
) -> Result<(), NumberingError> {
    let mut last = last_logged_in_tx(tx, events).await?;
    for event in events {
        let last = last.entry(event.stream.clone()).or_insert(0);
        if event.sequence != *last + 1 {
            let stream = event.stream.clone();
            return Err(NumberingError::Gap { stream, expected: *last + 1, found: event.sequence });
        }
        *last = event.sequence;
    }
    Ok(())
}

async fn last_logged_in_tx(
    tx: &mut PgConnection,
    events: &[&StoredEvent],
) -> Result<HashMap<StreamId, i64>, sqlx::Error> {
    let types: Vec<&str> = events.iter().map(|e| e.stream.kind.as_str()).collect();
    let ids: Vec<&str> = events.iter().map(|e| e.stream.id.as_str()).collect();
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "select type, id, l.sequence
         from (select distinct type, id from unnest($1::text[], $2::text[]) as stream (type, id)) s
         cross join lateral (
             select sequence from event_log
             where aggregate_type = s.type and aggregate_id = s.id
             order by sequence desc limit 1
         ) l",
    )
    .bind(&types)
    .bind(&ids)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|(kind, id, sequence)| (StreamId { kind, id }, sequence)).collect())
}

async fn insert_entries_in_tx(
    tx: &mut PgConnection,
    mut head: Head,
    events: &[&StoredEvent],
) -> Result<Head, sqlx::Error> {
    let mut places = Vec::with_capacity(events.len());
    let mut hashes = Vec::with_capacity(events.len());
    for event in events {
        head.global_position += 1;
        head.hash = entry_hash(&head.hash, head.global_position, event);
        places.push(head.global_position);
        hashes.push(head.hash.to_vec());
    }
    let types: Vec<&str> = events.iter().map(|e| e.stream.kind.as_str()).collect();
    let ids: Vec<&str> = events.iter().map(|e| e.stream.id.as_str()).collect();
    let sequences: Vec<i64> = events.iter().map(|e| e.sequence).collect();
    sqlx::query(
        "insert into event_log (global_position, aggregate_type, aggregate_id, sequence, hash)
         select * from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bytea[])",
    )
    .bind(&places)
    .bind(&types)
    .bind(&ids)
    .bind(&sequences)
    .bind(&hashes)
    .execute(tx)
    .await?;
    Ok(head)
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
