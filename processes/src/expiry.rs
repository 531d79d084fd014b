//! Makes it visible that holds have lapsed: `HoldExpired` in the show's stream, `BookingExpired` in the booking's.

use std::{error::Error, time::Duration};

use chrono::{DateTime, Utc};
use command_api::{OrderError, ShowOrder};
use domain::{ShowId, show::ShowError};
use uuid::Uuid;

use crate::{ProcessError, Processes, context};

/// How often to look for holds that have lapsed.
const POLL: Duration = Duration::from_millis(500);
/// Most shows that are looked at in one round.
const MAX_SHOWS: i64 = 100;
/// Most holds that expire in one append.
const MAX_HOLDS: usize = 200;

impl Processes {
    /// One round. A show whose writer fails holds up none of the others.
    pub(crate) async fn expire(&self) -> Result<(), ProcessError> {
        let now = self.store.now().await?;
        let due: Vec<Uuid> = sqlx::query_scalar(
            "select event_id from hold_deadlines where held_until <= $1
             group by event_id order by min(held_until) limit $2",
        )
        .bind(now)
        .bind(MAX_SHOWS)
        .fetch_all(self.store.pool())
        .await?;
        let mut failed = Ok(());
        for event_id in &due {
            if let Err(error) = self.expire_holds_of(ShowId::new(*event_id), now).await {
                tracing::warn!(error = &error as &dyn Error, event = %event_id, "holds of an event could not be ended");
                failed = self
                    .put_holds_behind_the_others(*event_id, now)
                    .await
                    .map_err(ProcessError::from)
                    .and(Err(error));
            }
        }
        if due.is_empty() {
            tokio::time::sleep(POLL).await;
        }
        failed
    }

    /// One that fails is tried again after those that have lapsed meanwhile.
    async fn put_holds_behind_the_others(
        &self,
        event_id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("update hold_deadlines set held_until = $2 where event_id = $1 and held_until < $2")
            .bind(event_id)
            .bind(now)
            .execute(self.store.pool())
            .await?;
        Ok(())
    }

    async fn expire_holds_of(&self, show_id: ShowId, now: DateTime<Utc>) -> Result<(), ProcessError> {
        loop {
            let order = ShowOrder::ExpireHolds { limit: MAX_HOLDS };
            match self.writers.submit(show_id, order, None, context("expiry", None)).await {
                // Time may be a moment behind that of this round, as long as something has lapsed; that nothing has is never
                // said without the database's.
                Ok(done) if done.events > 0 => {}
                Ok(_) | Err(OrderError::Show(ShowError::NotCreated)) => break,
                Err(error) => return Err(error.into()),
            }
        }
        // Those that were extended meanwhile come back with the event that says so.
        sqlx::query("delete from hold_deadlines where event_id = $1 and held_until <= $2")
            .bind(show_id.uuid())
            .bind(now)
            .execute(self.store.pool())
            .await?;
        Ok(())
    }
}
