//! How events become rows that say what is due.

#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use command_api::REFUND_LOOKED_AT_AFTER;
use domain::booking::BookingEvent;
use event_store::StoredEvent;
use sqlx::PgConnection;

use super::Settling;

/// The request that began a payment has so long to end it itself.
const REQUEST_LASTS: TimeDelta = TimeDelta::seconds(20);

/// Notes what a booking's event leaves to be done, and when; or that nothing is left.
pub(crate) async fn note_in_tx(
    tx: &mut PgConnection,
    event: &StoredEvent,
    decoded: &BookingEvent,
) -> Result<(), sqlx::Error> {
    match decoded {
        BookingEvent::PaymentStarted { at, .. }
        | BookingEvent::PaymentActionRequired { at, .. }
        | BookingEvent::PaymentAuthorised { at, .. } => {
            note_due_in_tx(tx, event, Settling::Payments, *at + REQUEST_LASTS).await
        }
        BookingEvent::RefundRequested { at, .. } | BookingEvent::RefundResumed { at, .. } => {
            note_due_in_tx(tx, event, Settling::Refunds, *at).await
        }
        BookingEvent::RefundMade { at, .. } => {
            note_due_in_tx(tx, event, Settling::Refunds, *at + REFUND_LOOKED_AT_AFTER[0]).await
        }
        // What is set aside, or about to be, is looked for at once: it goes back.
        BookingEvent::BookingCancelled { at, .. } => hurry_in_tx(tx, event, *at).await,
        BookingEvent::PaymentDeclined { .. }
        | BookingEvent::PaymentCaptured { .. }
        | BookingEvent::PaymentCaptureFailed { .. }
        | BookingEvent::PaymentVoided { .. }
        | BookingEvent::RefundFailed { .. } => settled_in_tx(tx, event).await,
        BookingEvent::BookingHeld { .. }
        | BookingEvent::BookingExtended { .. }
        | BookingEvent::BookingConfirmed { .. }
        | BookingEvent::BookingExpired { .. } => Ok(()),
    }
}

async fn note_due_in_tx(
    tx: &mut PgConnection,
    event: &StoredEvent,
    settling: Settling,
    due_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into payments_due (booking_id, is_refund, due_at, sequence) values ($1::uuid, $2, $3, $4)
         on conflict (booking_id) do update
         set is_refund = excluded.is_refund, due_at = excluded.due_at, sequence = excluded.sequence, tries = 0,
             gateway_fails_since = null
         where payments_due.sequence < excluded.sequence",
    )
    .bind(&event.stream.id)
    .bind(settling == Settling::Refunds)
    .bind(due_at)
    .bind(event.sequence)
    .execute(tx)
    .await?;
    Ok(())
}

async fn hurry_in_tx(
    tx: &mut PgConnection,
    event: &StoredEvent,
    due_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update payments_due set due_at = $2, sequence = $3 where booking_id = $1::uuid and sequence < $3",
    )
    .bind(&event.stream.id)
    .bind(due_at)
    .bind(event.sequence)
    .execute(tx)
    .await?;
    Ok(())
}

/// One attempt is open at a time, and refunds come after it: what was due before this is no more.
async fn settled_in_tx(tx: &mut PgConnection, event: &StoredEvent) -> Result<(), sqlx::Error> {
    sqlx::query("delete from payments_due where booking_id = $1::uuid and sequence < $2")
        .bind(&event.stream.id)
        .bind(event.sequence)
        .execute(tx)
        .await?;
    Ok(())
}
