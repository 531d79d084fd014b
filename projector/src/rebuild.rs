//! A read model anew from the event log, beside the live one, and then put in its place at once.
//!
//! - `load`: from the event log into the new tables; where it was, is in the transaction of the rows.
//! - `person`: what of an erased person a rebuild that is paused has.
//! - `tables`: the new tables, in a schema of their own, and the switch.
//! - [`compare`]: the same for a look only: where the live rows are not what the event log says.
//!
//! A rebuild that was paused or killed leaves its tables and its place; the next one goes on there, unless other code
//! made them or the live tables have changed since. For the switch the live projector is held up by a lock on the
//! projection's row, the new tables catch up to the end of the log, and one transaction exchanges them: readers see the
//! old rows, then the new ones, and never nothing.
//!
//! Side effects are impossible here by construction. A rebuild runs what the live projector runs, and all that a
//! projection gets is an event and a connection whose `search_path` is the schema of the new tables. This crate depends
//! on nothing that could send, call or order: `boxoffice/tests/box_office/architecture.rs` lists what it may depend on,
//! inside the workspace and outside, and lets it use neither the network nor other processes of the standard library.

pub mod compare;
mod load;
mod person;
mod tables;

use std::time::Duration;

use event_store::EventStore;
use sqlx::{Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

pub(crate) use self::person::forget_users_in_tx;
use self::{
    load::{Load, Reached},
    tables::{Found, Made, Tables},
};
use crate::{ProjectError, Projection, parked, worker::checkpoint};

/// How long to wait for a rebuild that was killed a moment ago to let go.
const UNDER_WAY_DEADLINE: Duration = Duration::from_secs(5);
/// How often to look whether it has.
const UNDER_WAY_POLL: Duration = Duration::from_millis(100);
/// How often a rebuild looks whether it is still alone.
const LOCK_POLL: Duration = Duration::from_secs(1);
/// How long the switch waits between two tries, so that readers and the live projector get their turn.
const SWITCH_PAUSE: Duration = Duration::from_millis(200);

/// A rebuild of one read model.
#[derive(Clone, Copy)]
pub struct Rebuild<'a> {
    /// Which.
    pub projection: &'static dyn Projection,
    /// The read database, [`READ_SCHEMA`](crate::READ_SCHEMA) as its `search_path`; statements may take their time.
    pub live: &'a PgPool,
    /// The event log.
    pub store: &'a EventStore,
    /// Names the code that makes rows of events. Half-built tables of other code are not gone on with.
    pub code: &'a str,
    /// Asks it to pause.
    pub stop: &'a CancellationToken,
}

/// What a rebuild tells on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It begins at the beginning; if there was something to go on with, why it does not.
    Begun {
        /// Why half-built tables were dropped.
        instead: Option<&'static str>,
    },
    /// It goes on where an earlier one ended.
    WentOn(Progress),
    /// Some more is in.
    Applied(Progress),
    /// All is in, and indexes are being made.
    Indexing,
    /// Readers or writers did not let go of the live tables; the switch is tried again.
    SwitchDelayed,
}

/// How far a rebuild has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The last place of the event log that is in.
    pub position: i64,
    /// The end of the event log.
    pub head: i64,
}

/// How a rebuild ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The new tables are the live ones.
    Switched {
        /// Up to which place of the event log.
        position: i64,
        /// How many streams are parked, because of an event that could not be applied.
        parked_streams: i64,
    },
    /// It was told to stop; the next one goes on.
    Paused(Progress),
}

