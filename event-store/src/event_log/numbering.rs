//! How entries of the event log are made: from the pointers of the outbox, many at once.
//!
//! They are read without a transaction, and written by one statement (`number_events`), so that a relay which stops
//! anywhere in between holds no lock. Only one relay writes, and the statement checks that it is the one that read.

use std::{collections::HashMap, time::Duration};

use sqlx::{
    Row,
    postgres::{PgDatabaseError, PgRow},
};

use super::{Epoch, Head, LoggedEvent, entry_hash};
use crate::{
    EventStore, StoredEvent, StreamId,
    read::{event_columns, event_from_row},
    silence::{ANSWER_DEADLINE, answered},
};

/// The function's code for an event whose predecessor is not in the log; `detail` is its place among those numbered.
const GAP: &str = "BX003";

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
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there was nothing to claim.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The position of the first pointer in the outbox.
    #[must_use]
    pub fn first_position(&self) -> Option<i64> {
        self.0.first().map(|claimed| claimed.position)
    }

    /// The position of the last one.
    #[must_use]
    pub fn last_position(&self) -> Option<i64> {
        self.0.last().map(|claimed| claimed.position)
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
        let claim = self.claim_outbox(0, limit).await?;
        self.number(epoch, lease, self.head().await?, claim).await
    }

    /// Reads the oldest `limit` pointers from a position on. From 0 on, one of a stream comes with all earlier ones of it, so
    /// numbering them keeps its order. From a later position on an earlier one may be missing, whose transaction committed
    /// late; [`number`](Self::number) refuses that as a gap.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn claim_outbox(&self, from: i64, limit: i64) -> Result<Claim, sqlx::Error> {
        // Each pointer finds its event by itself, as in `read_log`, but all of them side by side.
        let claim = sqlx::query(concat!(
            "select o.position as outbox_position, ",
            event_columns!(),
            "
             from (
                 select * from outbox where position >= $2 order by position limit $1
             ) o
             cross join lateral (
                 select event_type, event_version, payload, metadata, event_id, recorded_at from events
                 where position = o.position
                 offset 0
             ) event
             order by o.position"
        ))
        .bind(limit)
        .bind(from);
        let rows: Result<Vec<PgRow>, sqlx::Error> =
            answered!(self.pool(), ANSWER_DEADLINE, |connection| claim.fetch_all(connection));
        let rows = rows?;
        let claimed = |row| {
            Ok(Claimed { position: Row::try_get(row, "outbox_position")?, event: event_from_row(row)? })
        };
        let claimed = rows.iter().map(claimed).collect::<Result<_, sqlx::Error>>()?;
        #[cfg(feature = "planted-bugs")]
        let claimed = crate::planted_bugs::behind_the_cursor(claimed, |claimed: &Claimed| claimed.position);
        Ok(Claim(claimed))
    }

    /// Gives what was claimed the places after the head of the event log; without any it only keeps the lead.
    ///
    /// # Errors
    /// See [`NumberingError`]. Unless the database failed, nothing was numbered. It fails, too, if the head is not that any
    /// more.
    pub async fn number(
        &self,
        epoch: Epoch,
        lease: Duration,
        head: Head,
        Claim(claimed): Claim,
    ) -> Result<Numbered, NumberingError> {
        #[cfg(feature = "planted-bugs")]
        let (epoch, head) = (
            crate::planted_bugs::unchecked(self, epoch).await?,
            crate::planted_bugs::unchecked_head(self, head).await?,
        );
        if claimed.is_empty() {
            let leads = self.renew_lead(epoch, lease).await?;
            return if leads {
                Ok(Numbered { events: vec![], head })
            } else {
                Err(NumberingError::NotLeader)
            };
        }
        let are_first = going_on(&claimed)?;
        let (mut head, before) = (head, head.global_position);
        let mut hashes = Vec::with_capacity(claimed.len());
        for Claimed { event, .. } in &claimed {
            head.global_position += 1;
            head.hash = entry_hash(&head.hash, head.global_position, event);
            hashes.push(head.hash);
        }
        self.write_entries(epoch, lease, before, &claimed, &are_first, &hashes).await?;
        #[cfg(feature = "planted-bugs")]
        crate::planted_bugs::delete_up_to_last(self, claimed.iter().map(|claimed| claimed.position)).await?;
        let places = (before + 1)..;
        let logged = |(global_position, claimed): (i64, Claimed)| LoggedEvent {
            global_position,
            event: claimed.event,
        };
        Ok(Numbered { events: places.zip(claimed).map(logged).collect(), head })
    }

    /// The event that does not go on where the log left its stream.
    async fn gap(&self, before: &StoredEvent) -> Result<NumberingError, sqlx::Error> {
        let (stream, found) = (before.stream.clone(), before.sequence);
        let last: Option<i64> = sqlx::query_scalar(
            "select max(sequence) from event_log where aggregate_type = $1 and aggregate_id = $2",
        )
        .bind(&stream.kind)
        .bind(&stream.id)
        .fetch_one(self.pool())
        .await?;
        Ok(NumberingError::Gap { stream, expected: last.unwrap_or(0) + 1, found })
    }

    async fn write_entries(
        &self,
        epoch: Epoch,
        lease: Duration,
        before: i64,
        claimed: &[Claimed],
        are_first: &[bool],
        hashes: &[[u8; 32]],
    ) -> Result<(), NumberingError> {
        let positions: Vec<i64> = claimed.iter().map(|c| c.position).collect();
        let types: Vec<&str> = claimed.iter().map(|c| c.event.stream.kind.as_str()).collect();
        let ids: Vec<&str> = claimed.iter().map(|c| c.event.stream.id.as_str()).collect();
        let sequences: Vec<i64> = claimed.iter().map(|c| c.event.sequence).collect();
        let hashes: Vec<&[u8]> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
        let number = sqlx::query_scalar("select number_events($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(epoch.0)
            .bind(lease.as_secs_f64())
            .bind(before)
            .bind(&positions)
            .bind(&types)
            .bind(&ids)
            .bind(&sequences)
            .bind(are_first)
            .bind(&hashes);
        let numbered: Result<bool, sqlx::Error> =
            answered!(self.pool(), ANSWER_DEADLINE, |connection| number.fetch_one(connection));
        match numbered {
            Ok(true) => Ok(()),
            Ok(false) => Err(NumberingError::NotLeader),
            Err(error) => match place_of_gap(&error).and_then(|place| claimed.get(place - 1)) {
                Some(Claimed { event, .. }) => Err(self.gap(event).await?),
                None => Err(error.into()),
            },
        }
    }
}

/// Which of them are the first of their streams here; the others must go on where those before them ended.
fn going_on(claimed: &[Claimed]) -> Result<Vec<bool>, NumberingError> {
    let mut last = HashMap::new();
    let are_first =
        claimed.iter().map(|Claimed { event, .. }| match last.insert(&event.stream, event.sequence) {
            None => Ok(true),
            Some(last) if event.sequence == last + 1 => Ok(false),
            Some(last) => {
                let (stream, found) = (event.stream.clone(), event.sequence);
                Err(NumberingError::Gap { stream, expected: last + 1, found })
            }
        });
    are_first.collect()
}

fn place_of_gap(error: &sqlx::Error) -> Option<usize> {
    let error = error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
    if error.code() == GAP { error.detail()?.parse().ok() } else { None }
}
