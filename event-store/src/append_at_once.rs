//! The append of the busiest way, in one round trip: the database does in a function what [`EventStore::append`] does in
//! a transaction of several statements (`migrations/write/0007_append_at_once.sql`).

use std::collections::BTreeSet;

use sqlx::postgres::PgDatabaseError;
use uuid::Uuid;

use crate::{
    Append, AppendError, CommandId, EventStore, StreamAppend,
    append::{Rows, conflict_or_failure},
    personal,
};

/// The function's codes for what it refuses.
const REPEATED: &str = "BX001";
const GONE: &str = "BX002";

impl EventStore {
    /// Appends all of it if these accounts exist, and wakes the relay. Not for events with personal data.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing was appended then, save where it says so.
    pub async fn append_at_once(&self, appends: &[&Append], accounts: &[Uuid]) -> Result<(), AppendError> {
        let mut streams: Vec<&StreamAppend> = appends.iter().flat_map(|append| &append.streams).collect();
        // Stable: several appends to one stream keep their order.
        streams.sort_by(|a, b| a.stream.cmp(&b.stream));
        let mut rows = Rows::default();
        for append in streams {
            for (index, event) in append.events.iter().enumerate() {
                if personal::has_clear(&event.payload) {
                    return Err(sqlx::Error::Encode("personal data is sealed by append".into()).into());
                }
                let sequence = append.expected_sequence + 1 + index as i64;
                rows.push(&append.stream, sequence, event, event.payload.clone());
            }
        }
        let receipts = Receipts::of(appends)?;
        let mut accounts = accounts.to_vec();
        accounts.sort_unstable();
        accounts.dedup();
        sqlx::query("select append_at_once($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)")
            .bind(&rows.aggregate_types)
            .bind(&rows.aggregate_ids)
            .bind(&rows.sequences)
            .bind(&rows.event_types)
            .bind(&rows.event_versions)
            .bind(&rows.payloads)
            .bind(&rows.metadata)
            .bind(&rows.event_ids)
            .bind(&receipts.command_ids)
            .bind(&receipts.body_hashes)
            .bind(&receipts.outcomes)
            .bind(&receipts.seconds)
            .bind(&accounts)
            .execute(&self.pool)
            .await
            .map_err(refusal_or_failure)?;
        self.wake_relay();
        Ok(())
    }
}

/// Receipts, column by column, in the order of their ids.
#[derive(Default)]
struct Receipts<'a> {
    command_ids: Vec<&'a [u8]>,
    body_hashes: Vec<&'a [u8]>,
    outcomes: Vec<String>,
    seconds: Vec<Option<i64>>,
}

impl<'a> Receipts<'a> {
    fn of(appends: &[&'a Append]) -> Result<Self, AppendError> {
        let mut with_receipt: Vec<_> =
            appends.iter().filter_map(|append| Some((append.receipt.as_ref()?, *append))).collect();
        with_receipt.sort_by_key(|(receipt, _)| receipt.command_id);
        let twice: BTreeSet<CommandId> = with_receipt
            .windows(2)
            .filter(|pair| pair[0].0.command_id == pair[1].0.command_id)
            .map(|pair| pair[0].0.command_id)
            .collect();
        if !twice.is_empty() {
            return Err(AppendError::Repeated(twice));
        }
        let mut receipts = Self::default();
        for (receipt, append) in with_receipt {
            receipts.command_ids.push(&receipt.command_id.0);
            receipts.body_hashes.push(&receipt.body_hash);
            let outcome = serde_json::to_string(&append.outcome()).expect("positions are plain data");
            receipts.outcomes.push(outcome);
            receipts.seconds.push(receipt.lifetime.map(|lifetime| lifetime.num_seconds()));
        }
        Ok(receipts)
    }
}

fn refusal_or_failure(error: sqlx::Error) -> AppendError {
    let database = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    let about = |what: &str| {
        let error = database.filter(|error| error.code() == what)?;
        Some(error.detail().unwrap_or_default().split(',').collect::<Vec<_>>())
    };
    if let Some(commands) = about(REPEATED) {
        return AppendError::Repeated(commands.into_iter().filter_map(command_id).collect());
    }
    if let Some(accounts) = about(GONE) {
        return AppendError::Gone(accounts.into_iter().filter_map(|id| id.parse().ok()).collect());
    }
    conflict_or_failure(error)
}

/// From 64 hexadecimal digits.
fn command_id(hex: &str) -> Option<CommandId> {
    let mut id = [0; 32];
    for (nth, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * nth..2 * nth + 2)?, 16).ok()?;
    }
    Some(CommandId(id))
}
