//! `bookings`: who booked what.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    BookingId, Money, SeatId, ShowId, UserId,
    booking::{BookingEvent, BookingStatus},
    show::TicketLine,
};
use event_store::StoredEvent;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

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
        let sequence = event.sequence;
        match event.decode()? {
            BookingEvent::BookingHeld {
                booking_id,
                event_id,
                user_id,
                tickets,
                seats,
                total,
                held_until,
                at,
            } => {
                let status = BookingStatus::Held;
                let held_until = Some(held_until);
                let row =
                    Row { booking_id, event_id, user_id, status, tickets, seats, total, held_until, at };
                put_in_tx(tx, row, sequence).await?;
            }
            BookingEvent::BookingConfirmed { booking_id, event_id, user_id, tickets, seats, total, at } => {
                let status = BookingStatus::Confirmed;
                let held_until = None;
                let row =
                    Row { booking_id, event_id, user_id, status, tickets, seats, total, held_until, at };
                put_in_tx(tx, row, sequence).await?;
            }
            BookingEvent::BookingExtended { booking_id, held_until, .. } => {
                extend_in_tx(tx, booking_id, held_until, sequence).await?;
            }
            BookingEvent::BookingExpired { booking_id, .. } => {
                end_in_tx(tx, booking_id, BookingStatus::Expired, sequence).await?;
            }
            BookingEvent::BookingCancelled { booking_id, .. } => {
                end_in_tx(tx, booking_id, BookingStatus::Cancelled, sequence).await?;
            }
            // The tickets are the attendee's, even if the hold had lapsed; confirmed is it when the money has come.
            BookingEvent::PaymentAuthorised { of, .. } => {
                end_in_tx(tx, of.booking_id, BookingStatus::Held, sequence).await?;
            }
            BookingEvent::PaymentStarted { of, .. }
            | BookingEvent::PaymentActionRequired { of, .. }
            | BookingEvent::PaymentDeclined { of, .. }
            | BookingEvent::PaymentCaptured { of, .. }
            | BookingEvent::PaymentCaptureFailed { of, .. }
            | BookingEvent::PaymentVoided { of, .. } => {
                touch_in_tx(tx, of.booking_id, sequence).await?;
            }
            BookingEvent::RefundRequested { of, .. }
            | BookingEvent::RefundMade { of, .. }
            | BookingEvent::RefundFailed { of, .. }
            | BookingEvent::RefundResumed { of, .. } => {
                touch_in_tx(tx, of.payment.booking_id, sequence).await?;
            }
        }
        Ok(())
    }
}

/// What the events that carry everything say.
struct Row {
    booking_id: BookingId,
    event_id: ShowId,
    user_id: UserId,
    status: BookingStatus,
    tickets: Vec<TicketLine>,
    seats: Vec<SeatId>,
    total: Money,
    held_until: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
}

/// A booking that was held before keeps the time at which it was placed.
async fn put_in_tx(tx: &mut PgConnection, row: Row, sequence: i64) -> Result<(), sqlx::Error> {
    let seats: Vec<Uuid> = row.seats.iter().map(|seat| seat.uuid()).collect();
    sqlx::query(
        "insert into bookings (id, event_id, user_id, status, tickets, seats, amount, currency, held_until,
                               created_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (id) do update
         set status = excluded.status, tickets = excluded.tickets, seats = excluded.seats,
             amount = excluded.amount, currency = excluded.currency, held_until = excluded.held_until,
             version = excluded.version",
    )
    .bind(row.booking_id.uuid())
    .bind(row.event_id.uuid())
    .bind(row.user_id.uuid())
    .bind(row.status.name())
    .bind(Json(row.tickets))
    .bind(seats)
    .bind(row.total.amount)
    .bind(row.total.currency.code())
    .bind(row.held_until)
    .bind(row.at)
    .bind(sequence)
    .execute(tx)
    .await?;
    Ok(())
}

async fn extend_in_tx(
    tx: &mut PgConnection,
    booking_id: BookingId,
    held_until: DateTime<Utc>,
    sequence: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("update bookings set held_until = $2, version = $3 where id = $1")
        .bind(booking_id.uuid())
        .bind(held_until)
        .bind(sequence)
        .execute(tx)
        .await?;
    Ok(())
}

/// What becomes of the money stands elsewhere, in `payments`.
async fn touch_in_tx(tx: &mut PgConnection, booking_id: BookingId, sequence: i64) -> Result<(), sqlx::Error> {
    sqlx::query("update bookings set version = $2 where id = $1")
        .bind(booking_id.uuid())
        .bind(sequence)
        .execute(tx)
        .await?;
    Ok(())
}

/// Nothing lapses any more.
async fn end_in_tx(
    tx: &mut PgConnection,
    booking_id: BookingId,
    status: BookingStatus,
    sequence: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("update bookings set status = $2, held_until = null, version = $3 where id = $1")
        .bind(booking_id.uuid())
        .bind(status.name())
        .bind(sequence)
        .execute(tx)
        .await?;
    Ok(())
}
