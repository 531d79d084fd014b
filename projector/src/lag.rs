//! How far each projection is behind the event log, for `/metrics`; `docs/metrics.md` says what is counted.
//!
//! Nobody keeps a cursor that would tell: from Kafka, events of different streams come in any order. So samples of the
//! log are taken, twice as far back each time, until one is applied as a whole. Parked events are not behind: they have a
//! number of their own.

use std::time::Duration;

use chrono::{DateTime, Utc};
use event_store::{EventStore, event_log::LoggedEvent};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{Projection, applied::applied, parked, projections};

/// How often it is measured.
const EVERY: Duration = Duration::from_secs(5);
/// Places of the log in a sample.
const SAMPLE: i64 = 50;
/// How far back it is looked where no sample has an event that the projection follows.
const MAX_BACK: i64 = 1_000_000;

/// How far a projection is behind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lag {
    /// Places of the event log since the oldest event of the samples that is not applied.
    pub events: i64,
    /// Since when that one has been in the store.
    pub seconds: f64,
}

impl Lag {
    /// Nothing is missing.
    pub const NONE: Self = Self { events: 0, seconds: 0.0 };
}

/// Measures until it is told to stop.
pub(crate) async fn keep_measuring(read: PgPool, store: EventStore, shutdown: CancellationToken) {
    loop {
        for projection in projections::all() {
            if let Err(error) = publish(&read, &store, projection).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    projection = projection.name(),
                    "how far a projection is behind cannot be measured"
                );
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn publish(read: &PgPool, store: &EventStore, projection: &dyn Projection) -> Result<(), sqlx::Error> {
    let name = projection.name();
    let lag = measure(read, store, projection).await?;
    let parked_streams = parked::list(read, Some(name), 1).await?.total;
    metrics::gauge!("projector_lag_events", "projection" => name).set(lag.events as f64);
    metrics::gauge!("projector_lag_seconds", "projection" => name).set(lag.seconds);
    metrics::gauge!("projector_parked_streams", "projection" => name).set(parked_streams as f64);
    Ok(())
}

/// How far a projection is behind now.
///
/// # Errors
/// One of the databases does not answer.
pub async fn measure(
    read: &PgPool,
    store: &EventStore,
    projection: &dyn Projection,
) -> Result<Lag, sqlx::Error> {
    let head = store.head().await?.global_position;
    let (mut lag, mut back) = (Lag::NONE, SAMPLE);
    loop {
        let after = (head - back).max(0);
        let sample = store.read_log(after, SAMPLE.min(head - after), projection.stream_types()).await?.events;
        let missing = missing(read, projection, &sample).await?;
        match missing {
            Some((position, recorded_at)) => {
                let since = store.now().await? - recorded_at;
                lag = Lag { events: head - position + 1, seconds: since.as_seconds_f64().max(0.0) };
            }
            None if !sample.is_empty() || back > MAX_BACK => return Ok(lag),
            None => {}
        }
        if after == 0 {
            return Ok(lag);
        }
        back *= 2;
    }
}

/// The first event that is neither applied nor parked.
async fn missing(
    read: &PgPool,
    projection: &dyn Projection,
    events: &[LoggedEvent],
) -> Result<Option<(i64, DateTime<Utc>)>, sqlx::Error> {
    let applied = applied(read, projection.name(), events).await?;
    for logged in events {
        let stream = &logged.event.stream;
        if applied.get(stream).is_some_and(|at| logged.event.sequence <= *at) {
            continue;
        }
        if parked::find(read, projection, stream).await?.is_none() {
            return Ok(Some((logged.global_position, logged.event.recorded_at)));
        }
    }
    Ok(None)
}
