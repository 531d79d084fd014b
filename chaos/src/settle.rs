//! I6: when the faults have stopped, every lag returns to zero by itself.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use sqlx::PgPool;

use crate::{
    cluster::Cluster,
    journal::StreamKey,
    projections::{FOLLOWED_BY_PROCESSES, PROJECTIONS, applied},
    records,
};

const POLL: Duration = Duration::from_millis(500);
/// So long nothing may end or be done by itself afterwards: by then all is compared.
const QUIET: Duration = Duration::from_secs(90);

/// What is behind, and by how many.
pub(crate) type Lags = Vec<(String, i64)>;

/// Waits until nothing is behind. What still is when the deadline has passed is the error.
pub(crate) async fn wait(cluster: &Cluster, deadline: Duration) -> Result<Duration, Lags> {
    let started = Instant::now();
    loop {
        let lags = match lags(cluster).await {
            Ok(lags) => lags,
            Err(error) => vec![(format!("cannot be asked: {error:#}"), 1)],
        };
        if lags.is_empty() {
            return Ok(started.elapsed());
        }
        if started.elapsed() > deadline {
            return Err(lags);
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn lags(cluster: &Cluster) -> Result<Lags> {
    let mut lags: Lags = of_the_write_database(&cluster.write).await?;
    lags.extend(of_the_read_database(&cluster.read).await?);
    // The dearer ones only when those are done.
    if lags.iter().all(|(_, lag)| *lag == 0) {
        lags.extend(of_projections(cluster).await?);
        lags.extend(of_groups(cluster.brokers.clone()).await?);
    }
    lags.retain(|(_, lag)| *lag != 0);
    Ok(lags)
}

async fn of_the_write_database(write: &PgPool) -> Result<Lags> {
    let lags: (i64, i64, i64, i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from outbox),
                (select count(*) from events) - (select count(*) from event_log),
                (select coalesce(max(global_position), 0) from event_log) - (select published_position from relay_leader),
                (select count(*) from cascades),
                (select count(*) from hold_deadlines where held_until <= clock_timestamp()),
                (select count(*) from payments_due where due_at <= clock_timestamp() + make_interval(secs => $1))",
    )
    .bind(QUIET.as_secs_f64())
    .fetch_one(write)
    .await
    .context("the write database")?;
    Ok(vec![
        ("pointers in the outbox".to_owned(), lags.0),
        ("events without a place in the event log".to_owned(), lags.1),
        ("entries that Kafka has not confirmed".to_owned(), lags.2),
        ("cascades under way".to_owned(), lags.3),
        ("deadlines of holds that have passed".to_owned(), lags.4),
        ("payments that are due".to_owned(), lags.5),
    ])
}

/// No event of a run has holds of more than a few seconds; a payment makes them longer, by minutes.
async fn of_the_read_database(read: &PgPool) -> Result<Lags> {
    let lags: (i64, i64) = sqlx::query_as(
        "select (select count(*) from read_model.event_holds
                 where held_until <= clock_timestamp() + make_interval(secs => $1)),
                (select count(*) from read_model.bookings b join read_model.events e on e.id = b.event_id
                 where e.status = 'cancelled' and b.status in ('held', 'confirmed'))",
    )
    .bind(QUIET.as_secs_f64())
    .fetch_one(read)
    .await
    .context("the read database")?;
    Ok(vec![
        ("holds that have not ended".to_owned(), lags.0),
        ("bookings of cancelled events".to_owned(), lags.1),
    ])
}

/// Streams that a projection has not applied, or parked, to their end.
async fn of_projections(cluster: &Cluster) -> Result<Lags> {
    let ends: Vec<(String, String, i64)> = sqlx::query_as(
        "select aggregate_type, aggregate_id, max(sequence) from event_log group by aggregate_type, aggregate_id",
    )
    .fetch_all(&cluster.write)
    .await?;
    let ends: HashMap<StreamKey, i64> = ends.into_iter().map(|(kind, id, end)| ((kind, id), end)).collect();
    let applied = applied(&cluster.read).await?;
    let behind = PROJECTIONS.iter().map(|(projection, types)| {
        let followed = ends.iter().filter(|((kind, _), _)| types.contains(&kind.as_str()));
        let behind = followed.filter(|(stream, end)| applied[projection].get(*stream) != Some(*end));
        (format!("streams that {projection} has not applied"), behind.count() as i64)
    });
    Ok(behind.collect())
}

async fn of_groups(brokers: String) -> Result<Lags> {
    let asked = tokio::task::spawn_blocking(move || {
        let mut lags = vec![];
        for (projection, types) in PROJECTIONS {
            let group = format!("boxoffice-projector-{projection}");
            lags.push((
                format!("records that {projection} has not read"),
                records::lag(&brokers, &group, types)?,
            ));
        }
        let lag = records::lag(&brokers, "boxoffice-processes", &FOLLOWED_BY_PROCESSES)?;
        lags.push(("records that processes has not read".to_owned(), lag));
        anyhow::Ok(lags)
    });
    asked.await?
}
