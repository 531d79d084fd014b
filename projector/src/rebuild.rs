//! A read model anew from the event log, beside the live one, and then put in its place at once.
//!
//! The new tables grow in a schema of their own. For the switch the live projector is held up by a lock on the
//! projection's row, the new tables catch up to the end of the log, and one transaction exchanges them: readers see
//! the old rows, then the new ones, and never nothing.

use event_store::EventStore;
use feed::LogSource;
use sqlx::{PgConnection, PgPool};

use crate::{ProjectError, Projection, apply::apply_batch, migrate::READ_SCHEMA, worker::checkpoint};

/// Why a rebuild ended early. The live tables are as they were.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The read database failed.
    #[error("the read database failed")]
    Read(#[from] sqlx::Error),
    /// Another rebuild of the same read model is under way.
    #[error("another rebuild of it is under way")]
    UnderWay,
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
    // Held until the end: a second rebuild would take the new tables of the first away.
    let mut lock = live.begin().await?;
    let is_alone: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtext('rebuild ' || $1))")
        .bind(projection.name())
        .fetch_one(&mut *lock)
        .await?;
    if !is_alone {
        return Err(RebuildError::UnderWay);
    }
    checkpoint(live, projection).await?;
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
    lock.commit().await?;
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
        let like = format!(
            "create table {schema}.{table}
             (like {READ_SCHEMA}.{table} including defaults including generated including identity)"
        );
        sqlx::raw_sql(&like).execute(&mut *tx).await?;
        for statement in keys_and_indexes(&mut tx, schema, table).await? {
            sqlx::raw_sql(&statement).execute(&mut *tx).await?;
        }
    }
    sqlx::query(&format!("insert into {schema}.projections (name) values ($1)"))
        .bind(projection.name())
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// What gives the new table the live one's keys, checks and indexes by their own names (`including all` would make up
/// others, and a later migration would not find them).
async fn keys_and_indexes(
    tx: &mut PgConnection,
    schema: &str,
    table: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let constraints: Vec<(String, String)> = sqlx::query_as(
        "select quote_ident(conname), pg_get_constraintdef(oid) from pg_constraint
         where conrelid = to_regclass($1) and contype in ('p', 'u', 'c') order by conname",
    )
    .bind(format!("{READ_SCHEMA}.{table}"))
    .fetch_all(&mut *tx)
    .await?;
    let indexes: Vec<String> = sqlx::query_scalar(
        "select indexdef from pg_indexes
         where schemaname = $1 and tablename = $2
               and not exists (select from pg_constraint where conrelid = to_regclass($3) and conname = indexname)
         order by indexname",
    )
    .bind(READ_SCHEMA)
    .bind(table)
    .bind(format!("{READ_SCHEMA}.{table}"))
    .fetch_all(tx)
    .await?;
    let constraints = constraints
        .into_iter()
        .map(|(name, definition)| format!("alter table {schema}.{table} add constraint {name} {definition}"));
    let (live, anew) = (format!(" ON {READ_SCHEMA}."), format!(" ON {schema}."));
    Ok(constraints.chain(indexes.into_iter().map(|index| index.replacen(&live, &anew, 1))).collect())
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
