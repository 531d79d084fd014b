//! How entries of the event log are made: from the pointers of the outbox, many at once.
//!
//! They are read without a transaction, and written by one statement (`number_events`), so that a relay which stops
//! anywhere in between holds no lock. Only one relay writes, and the statement checks that it is the one that read.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use sqlx::Row;

use super::{Epoch, Head, LoggedEvent, entry_hash};
use crate::{
    EventStore, StoredEvent, StreamId,
    read::{event_columns, event_from_row},
};

/// What one round of numbering did.
#[derive(Debug, Clone)]
pub struct Numbered {
    /// The events that got their places, in order. Personal data sealed.
    pub events: Vec<LoggedEvent>,
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

/// Pointers of the outbox, and what they lead to, on their way into the event log.
#[derive(Debug)]
pub struct Claim(Vec<Claimed>);

#[derive(Debug)]
struct Claimed {
    position: i64,
    event: StoredEvent,
}

impl Claim {
    /// The pointers, by their positions in the outbox.
    #[must_use]
    pub fn positions(&self) -> Vec<i64> {
        self.0.iter().map(|claimed| claimed.position).collect()
    }

    /// The first of them.
    #[must_use]
    pub fn first_position(&self) -> Option<i64> {
        self.0.first().map(|claimed| claimed.position)
    }
}

impl EventStore {
    /// Gives the oldest `limit` pointers of the outbox their places in the event log.
    ///
    /// # Errors
    /// See [`NumberingError`]. Unless the database failed, nothing was numbered.
    pub async fn number_outbox(
        &self,
        epoch: Epoch,
        lease: Duration,
        limit: i64,
    ) -> Result<Numbered, NumberingError> {
        let claim = self.claim_outbox(0, limit, &[]).await?;
        self.number(epoch, lease, claim).await
    }

    /// Reads the oldest `limit` pointers from a position on, but those that are being numbered: a set, not what follows a
    /// cursor. From 0 on, one of a stream comes with all earlier ones of it that are not being numbered, so numbering them
    /// next keeps its order. From a later position on an earlier one may be missing, whose transaction committed late;
    /// [`number`](Self::number) refuses that as a gap.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn claim_outbox(&self, from: i64, limit: i64, but: &[i64]) -> Result<Claim, sqlx::Error> {
        // Each pointer finds its event by the key, as in `read_log`.
        let rows = sqlx::query(concat!(
            "select o.position as outbox_position, ",
            event_columns!(),
            "
             from (
                 select * from outbox where position >= $3 and position <> all($2) order by position limit $1
             ) o
             cross join lateral (
                 select event_type, event_version, payload, metadata, event_id, recorded_at from events
                 where aggregate_type = o.aggregate_type and aggregate_id = o.aggregate_id and sequence = o.sequence
                 offset 0
             ) event
             order by o.position"
        ))
        .bind(limit)
        .bind(but)
        .bind(from)
        .fetch_all(self.pool())
        .await?;
        let claimed = |row| {
            Ok(Claimed { position: Row::try_get(row, "outbox_position")?, event: event_from_row(row)? })
        };
        let claimed = rows.iter().map(claimed).collect::<Result<_, sqlx::Error>>()?;
        #[cfg(feature = "planted-bugs")]
        let claimed = crate::planted_bugs::behind_the_cursor(claimed, |claimed: &Claimed| claimed.position);
        Ok(Claim(claimed))
    }

