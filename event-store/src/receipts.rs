//! Receipts: a command that has an id takes effect at most once (invariant I2).
//!
//! A receipt is written in the append's own transaction (`append_rows.rs`). It holds places in streams only; the answer is rebuilt from
//! them.

use chrono::TimeDelta;
use sqlx::Row;

use crate::{EventStore, PlantedBug, StreamPosition};

/// What a command is recognised by: a keyed hash of caller, route and idempotency key, or of an event and a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub [u8; 32]);

/// The receipt to be written with an append.
#[derive(Debug, Clone)]
pub struct NewReceipt {
    /// The command's id.
    pub command_id: CommandId,
    /// A keyed hash of what was asked, so that the same id with another body is noticed.
    pub body_hash: [u8; 32],
    /// How long it is kept; for ever if nothing is said.
    pub lifetime: Option<TimeDelta>,
}

/// The receipt of an earlier command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// A keyed hash of what was asked.
    pub body_hash: [u8; 32],
    /// Where the streams stood after it; the one that the answer shows comes first.
    pub outcome: Vec<StreamPosition>,
}

/// Most receipts that one sweep takes away.
const MAX_SWEPT: i64 = 10_000;

impl EventStore {
    /// Takes receipts away that have lapsed; some of them, if there are many. Answers whether there may be more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sweep_receipts(&self) -> Result<bool, sqlx::Error> {
        sqlx::query(
            "delete from receipts where command_id in (
                 select command_id from receipts where expires_at <= clock_timestamp()
                 order by expires_at limit $1 for update skip locked)",
        )
        .bind(MAX_SWEPT)
        .execute(self.pool())
        .await
        .map(|swept| swept.rows_affected() >= MAX_SWEPT as u64)
    }

    /// The receipt of a command that succeeded before.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn receipt(&self, command_id: CommandId) -> Result<Option<Receipt>, sqlx::Error> {
        if PlantedBug::NoReceipts.is_planted() {
            return Ok(None);
        }
        let row = sqlx::query(
            "select body_hash, outcome from receipts
             where command_id = $1 and (expires_at is null or expires_at > clock_timestamp())",
        )
        .bind(command_id.0)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            let body_hash: Vec<u8> = row.try_get("body_hash")?;
            let outcome: sqlx::types::Json<Vec<StreamPosition>> = row.try_get("outcome")?;
            let body_hash = body_hash.try_into().map_err(|_| sqlx::Error::Decode("body_hash".into()))?;
            Ok(Receipt { body_hash, outcome: outcome.0 })
        })
        .transpose()
    }
}
