//! The rows of an append, and the one statement that writes them: `append_at_once`, a function in the database
//! (`migrations/write/0007_append_at_once.sql`), which also says what it refuses.

use std::{borrow::Cow, collections::BTreeSet};

use sqlx::{
    PgExecutor,
    postgres::{PgDatabaseError, PgQueryResult},
};
use uuid::Uuid;

use crate::{Append, AppendError, CommandId, NewEvent, NewReceipt, PlantedBug, StreamAppend, StreamId};

/// The function's codes for what it refuses.
const REPEATED: &str = "BX001";
const GONE: &str = "BX002";
const STREAM_KEY: &str = "events_pkey";

/// Events by stream and receipts by id: the order in which everybody takes these locks.
pub(crate) struct Rows<'a> {
    pub(crate) events: Vec<EventRow<'a>>,
    receipts: Vec<ReceiptRow<'a>>,
}

/// An event in its place.
pub(crate) struct EventRow<'a> {
    pub(crate) stream: &'a StreamId,
    sequence: i64,
    pub(crate) new: &'a NewEvent,
    /// As it is stored.
    pub(crate) payload: Cow<'a, str>,
}

struct ReceiptRow<'a> {
    new: &'a NewReceipt,
    outcome: String,
}

impl<'a> Rows<'a> {
    /// The rows of these appends, payloads as they were given.
    ///
    /// # Errors
    /// Two of them have one receipt.
    pub(crate) fn of(appends: impl Iterator<Item = &'a Append> + Clone) -> Result<Self, AppendError> {
        let mut streams: Vec<&StreamAppend> = appends.clone().flat_map(|append| &append.streams).collect();
        // Stable: several appends to one stream keep their order.
        streams.sort_by(|a, b| a.stream.cmp(&b.stream));
        let mut receipts: Vec<_> = appends.filter_map(ReceiptRow::of).collect();
        receipts.sort_by_key(|receipt| receipt.new.command_id);
        let twice = receipts.windows(2).filter(|pair| pair[0].new.command_id == pair[1].new.command_id);
        let twice: BTreeSet<CommandId> = twice.map(|pair| pair[0].new.command_id).collect();
        if !twice.is_empty() {
            return Err(AppendError::Repeated(twice));
        }
        Ok(Self { events: streams.into_iter().flat_map(EventRow::of).collect(), receipts })
    }

    /// Writes them, if these accounts exist.
    pub(crate) async fn append(
        &self,
        executor: impl PgExecutor<'_>,
        accounts: &[Uuid],
    ) -> Result<(), AppendError> {
        self.write(executor, accounts).await.map(drop).map_err(refusal_or_failure)
    }

    async fn write(
        &self,
        executor: impl PgExecutor<'_>,
        accounts: &[Uuid],
    ) -> Result<PgQueryResult, sqlx::Error> {
        let mut accounts = accounts.to_vec();
        accounts.sort_unstable();
        accounts.dedup();
        let (events, receipts) = (&self.events, &self.receipts);
        sqlx::query("select append_at_once($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)")
            .bind(column(events, |event| event.stream.kind.as_str()))
            .bind(column(events, |event| event.stream.id.as_str()))
            .bind(column(events, |event| event.sequence))
            .bind(column(events, |event| event.new.event_type.as_str()))
            .bind(column(events, |event| event.new.event_version.as_str()))
            .bind(column(events, |event| &*event.payload))
            .bind(column(events, |event| event.new.metadata.as_str()))
            .bind(column(events, |event| event.new.event_id))
            .bind(column(receipts, |receipt| &receipt.new.command_id.0[..]))
            .bind(column(receipts, |receipt| &receipt.new.body_hash[..]))
            .bind(column(receipts, |receipt| receipt.outcome.as_str()))
            .bind(column(receipts, |receipt| receipt.new.lifetime.map(|lifetime| lifetime.num_seconds())))
            .bind(accounts)
            .execute(executor)
            .await
    }
}

#[cfg(feature = "planted-bugs")]
impl Rows<'_> {
    /// What [`PlantedBug::AppendInTwo`] makes of it: bookings later than their shows, or never.
    pub(crate) async fn append_in_two(
        mut self,
        pool: &sqlx::PgPool,
        accounts: &[Uuid],
    ) -> Result<(), AppendError> {
        const ONE_OF: u128 = 100;
        let bookings = self.events.extract_if(.., |event| event.stream.kind == "booking").collect();
        self.append(pool, accounts).await?;
        if Uuid::new_v4().as_u128().is_multiple_of(ONE_OF) {
            std::process::abort();
        }
        Rows { events: bookings, receipts: vec![] }.append(pool, &[]).await
    }
}

impl<'a> EventRow<'a> {
    fn of(append: &'a StreamAppend) -> impl Iterator<Item = Self> {
        (append.expected_sequence + 1..).zip(&append.events).map(|(sequence, new)| Self {
            stream: &append.stream,
            sequence,
            new,
            payload: Cow::Borrowed(&new.payload),
        })
    }
}

impl<'a> ReceiptRow<'a> {
    fn of(append: &'a Append) -> Option<Self> {
        let new = append.receipt.as_ref().filter(|_| !PlantedBug::NoReceipts.is_planted())?;
        let outcome = serde_json::to_string(&append.outcome()).expect("positions are plain data");
        Some(Self { new, outcome })
    }
}

/// What `unnest` takes.
fn column<'r, R, V>(rows: &'r [R], value: impl Fn(&'r R) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}

fn refusal_or_failure(error: sqlx::Error) -> AppendError {
    let database = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    let Some(database) = database else { return AppendError::Database(error) };
    let detail = database.detail().unwrap_or_default();
    match (database.code(), database.constraint()) {
        (REPEATED, _) => AppendError::Repeated(detail.split(',').filter_map(command_id).collect()),
        (GONE, _) => AppendError::Gone(detail.split(',').filter_map(|id| id.parse().ok()).collect()),
        (_, Some(STREAM_KEY)) => AppendError::Conflict { stream: conflicting_stream(detail) },
        (_, _) => AppendError::Database(error),
    }
}

/// PostgreSQL says: `Key (aggregate_type, aggregate_id, sequence)=(event, 0193…, 7) already exists.`, in its language.
fn conflicting_stream(detail: &str) -> Option<StreamId> {
    let (_, values) = detail.split_once(")=(")?;
    let (key, _) = values.rsplit_once(')')?;
    let (stream, _) = key.rsplit_once(", ")?;
    let (kind, id) = stream.split_once(", ")?;
    Some(StreamId::new(kind, id))
}

/// From 64 hexadecimal digits.
fn command_id(hex: &str) -> Option<CommandId> {
    let mut id = [0; 32];
    for (nth, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * nth..2 * nth + 2)?, 16).ok()?;
    }
    Some(CommandId(id))
}
