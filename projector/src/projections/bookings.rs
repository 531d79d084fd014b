//! `bookings`: who booked what.

use async_trait::async_trait;
use domain::booking::{BookingEvent, BookingStatus};
use event_store::StoredEvent;
use sqlx::{PgConnection, types::Json};

use crate::{
    ApplyError, Projection,
    projection::{AppliedSql, applied_sql},
};

/// One row a booking.
#[derive(Debug, Clone, Copy)]
pub struct Bookings;

#[async_trait]
impl Projection for Bookings {
    fn name(&self) -> &'static str {
        "bookings"
    }

    fn stream_types(&self) -> &'static [&'static str] {
        &["booking"]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["bookings", "bookings_applied"]
    }

    fn rebuild_schema(&self) -> &'static str {
        "rebuild_bookings"
    }

    fn applied(&self) -> &'static AppliedSql {
        &applied_sql!("bookings_applied")
    }

    async fn apply_in_tx(&self, tx: &mut PgConnection, event: &StoredEvent) -> Result<(), ApplyError> {
        match event.decode()? {
            BookingEvent::BookingConfirmed { booking_id, event_id, user_id, tickets, total, at } => {
                sqlx::query(
                    "insert into bookings (id, event_id, user_id, status, tickets, amount, currency, created_at,
                                           version)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                )
                .bind(booking_id.uuid())
                .bind(event_id.uuid())
                .bind(user_id.uuid())
                .bind(BookingStatus::Confirmed.name())
                .bind(Json(tickets))
                .bind(total.amount)
                .bind(total.currency.code())
                .bind(at)
                .bind(event.sequence)
                .execute(tx)
                .await?;
            }
            BookingEvent::BookingCancelled { booking_id, .. } => {
                sqlx::query("update bookings set status = $2, held_until = null, version = $3 where id = $1")
                    .bind(booking_id.uuid())
                    .bind(BookingStatus::Cancelled.name())
                    .bind(event.sequence)
                    .execute(tx)
                    .await?;
            }
        }
        Ok(())
    }
}