    /// Gives what was claimed its places in the event log; without any it only keeps the lead.
    ///
    /// # Errors
    /// See [`NumberingError`]. Unless the database failed, nothing was numbered.
    pub async fn number(
        &self,
        epoch: Epoch,
        lease: Duration,
        Claim(claimed): Claim,
    ) -> Result<Numbered, NumberingError> {
        #[cfg(feature = "planted-bugs")]
        let epoch = crate::planted_bugs::unchecked(self, epoch).await?;
        let mut head = self.head().await?;
        if claimed.is_empty() {
            let leads = self.renew_lead(epoch, lease).await?;
            return if leads {
                Ok(Numbered { events: vec![], head })
            } else {
                Err(NumberingError::NotLeader)
            };
        }
        self.check_continuity(&claimed).await?;
        let before = head.global_position;
        let mut hashes = Vec::with_capacity(claimed.len());
        for Claimed { event, .. } in &claimed {
            head.global_position += 1;
            head.hash = entry_hash(&head.hash, head.global_position, event);
            hashes.push(head.hash);
        }
        self.write_entries(epoch, lease, before, &claimed, &hashes).await?;
        #[cfg(feature = "planted-bugs")]
        crate::planted_bugs::delete_up_to_last(self, claimed.iter().map(|claimed| claimed.position)).await?;
        let places = (before + 1)..;
        let logged = |(global_position, claimed): (i64, Claimed)| LoggedEvent {
            global_position,
            event: claimed.event,
        };
        Ok(Numbered { events: places.zip(claimed).map(logged).collect(), head })
    }

    /// Each stream must go on where the log left it.
    async fn check_continuity(&self, claimed: &[Claimed]) -> Result<(), NumberingError> {
        let mut last = self.last_logged(claimed).await?;
        for Claimed { event, .. } in claimed {
            match last.get_mut(&event.stream) {
                Some(last) if event.sequence == *last + 1 => *last += 1,
                None if event.sequence == 1 => {
                    last.insert(event.stream.clone(), 1);
                }
                last => {
                    let (stream, found) = (event.stream.clone(), event.sequence);
                    return Err(NumberingError::Gap {
                        stream,
                        expected: last.map_or(0, |last| *last) + 1,
                        found,
                    });
                }
            }
        }
        Ok(())
    }

    /// The last sequence in the log of streams that go on. A stream that begins here has none: that its first event is
    /// not there yet, the unique index sees to.
    async fn last_logged(&self, claimed: &[Claimed]) -> Result<HashMap<StreamId, i64>, sqlx::Error> {
        let mut seen = HashSet::new();
        let first_ones = claimed.iter().map(|c| &c.event).filter(|event| seen.insert(&event.stream));
        let going_on: Vec<&StreamId> =
            first_ones.filter(|event| event.sequence > 1).map(|event| &event.stream).collect();
        if going_on.is_empty() {
            return Ok(HashMap::new());
        }
        let types: Vec<&str> = going_on.iter().map(|stream| stream.kind.as_str()).collect();
        let ids: Vec<&str> = going_on.iter().map(|stream| stream.id.as_str()).collect();
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "select type, id, l.sequence
             from unnest($1::text[], $2::text[]) as stream (type, id)
             cross join lateral (
                 select sequence from event_log
                 where aggregate_type = type and aggregate_id = id
                 order by sequence desc limit 1
             ) l",
        )
        .bind(&types)
        .bind(&ids)
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|(kind, id, sequence)| (StreamId { kind, id }, sequence)).collect())
    }

    async fn write_entries(
        &self,
        epoch: Epoch,
        lease: Duration,
        before: i64,
        claimed: &[Claimed],
        hashes: &[[u8; 32]],
    ) -> Result<(), NumberingError> {
        let positions: Vec<i64> = claimed.iter().map(|c| c.position).collect();
        let types: Vec<&str> = claimed.iter().map(|c| c.event.stream.kind.as_str()).collect();
        let ids: Vec<&str> = claimed.iter().map(|c| c.event.stream.id.as_str()).collect();
        let sequences: Vec<i64> = claimed.iter().map(|c| c.event.sequence).collect();
        let hashes: Vec<&[u8]> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
        let leads: bool = sqlx::query_scalar("select number_events($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(epoch.0)
            .bind(lease.as_secs_f64())
            .bind(before)
            .bind(&positions)
            .bind(&types)
            .bind(&ids)
            .bind(&sequences)
            .bind(&hashes)
            .fetch_one(self.pool())
            .await?;
        if leads { Ok(()) } else { Err(NumberingError::NotLeader) }
    }
}