/// Why a rebuild ended early. The live tables are as they were; only when the connection was lost in the midst of the switch,
/// it may have come to pass.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The read database failed.
    #[error("the read database failed")]
    Read(#[from] sqlx::Error),
    /// Another rebuild of the same read model is under way.
    #[error("another rebuild of it is under way")]
    UnderWay,
    /// The connection that keeps other rebuilds of it away is lost.
    #[error("the connection that keeps other rebuilds of it away is lost")]
    LockLost(#[source] sqlx::Error),
    /// Another rebuild has begun anew meanwhile.
    #[error("another rebuild of it has begun anew meanwhile")]
    Replaced,
    /// Events could not be read or applied.
    #[error("the rebuild cannot go on")]
    Project(#[from] ProjectError),
    /// The live tables got other columns meanwhile, by a migration.
    #[error("the live tables have changed meanwhile; a new rebuild begins anew")]
    LiveChanged,
}

impl Rebuild<'_> {
    /// Goes on with half-built tables if there are some that it can go on with and `from_start` does not forbid it, and
    /// puts the new tables in the place of the live ones. May be killed at any moment.
    ///
    /// # Errors
    /// See [`RebuildError`].
    pub async fn run(
        &self,
        from_start: bool,
        mut tell: impl FnMut(Step) + Send,
    ) -> Result<Outcome, RebuildError> {
        let mut lock = self.live.begin().await?;
        self.be_alone_in_tx(&mut lock).await?;
        let outcome = tokio::select! {
            outcome = self.run_alone(from_start, &mut tell) => outcome?,
            lost = until_lost(&mut lock) => return Err(RebuildError::LockLost(lost)),
        };
        // Nothing is an error after a switch. The lock ends with its connection at the latest.
        let _ = lock.rollback().await;
        Ok(outcome)
    }

    async fn run_alone(
        &self,
        from_start: bool,
        tell: &mut (impl FnMut(Step) + Send),
    ) -> Result<Outcome, RebuildError> {
        checkpoint(&mut *self.live.acquire().await?, self.projection).await?;
        // What a comparison that was killed has left.
        Tables::of_comparison(self.projection).drop_in_tx(&mut *self.live.acquire().await?).await?;
        let tables = Tables::of_rebuild(self.projection);
        let beside = tables.pool(self.live);
        let begun = self.begin(&tables, &beside, from_start).await?;
        tell(begun);
        let made = tables.made(self.live).await?;

        let mut load = Load::new(self.projection, self.store.clone(), &beside, Some(self.stop)).await?;
        if let Reached::Paused(progress) = load.catch_up(&mut |at| tell(Step::Applied(at))).await? {
            return Ok(Outcome::Paused(progress));
        }
        let parked_streams = loop {
            tell(Step::Indexing);
            tables.complete(self.live).await?;
            if let Reached::Paused(progress) = load.catch_up(&mut |at| tell(Step::Applied(at))).await? {
                return Ok(Outcome::Paused(progress));
            }
            if let Some(parked_streams) = self.try_to_switch(&tables, made, &mut load).await? {
                break parked_streams;
            }
            tell(Step::SwitchDelayed);
            tokio::time::sleep(SWITCH_PAUSE).await;
        };
        Ok(Outcome::Switched { position: load.position(), parked_streams })
    }

    /// Held until the transaction ends: a second rebuild would take the new tables of the first away.
    async fn be_alone_in_tx(&self, tx: &mut PgConnection) -> Result<(), RebuildError> {
        sqlx::query("set local idle_in_transaction_session_timeout = 0").execute(&mut *tx).await?;
        let deadline = tokio::time::Instant::now() + UNDER_WAY_DEADLINE;
        loop {
            let is_alone: bool =
                sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtext('rebuild ' || $1))")
                    .bind(self.projection.name())
                    .fetch_one(&mut *tx)
                    .await?;
            if is_alone {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                return Err(RebuildError::UnderWay);
            }
            tokio::time::sleep(UNDER_WAY_POLL).await;
        }
    }

    async fn begin(&self, tables: &Tables, beside: &PgPool, from_start: bool) -> Result<Step, RebuildError> {
        let head = self.store.head().await.map_err(ProjectError::Log)?.global_position;
        let instead = match tables.find(self.live, self.code).await? {
            Found::Nothing => None,
            Found::Usable if from_start => Some("because it was asked for"),
            Found::Usable => match checkpoint(&mut *beside.acquire().await?, self.projection).await? {
                position if position <= head => return Ok(Step::WentOn(Progress { position, head })),
                _ => Some("because the event log ends before its place"),
            },
            Found::Foreign(why) => Some(why),
        };
        tables.create(self.live, self.code).await?;
        Ok(Step::Begun { instead })
    }

    /// How many streams are parked in what is live now; nothing where somebody did not let go of the tables, or more came than
    /// could be applied meanwhile.
    async fn try_to_switch(
        &self,
        tables: &Tables,
        made: Made,
        load: &mut Load<'_>,
    ) -> Result<Option<i64>, RebuildError> {
        let mut tx = self.live.begin().await?;
        hold_up_in_tx(&mut tx, self.projection).await?;
        // The server may have crashed since the last batch; if it does from now on, this transaction fails.
        load.is_there().await?;
        if !load.catch_up_at_once().await?
            || !tables.is_seen_by_all(self.live).await?
            || !tables.lock_in_tx(&mut tx).await?
        {
            tx.rollback().await?;
            return Ok(None);
        }
        if tables.made(&mut *tx).await? != made {
            return Err(RebuildError::Replaced);
        }
        if !tables.have_the_columns_of_the_live_ones_in_tx(&mut tx).await? {
            return Err(RebuildError::LiveChanged);
        }
        if !tables.lacking_in_tx(&mut tx).await?.is_empty() {
            tx.rollback().await?;
            return Ok(None);
        }
        tables.switch_in_tx(&mut tx).await?;
        let parked_streams = parked::list(&mut *tx, Some(self.projection.name()), 1).await?.total;
        tx.commit().await?;
        Ok(Some(parked_streams))
    }
}

/// Returns when the connection is lost, and with it what its transaction holds.
async fn until_lost(connection: &mut PgConnection) -> sqlx::Error {
    loop {
        tokio::time::sleep(LOCK_POLL).await;
        if let Err(lost) = connection.ping().await {
            return lost;
        }
    }
}

/// Until the transaction ends, no batch of the live projector begins, and none is under way. A process that freezes meanwhile
/// holds it up no longer than that.
async fn hold_up_in_tx(tx: &mut PgConnection, projection: &dyn Projection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("set local idle_in_transaction_session_timeout = '60s'").execute(&mut *tx).await?;
    sqlx::query("select position from projections where name = $1 for update")
        .bind(projection.name())
        .execute(tx)
        .await?;
    Ok(())
}
