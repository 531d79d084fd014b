//! Where the live rows of a read model are not what the event log says.
//!
//! A second set of tables is filled from the event log, each stream as far as the live tables have applied it. For the
//! last of it the live projector is held up, the view of the database is fixed at that moment, and both sets are compared
//! in it while the projector goes on. Nothing of the live tables is changed, and the second set is dropped.

mod rows;

use event_store::{StreamId, event_log::LoggedEvent};
use feed::{Batch, FollowerConnection};
use sqlx::PgConnection;

pub use self::rows::{ChangedColumn, RowDifference, TableDifferences};
use super::{
    Progress, Rebuild, RebuildError, Step, hold_up_in_tx,
    load::{Load, Reached},
    tables::Tables,
};
use crate::{ProjectError, apply::apply_batch, migrate::READ_SCHEMA, worker::checkpoint};

/// Most streams that are brought to the place of the live ones in one transaction.
const MAX_STREAMS: i64 = 500;

/// What a comparison has found.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// How many streams the live tables have applied, which is as far as the event log was followed.
    pub streams: i64,
    /// How many of them wait for a parked event in the live tables; compared up to there.
    pub parked_streams: i64,
    /// Every table, also those without differences.
    pub tables: Vec<TableDifferences>,
    /// The first of the rows that differ.
    pub rows: Vec<RowDifference>,
}

impl Rebuild<'_> {
    /// Compares; shows at most `limit` rows. Nothing if it was told to stop.
    ///
    /// # Errors
    /// See [`RebuildError`].
    pub async fn compare(
        &self,
        limit: usize,
        mut tell: impl FnMut(Step) + Send,
    ) -> Result<Option<Comparison>, RebuildError> {
        let mut lock = self.live.begin().await?;
        self.be_alone_in_tx(&mut lock).await?;
        checkpoint(&mut *self.live.acquire().await?, self.projection).await?;
        let tables = Tables::of_comparison(self.projection);
        tables.create(self.live, self.code).await?;
        tell(Step::Begun { instead: None });
        let found = self.compare_with(&tables, limit, &mut tell).await;
        tables.drop_in_tx(&mut lock).await?;
        lock.commit().await?;
        found
    }

    async fn compare_with(
        &self,
        tables: &Tables,
        limit: usize,
        tell: &mut (impl FnMut(Step) + Send),
    ) -> Result<Option<Comparison>, RebuildError> {
        let pool = tables.pool(self.live);
        let load = Load::new(self.projection, self.store.clone(), &pool, Some(self.stop)).await?;
        let mut load = load.up_to_live(self.live);
        let mut tell_applied = |at: Progress| tell(Step::Applied(at));
        if let Reached::Paused(_) = load.catch_up(&mut tell_applied).await? {
            return Ok(None);
        }
        let mut beside = load.into_connection();
        self.come_level(&mut beside, tables).await?;
        tables.complete(self.live).await?;

        let mut standing = self.live.begin().await?;
        hold_up_in_tx(&mut standing, self.projection).await?;
        self.come_level(&mut beside, tables).await?;
        let mut view = self.live.begin_with("begin isolation level repeatable read, read only").await?;
        // Only its first statement fixes what a transaction sees.
        sqlx::query("select from projections").execute(&mut *view).await?;
        standing.rollback().await?;
        let comparison = self.compare_in_tx(&mut view, tables, limit).await?;
        view.commit().await?;
        Ok(Some(comparison))
    }

    /// Applies what the live tables have applied since.
    async fn come_level(&self, beside: &mut FollowerConnection, tables: &Tables) -> Result<(), RebuildError> {
        let name = self.projection.name();
        // A stream that is parked beside, but not in the live tables, is a difference.
        let behind = format!(
            "select l.stream_type, l.stream_id, l.sequence
             from {READ_SCHEMA}.{name}_applied l
             left join {schema}.{name}_applied b using (stream_type, stream_id)
             where l.sequence > coalesce(b.sequence, 0)
                   and not exists (select from {schema}.parked p
                                   where p.aggregate_type = l.stream_type and p.aggregate_id = l.stream_id)
             order by l.stream_type, l.stream_id limit $1",
            schema = tables.schema
        );
        loop {
            let streams: Vec<(String, String, i64)> =
                sqlx::query_as(&behind).bind(MAX_STREAMS).fetch_all(&mut **beside).await?;
            if streams.is_empty() {
                return Ok(());
            }
            let mut events = Vec::new();
            for (kind, id, sequence) in streams {
                events.push(self.event(StreamId { kind, id }, sequence).await?);
            }
            // What comes before these is filled in.
            let batch = Batch { events, checkpoint: None, must_last: false };
            apply_batch(self.projection, beside, self.store, &batch).await?;
        }
    }

    async fn event(&self, stream: StreamId, sequence: i64) -> Result<LoggedEvent, RebuildError> {
        let found = self.store.read_logged_stream(&stream, sequence, sequence).await;
        let found = found.map_err(ProjectError::Log)?.into_iter().next();
        Ok(found.ok_or(ProjectError::Missing { stream, sequence })?)
    }

    async fn compare_in_tx(
        &self,
        tx: &mut PgConnection,
        tables: &Tables,
        limit: usize,
    ) -> Result<Comparison, sqlx::Error> {
        let name = self.projection.name();
        let streams = format!("select count(*) from {name}_applied where sequence > 0");
        let streams = sqlx::query_scalar(&streams).fetch_one(&mut *tx).await?;
        let parked_streams = sqlx::query_scalar(
            "select count(distinct (aggregate_type, aggregate_id)) from parked where projection = $1",
        )
        .bind(name)
        .fetch_one(&mut *tx)
        .await?;
        let mut comparison = Comparison { streams, parked_streams, tables: vec![], rows: vec![] };
        for table in self.projection.tables() {
            let compared = rows::Compared::in_tx(tx, table, &tables.schema).await?;
            comparison.tables.push(compared.count_in_tx(tx).await?);
            let left = limit - comparison.rows.len();
            comparison.rows.extend(compared.first_in_tx(tx, left).await?);
        }
        Ok(comparison)
    }
}
