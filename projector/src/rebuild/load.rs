//! From the event log into the tables of a rebuild: one page is read while another is applied.

use std::time::Duration;

use event_store::{EventStore, StoredEvent};
use feed::{FollowerConnection, LogSource};
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Progress, RebuildError};
use crate::{ProjectError, Projection, applied::applied, apply::apply_batch, worker::checkpoint};

/// After so many events the tables are analyzed for the first time, then whenever there are four times as many: what the
/// server plans while it takes a table for empty is slow on a full one.
const FIRST_ANALYZED: i64 = 10_000;

/// How long it tries to get to the end of the event log while others wait for it.
const AT_ONCE_DEADLINE: Duration = Duration::from_secs(2);

/// Loads one projection.
pub(super) struct Load<'a> {
    projection: &'static dyn Projection,
    store: EventStore,
    beside: FollowerConnection,
    stop: Option<&'a CancellationToken>,
    /// When it stops by itself.
    until: Option<Instant>,
    /// The live tables, where nothing is to be applied that they have not.
    as_far_as: Option<&'a PgPool>,
    position: i64,
    analyze_at: i64,
}

/// Where a load ended.
pub(super) enum Reached {
    /// The end of the event log.
    End,
    /// It was told to stop before.
    Paused(Progress),
}

impl<'a> Load<'a> {
    /// From the checkpoint of the tables on that `beside` has as its `search_path`.
    pub(super) async fn new(
        projection: &'static dyn Projection,
        store: EventStore,
        beside: &PgPool,
        stop: Option<&'a CancellationToken>,
    ) -> Result<Self, sqlx::Error> {
        let mut beside = FollowerConnection::open(beside).await?;
        let position = checkpoint(&mut beside, projection).await?;
        let analyze_at = position.max(FIRST_ANALYZED);
        Ok(Self { projection, store, beside, stop, until: None, as_far_as: None, position, analyze_at })
    }

    /// The same, but of each stream only what the live tables have applied when its page comes.
    pub(super) fn up_to_live(self, live: &'a PgPool) -> Self {
        Self { as_far_as: Some(live), ..self }
    }

    /// The last place that is in.
    pub(super) fn position(&self) -> i64 {
        self.position
    }

    /// To the end of the event log, unless it is told to stop.
    pub(super) async fn catch_up(
        &mut self,
        tell: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Reached, RebuildError> {
        let mut head = self.head().await?;
        let (store, types) = (self.store.clone(), self.projection.stream_types());
        let mut source = LogSource::for_rebuild(store, types, self.position);
        loop {
            let batch = source.read().await.map_err(ProjectError::Log)?;
            if self.is_to_stop() {
                return Ok(Reached::Paused(Progress { position: self.position, head }));
            }
            let Some(mut batch) = batch else { return Ok(Reached::End) };
            if let Some(live) = self.as_far_as {
                let applied = applied(live, self.projection.name(), &batch.events).await?;
                let is_applied =
                    |event: &StoredEvent| applied.get(&event.stream).is_some_and(|at| event.sequence <= *at);
                batch.events.retain(|logged| is_applied(&logged.event));
            }
            apply_batch(self.projection, &mut self.beside, &self.store, &batch).await?;
            self.position = batch.checkpoint.unwrap_or(self.position);
            if self.position >= head {
                head = self.head().await?;
            }
            tell(Progress { position: self.position, head });
            self.analyze_in_time().await?;
        }
    }

    /// The same while others wait for it, so not for long; whether it is there.
    pub(super) async fn catch_up_at_once(&mut self) -> Result<bool, RebuildError> {
        self.until = Some(Instant::now() + AT_ONCE_DEADLINE);
        let reached = self.catch_up(&mut |_| {}).await;
        self.until = None;
        Ok(matches!(reached?, Reached::End))
    }

    /// Where it has loaded, for what else is to be done there.
    pub(super) fn into_connection(self) -> FollowerConnection {
        self.beside
    }

    /// That no crash of the server has taken anything of it back.
    pub(super) async fn is_there(&mut self) -> Result<(), RebuildError> {
        Ok(self.beside.is_there().await.map_err(ProjectError::Lost)?)
    }

    fn is_to_stop(&self) -> bool {
        self.stop.is_some_and(CancellationToken::is_cancelled)
            || self.until.is_some_and(|until| Instant::now() >= until)
    }

    async fn head(&self) -> Result<i64, RebuildError> {
        Ok(self.store.head().await.map_err(ProjectError::Log)?.global_position)
    }

    /// Only how large they are: what applies batches goes by keys, and what the values are like is learnt when all are in.
    async fn analyze_in_time(&mut self) -> Result<(), RebuildError> {
        if self.position < self.analyze_at {
            return Ok(());
        }
        self.analyze_at = self.position.saturating_mul(4);
        let tables = self.projection.tables().join(", ");
        // One text, and so one transaction, which `set local` needs.
        sqlx::raw_sql(&format!("set local default_statistics_target = 1; analyze {tables}"))
            .execute(&mut *self.beside)
            .await?;
        Ok(())
    }
}
