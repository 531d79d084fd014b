//! A read model anew from the event log, beside the live one, and then put in its place at once.
//!
//! The new tables grow in a schema of their own. For the switch the live projector is held up by a lock on the
//! projection's row, the new tables catch up to the end of the log, and one transaction exchanges them: readers see
//! the old rows, then the new ones, and never nothing.

use event_store::EventStore;
use feed::LogSource;
use sqlx::PgPool;

use crate::{ProjectError, Projection, apply::apply_batch, migrate::READ_SCHEMA};

/// Why a rebuild ended early. The live tables are as they were.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The read database failed.
    #[error("the read database failed")]
    Read(#[from] sqlx::Error),
    /// An event could not be applied.
    #[error("the rebuild cannot go on")]
    Project(#[from] ProjectError),
}

/// How far a rebuild has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The last place of the event log that is in.
    pub position: i64,
    /// The end of the event log.
    pub head: i64,
}

/// Rebuilds. `live` has [`READ_SCHEMA`] as its `search_path`, `beside` has
/// [`Projection::rebuild_schema`].
///
/// # Errors
/// See [`RebuildError`].
pub async fn rebuild(
    projection: &'static dyn Projection,
    live: &PgPool,
    beside: &PgPool,
    store: &EventStore,
    mut progress: impl FnMut(Progress),
) -> Result<(), RebuildError> {
    create_tables(projection, live).await?;
    let mut source = LogSource::new(store.clone(), projection.stream_types(), 0);
    catch_up(projection, beside, store, &mut source, &mut progress).await?;

    let mut tx = live.begin().await?;
    sqlx::query("select position from projections where name = $1 for update")
        .bind(projection.name())
        .execute(&mut *tx)
        .await?;
    catch_up(projection, beside, store, &mut source, &mut progress).await?;
    for statement in switch_statements(projection) {
        sqlx::raw_sql(&statement).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn catch_up(
    projection: &'static dyn Projection,
    beside: &PgPool,
    store: &EventStore,
    source: &mut LogSource,
    progress: &mut impl FnMut(Progress),
) -> Result<(), RebuildError> {
    let mut head = store.head().await?.global_position;
    while let Some(batch) = source.read().await? {
        apply_batch(projection, beside, store, &batch).await?;
        let position = batch.checkpoint.unwrap_or_default();
        if position >= head {
            head = store.head().await?.global_position;
        }
        progress(Progress { position, head });
    }
    Ok(())
}

// The statements below are put together from names that are constants of this crate; no input is among them.

async fn create_tables(projection: &dyn Projection, live: &PgPool) -> Result<(), sqlx::Error> {
    let schema = projection.rebuild_schema();
    let mut tx = live.begin().await?;
    sqlx::raw_sql(&format!("drop schema if exists {schema} cascade; create schema {schema}"))
        .execute(&mut *tx)
        .await?;
    for table in projection.tables().iter().chain(&["projections", "parked"]) {
        let statement = format!("create table {schema}.{table} (like {READ_SCHEMA}.{table} including all)");
        sqlx::raw_sql(&statement).execute(&mut *tx).await?;
    }
    sqlx::query(&format!("insert into {schema}.projections (name) values ($1)"))
        .bind(projection.name())
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

fn switch_statements(projection: &dyn Projection) -> Vec<String> {
    let (schema, name) = (projection.rebuild_schema(), projection.name());
    let mut statements: Vec<String> = projection
        .tables()
        .iter()
        .flat_map(|table| {
            [
                format!("drop table {READ_SCHEMA}.{table}"),
                format!("alter table {schema}.{table} set schema {READ_SCHEMA}"),
            ]
        })
        .collect();
    statements.extend([
        format!("delete from {READ_SCHEMA}.parked where projection = '{name}'"),
        format!("insert into {READ_SCHEMA}.parked select * from {schema}.parked"),
        format!(
            "update {READ_SCHEMA}.projections live set position = greatest(live.position, anew.position)
             from {schema}.projections anew where live.name = anew.name"
        ),
        format!("drop schema {schema} cascade"),
    ]);
    statements
}
