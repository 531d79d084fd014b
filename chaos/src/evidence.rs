//! What is in the write database when everything has come to rest, read by SQL and not by the product's code.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use serde_json::Value;
use sqlx::{PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    facts::{BookingFact, ShowFact, UserFact},
    journal::{Entries, StreamKey},
};

/// All events, stream by stream.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) streams: BTreeMap<StreamKey, Vec<StoredEvent>>,
    pub(crate) shows: HashMap<Uuid, Vec<ShowFact>>,
    pub(crate) bookings: HashMap<Uuid, Vec<BookingFact>>,
    pub(crate) users: HashMap<Uuid, Vec<UserFact>>,
    /// Which events say that they come from which request.
    pub(crate) by_correlation: HashMap<Uuid, Vec<(StreamKey, i64)>>,
    /// Streams that nobody can fold.
    pub(crate) poisoned: HashSet<StreamKey>,
    /// What could not be understood though nobody poisoned it.
    pub(crate) not_understood: Vec<String>,
    pub(crate) events: u64,
    /// Bookings of which something is still to be done at the gateway, and is noted.
    pub(crate) payments_due: HashSet<Uuid>,
}

#[derive(Debug)]
pub(crate) struct StoredEvent {
    pub(crate) sequence: i64,
    pub(crate) event_type: String,
    pub(crate) event_id: Uuid,
    pub(crate) recorded_at: DateTime<Utc>,
    pub(crate) global_position: Option<i64>,
    pub(crate) payload_hash: [u8; 32],
}

impl Evidence {
    pub(crate) async fn read(write: &PgPool, journal: &Entries) -> Result<Self> {
        let poisoned =
            journal.planted.iter().filter(|planted| planted.poison).map(|planted| planted.stream.clone());
        // Before the events: what is settled meanwhile is missed by nobody.
        let payments_due: Vec<Uuid> =
            sqlx::query_scalar("select booking_id from payments_due").fetch_all(write).await?;
        let payments_due = payments_due.into_iter().collect();
        let mut evidence = Self { poisoned: poisoned.collect(), payments_due, ..Self::default() };
        let mut rows = sqlx::query(
            "select aggregate_type, aggregate_id, sequence, event_type, payload::text as payload,
                    metadata ->> 'correlation_id' as correlation, metadata ->> 'correlationId' as correlation_camel,
                    event_id, recorded_at, global_position
             from events left join event_log using (aggregate_type, aggregate_id, sequence)
             order by aggregate_type, aggregate_id, sequence",
        )
        .fetch(write);
        while let Some(row) = rows.try_next().await? {
            evidence.add(&row)?;
        }
        Ok(evidence)
    }

    fn add(&mut self, row: &PgRow) -> Result<()> {
        let stream: StreamKey = (row.try_get("aggregate_type")?, row.try_get("aggregate_id")?);
        let payload: String = row.try_get("payload")?;
        let event = StoredEvent {
            sequence: row.try_get("sequence")?,
            event_type: row.try_get("event_type")?,
            event_id: row.try_get("event_id")?,
            recorded_at: row.try_get("recorded_at")?,
            global_position: row.try_get("global_position")?,
            payload_hash: *blake3::hash(payload.as_bytes()).as_bytes(),
        };
        let named: Option<String> = row.try_get("correlation")?;
        let named = named.or(row.try_get("correlation_camel")?);
        if let Some(correlation) = named.and_then(|text| text.parse().ok()) {
            self.by_correlation.entry(correlation).or_default().push((stream.clone(), event.sequence));
        }
        if !self.poisoned.contains(&stream)
            && let Err(error) = self.understand(&stream, &event, &payload)
        {
            self.not_understood.push(format!("{}:{} {}: {error:#}", stream.0, stream.1, event.sequence));
        }
        self.events += 1;
        self.streams.entry(stream).or_default().push(event);
        Ok(())
    }

    fn understand(&mut self, stream: &StreamKey, event: &StoredEvent, payload: &str) -> Result<()> {
        let id: Uuid = stream.1.parse().context("the stream's id is no UUID")?;
        let payload: Value = serde_json::from_str(payload)?;
        match stream.0.as_str() {
            "event" => self.shows.entry(id).or_default().push(ShowFact::parse(&event.event_type, &payload)?),
            "booking" => {
                self.bookings.entry(id).or_default().push(BookingFact::parse(&event.event_type, &payload)?)
            }
            "user" => self.users.entry(id).or_default().push(UserFact::parse(&event.event_type, &payload)?),
            other => anyhow::bail!("there are no streams of type {other}"),
        }
        Ok(())
    }

    /// The last sequence of a stream, if there is one.
    pub(crate) fn end(&self, stream: &StreamKey) -> i64 {
        self.streams.get(stream).and_then(|events| events.last()).map_or(0, |event| event.sequence)
    }
}
