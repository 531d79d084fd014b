//! What must follow the end of an event or of a user: the end of each booking.
//!
//! The show's stream is closed first, by its `EventCancelled`; nobody can book after it. Then its bookings end a few at
//! a time, as the stream itself says which there are.

use std::{error::Error, time::Duration};

use command_api::{HostOrder, OrderError, ShowOrder};
use domain::{BookingId, ShowId, UserId, show::ShowError};
use uuid::Uuid;

use crate::{ProcessError, Processes, context};

/// How often to look for cascades.
const POLL: Duration = Duration::from_millis(250);
/// Most bookings that end in one append.
const MAX_BOOKINGS: usize = 200;

impl Processes {
    /// One cascade, to its end.
    pub(crate) async fn cascade(&self) -> Result<(), ProcessError> {
        let next: Option<(Uuid, String, Uuid)> =
            sqlx::query_as("select cause_id, kind, subject_id from cascades order by tried_at limit 1")
                .fetch_optional(self.store.pool())
                .await?;
        let Some((cause_id, kind, subject_id)) = next else {
            tokio::time::sleep(POLL).await;
            return Ok(());
        };
        let ended = match kind.as_str() {
            "user-erased" => self.end_all_of(subject_id, cause_id).await,
            _ => self.release_all(ShowId::new(subject_id), cause_id).await,
        };
        if let Err(error) = ended {
            sqlx::query("update cascades set tried_at = clock_timestamp() where cause_id = $1")
                .bind(cause_id)
                .execute(self.store.pool())
                .await?;
            return Err(error);
        }
        sqlx::query("delete from cascades where cause_id = $1")
            .bind(cause_id)
            .execute(self.store.pool())
            .await?;
        Ok(())
    }

    /// The end of what an erased user offers and has: coming events, and bookings, save of events that are over. Their
    /// stream and account are closed, so nothing new can come meanwhile. One that fails holds up none of the others.
    async fn end_all_of(&self, user_id: Uuid, cause_id: Uuid) -> Result<(), ProcessError> {
        let hosted: Vec<Uuid> = sqlx::query_scalar(
            "select aggregate_id::uuid from events
             where event_type = 'EventCreated' and payload ->> 'hostId' = $1::text",
        )
        .bind(user_id)
        .fetch_all(self.store.pool())
        .await?;
        let mut failed = Ok(());
        for show_id in &hosted {
            let order = ShowOrder::OfHost { host_id: None, order: HostOrder::CancelComing };
            if let Err(error) = self.order(ShowId::new(*show_id), order, cause_id).await {
                tracing::warn!(error = &error as &dyn Error, event = %show_id, "an erased host's event could not be cancelled");
                failed = Err(error);
            }
        }
        let bookings: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "select aggregate_id::uuid, (payload ->> 'eventId')::uuid from events
             where aggregate_type = 'booking' and sequence = 1 and payload ->> 'userId' = $1::text",
        )
        .bind(user_id)
        .fetch_all(self.store.pool())
        .await?;
        for (booking_id, show_id) in &bookings {
            let order = ShowOrder::CancelUnused {
                booking_id: BookingId::new(*booking_id),
                attendee_id: UserId::new(user_id),
            };
            match self.order(ShowId::new(*show_id), order, cause_id).await {
                // What was had stays as it was.
                Ok(()) | Err(ProcessError::Order(OrderError::Show(ShowError::Ended))) => {}
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn Error, booking = %booking_id,
                        "an erased user's booking could not be ended"
                    );
                    failed = Err(error);
                }
            }
        }
        failed?;
        tracing::info!(
            user = %user_id, events = hosted.len(), bookings = bookings.len(),
            "what an erased user had has ended"
        );
        Ok(())
    }

    async fn order(&self, show_id: ShowId, order: ShowOrder, cause_id: Uuid) -> Result<(), ProcessError> {
        self.writers.submit(show_id, order, None, context("cascades", Some(cause_id))).await?;
        Ok(())
    }

    async fn release_all(&self, show_id: ShowId, cause_id: Uuid) -> Result<(), ProcessError> {
        let mut released = 0;
        loop {
            let order = ShowOrder::ReleaseCancelled { limit: MAX_BOOKINGS };
            match self.writers.submit(show_id, order, None, context("cascades", Some(cause_id))).await {
                Ok(done) if done.events == 0 => break,
                Ok(done) => released += done.events,
                Err(error) => return Err(error.into()),
            }
        }
        tracing::info!(event = %show_id, bookings = released, "every booking of a cancelled event has ended");
        Ok(())
    }
}
