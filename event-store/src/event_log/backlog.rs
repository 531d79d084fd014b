//! What the relay has still to do.

use std::time::Duration;

use crate::EventStore;

/// How far the relay is behind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backlog {
    /// So many events wait for their place.
    pub outbox: i64,
    /// How long the one that waits longest has been in the store; nothing if none waits.
    pub oldest: Duration,
    /// So many events have their place, and Kafka has not acknowledged them.
    pub unpublished: i64,
}

impl EventStore {
    /// What the relay has still to do.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn backlog(&self) -> Result<Backlog, sqlx::Error> {
        let (outbox, oldest, unpublished): (i64, f64, i64) = sqlx::query_as(
            "select (select count(*) from outbox),
                    coalesce((select extract(epoch from clock_timestamp() - recorded_at)::float8
                              from (select * from outbox order by position limit 1) o
                              join events using (aggregate_type, aggregate_id, sequence)), 0),
                    coalesce((select global_position from event_log order by global_position desc limit 1), 0)
                    - published_position
             from relay_leader",
        )
        .fetch_one(self.pool())
        .await?;
        let oldest = Duration::try_from_secs_f64(oldest).unwrap_or_default();
        Ok(Backlog { outbox, oldest, unpublished })
    }
}
