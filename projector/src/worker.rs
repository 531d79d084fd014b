//! The running projector: each projection follows its source on a task of its own.

use std::{collections::BTreeMap, error::Error, sync::Arc, time::Duration};

use event_store::EventStore;
use feed::{FollowerConnection, SharedLog, Source, SourceError, answered};
use sqlx::{PgConnection, PgPool};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{ProjectError, Projection, apply::apply_batch, lag, projections};

/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// What is wrong, projection by projection; empty when all is well.
pub type ProjectorState = BTreeMap<&'static str, String>;

/// Keeps all read models up to date.
#[derive(Debug, Clone)]
pub struct Projector {
    read: PgPool,
    store: EventStore,
    log: SharedLog,
    brokers: Option<String>,
    state: Arc<watch::Sender<ProjectorState>>,
}

#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error("the source failed")]
    Source(#[from] SourceError),
    #[error("the read database failed")]
    Read(#[from] sqlx::Error),
    #[error("a batch could not be applied")]
    Apply(#[source] ProjectError),
}

impl Projector {
    /// A projector over a migrated read database; with brokers it follows Kafka, without them the event log.
    #[must_use]
    pub fn new(read: PgPool, store: EventStore, brokers: Option<String>) -> Self {
        let (log, state) = (SharedLog::new(store.clone()), watch::Sender::new(ProjectorState::new()));
        Self { read, store, log, brokers, state: Arc::new(state) }
    }

    /// What is wrong, for health checks.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ProjectorState> {
        self.state.subscribe()
    }

    /// Runs until it is told to stop; whatever fails is tried again.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut tasks = JoinSet::new();
        tasks.spawn(lag::keep_measuring(self.read.clone(), self.store.clone(), shutdown.clone()));
        for projection in projections::all() {
            tasks.spawn(self.clone().keep_following(projection, shutdown.clone()));
        }
        tasks.join_all().await;
    }

    async fn keep_following(self, projection: &'static dyn Projection, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            if let Err(error) = self.follow(projection, &shutdown).await {
                tracing::error!(
                    error = &error as &dyn Error,
                    projection = projection.name(),
                    "a projection cannot go on"
                );
                self.count_failure(projection, &error);
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY_PAUSE) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Follows until the source ends or it is told to stop.
    async fn follow(
        &self,
        projection: &'static dyn Projection,
        shutdown: &CancellationToken,
    ) -> Result<(), FollowError> {
        let mut read = FollowerConnection::open(&self.read).await?;
        let checkpoint = answered(checkpoint(&mut read, projection)).await?;
        let mut source = self.source(projection, checkpoint).await?;
        self.is_well(projection);
        tokio::select! {
            ended = self.apply_all(projection, &mut source, &mut read) => ended,
            () = shutdown.cancelled() => {
                // With the locks of the batch in hand, which others will want next.
                drop(read);
                source.leave().await;
                Ok(())
            }
        }
    }

    /// Applies until the source ends or the connection is lost. What else fails is tried again, from the same place.
    async fn apply_all(
        &self,
        projection: &'static dyn Projection,
        source: &mut Source,
        read: &mut FollowerConnection,
    ) -> Result<(), FollowError> {
        loop {
            let batch = match source.next().await {
                Ok(batch) => batch,
                Err(error) if error.ends_the_source() => return Err(error.into()),
                Err(error) => {
                    self.failing(projection, "its source fails", &error);
                    tokio::time::sleep(RETRY_PAUSE).await;
                    continue;
                }
            };
            while let Err(error) = apply_batch(projection, read, &self.store, &batch).await {
                if let ProjectError::Lost(_) = error {
                    return Err(FollowError::Apply(error));
                }
                // A batch in hand is tried until it goes in: nothing behind it may overtake it.
                self.failing(projection, "a batch could not be applied", &error);
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            metrics::counter!("projector_events_total", "projection" => projection.name())
                .increment(batch.events.len() as u64);
            match source.done() {
                Ok(()) => self.is_well(projection),
                Err(error) => self.failing(projection, "offsets could not be committed", &error),
            }
        }
    }

    fn is_well(&self, projection: &dyn Projection) {
        self.state.send_if_modified(|state| state.remove(projection.name()).is_some());
    }

    fn failing(&self, projection: &dyn Projection, what: &str, error: &(dyn Error + 'static)) {
        tracing::error!(error, projection = projection.name(), "{what}; trying again");
        self.count_failure(projection, error);
    }

    fn count_failure(&self, projection: &dyn Projection, error: &dyn Error) {
        metrics::counter!("projector_failures_total", "projection" => projection.name()).increment(1);
        self.state.send_modify(|state| {
            state.insert(projection.name(), error.to_string());
        });
    }

    async fn source(
        &self,
        projection: &'static dyn Projection,
        checkpoint: i64,
    ) -> Result<Source, SourceError> {
        let types = projection.stream_types();
        match &self.brokers {
            None => Ok(Source::log(self.log.clone(), types, checkpoint)),
            Some(brokers) => {
                let consumer = format!("projector-{}", projection.name());
                Source::kafka(brokers, &consumer, self.store.clone(), types, checkpoint).await
            }
        }
    }
}

/// How far the projection has followed the event log.
pub(crate) async fn checkpoint(
    read: &mut PgConnection,
    projection: &dyn Projection,
) -> Result<i64, sqlx::Error> {
    sqlx::query("insert into projections (name) values ($1) on conflict do nothing")
        .bind(projection.name())
        .execute(&mut *read)
        .await?;
    sqlx::query_scalar("select position from projections where name = $1")
        .bind(projection.name())
        .fetch_one(read)
        .await
}
