//! The write side's memory: streams of domain events in PostgreSQL, and what must hold around an append.
//!
//! - [`EventStore::append`]: events of one or several streams, receipts and outbox, in one transaction.
//! - [`EventStore::append_at_once`]: the same in one round trip.
//! - [`EventStore::read_streams`]: what streams say, with the database's time.
//! - [`EventStore::snapshot`]: what a long stream folds to, in pieces.
//! - [`EventStore::execute`]: one command to one stream, through cqrs-es.
//! - [`event_log`]: every event in one dense order, chained by hashes. Only the relay writes it.
//! - [`MasterKey`]: what seals personal data inside events, and keys.
//!
//! Architecture invariant: this crate is generic over the aggregate. It knows no rule of the domain, no HTTP and no
//! Kafka.

mod append;
mod append_rows;
mod clock;
mod event;
pub mod event_log;
mod execute;
mod master_key;
mod migrate;
mod personal;
mod planted_bugs;
mod read;
mod receipts;
mod silence;
mod snapshots;
mod wake;

pub use append::{Append, AppendError, StreamAppend};
pub use event::{Metadata, NewEvent, StoredEvent, StreamId, StreamPosition};
pub use execute::{CommandContext, Companion, ExecuteError, Executed, NoCompanion};
pub use master_key::{MasterKey, MasterKeyError};
pub use planted_bugs::PlantedBug;
pub use read::{ReadError, StreamsRead};
pub use receipts::{CommandId, NewReceipt, Receipt};
pub use snapshots::{Snapshot, SnapshotPart};
pub use wake::{Waker, Wakeup};

use std::sync::Arc;

use sqlx::PgPool;

use crate::clock::DatabaseClock;

/// A handle on the write database; cheap to clone.
#[derive(Debug, Clone)]
pub struct EventStore {
    pool: PgPool,
    master_key: Arc<MasterKey>,
    outbox_waker: Waker,
    clock: Arc<DatabaseClock>,
}

impl EventStore {
    /// A store on a migrated database. Spawns the task that wakes the relay after appends.
    #[must_use]
    pub fn new(pool: PgPool, master_key: Arc<MasterKey>) -> Self {
        let outbox_waker = Waker::spawn(pool.clone(), wake::OUTBOX);
        Self { pool, master_key, outbox_waker, clock: Arc::default() }
    }

    /// Creates or updates the tables of the write database.
    ///
    /// # Errors
    /// A migration failed, or one that was applied has changed since.
    pub async fn migrate(pool: &PgPool) -> Result<(), sqlx::migrate::MigrateError> {
        migrate::MIGRATOR.run(pool).await
    }

    /// The database, for what must join an append's transaction.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The key under which keys are wrapped and addresses are hashed.
    #[must_use]
    pub fn master_key(&self) -> &MasterKey {
        &self.master_key
    }
}
