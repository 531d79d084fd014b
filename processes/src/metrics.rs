//! What process managers say about themselves in figures; `docs/metrics.md` lists them.

#[cfg(test)]
mod tests;

use std::{error::Error, time::Duration};

use ::metrics::{Unit, describe_gauge, gauge};
use tokio::time::sleep;

use crate::{Processes, parked};

/// How often the database is asked.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// A payment that was tried so often in a row does not end by itself: about ten minutes.
const STUCK_AFTER_TRIES: i32 = 12;

const OVERDUE: &str = "processes_payments_overdue";
const STUCK: &str = "processes_payments_stuck";
const PARKED: &str = "processes_parked_events";

impl Processes {
    /// Measures, for as long as it is asked to.
    pub(crate) async fn measure(&self) {
        describe_gauge!(
            OVERDUE,
            Unit::Count,
            "Bookings whose money should have been dealt with a minute ago."
        );
        describe_gauge!(
            STUCK,
            Unit::Count,
            "Bookings whose money could not be dealt with many times in a row."
        );
        describe_gauge!(
            PARKED,
            Unit::Count,
            "Events that could not be understood, and wait to be tried again."
        );
        loop {
            match parked::count(&self.store).await {
                Ok(parked) => gauge!(PARKED).set(parked as f64),
                Err(error) => {
                    tracing::debug!(error = &error as &dyn Error, "parked events cannot be counted");
                }
            }
            match self.measure_payments().await {
                Ok((overdue, stuck)) => {
                    gauge!(OVERDUE).set(overdue as f64);
                    gauge!(STUCK).set(stuck as f64);
                }
                Err(error) => {
                    tracing::debug!(error = &error as &dyn Error, "payments that are due cannot be counted");
                }
            }
            sleep(MEASURE_EVERY).await;
        }
    }

    /// Those that are overdue, those that are stuck.
    async fn measure_payments(&self) -> Result<(i64, i64), sqlx::Error> {
        sqlx::query_as(
            "select count(*) filter (where due_at < clock_timestamp() - interval '1 minute'),
                    count(*) filter (where tries >= $1)
             from payments_due",
        )
        .bind(STUCK_AFTER_TRIES)
        .fetch_one(self.store.pool())
        .await
    }
}
