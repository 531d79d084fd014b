//! `payments`: attempts to pay, refunds, and what was earned by ticket type and day.
//!
//! - `sales`: the lines that hosts' sales are added up from.

mod sales;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    Money, PaymentId,
    booking::{BookingEvent, OfRefund, PaymentState, ReasonCode, RefundCause, RefundState},
};
use event_store::StoredEvent;
use sqlx::PgConnection;

use crate::{
    ApplyError, Projection,
    projection::{AppliedSql, applied_sql},
};

/// One row an attempt, a refund, a booking, and a ticket type of what was sold or given back.
#[derive(Debug, Clone, Copy)]
pub struct Payments;

#[async_trait]
impl Projection for Payments {
    fn name(&self) -> &'static str {
        "payments"
    }

    fn stream_types(&self) -> &'static [&'static str] {
        &["booking"]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["payments", "refunds", "payment_bookings", "sale_lines", "payments_applied"]
    }

    fn rebuild_schema(&self) -> &'static str {
        "rebuild_payments"
    }

    fn applied(&self) -> &'static AppliedSql {
        &applied_sql!("payments_applied")
    }

    async fn apply_in_tx(&self, tx: &mut PgConnection, event: &StoredEvent) -> Result<(), ApplyError> {
        match event.decode()? {
            BookingEvent::BookingHeld { booking_id, event_id, user_id, tickets, .. } => {
                sales::book_in_tx(tx, booking_id, event_id, user_id, &tickets).await?;
            }
            BookingEvent::BookingConfirmed { booking_id, event_id, user_id, tickets, at, .. } => {
                sales::book_in_tx(tx, booking_id, event_id, user_id, &tickets).await?;
                sales::sell_in_tx(tx, booking_id, event_id, &tickets, at).await?;
            }
            BookingEvent::PaymentStarted { of, amount, at } => {
                start_in_tx(tx, of.payment_id, of.booking_id.uuid(), amount, at).await?;
            }
            BookingEvent::PaymentActionRequired { of, at, .. } => {
                is_in_tx(tx, of.payment_id, PaymentState::ActionRequired, None, at).await?;
            }
            BookingEvent::PaymentDeclined { of, reason, at } => {
                is_in_tx(tx, of.payment_id, PaymentState::Declined, Some(reason), at).await?;
            }
            BookingEvent::PaymentAuthorised { of, at, .. } => {
                is_in_tx(tx, of.payment_id, PaymentState::Authorised, None, at).await?;
            }
            BookingEvent::PaymentCaptured { of, at, .. } => {
                is_in_tx(tx, of.payment_id, PaymentState::Captured, None, at).await?;
            }
            BookingEvent::PaymentCaptureFailed { of, reason, at } => {
                is_in_tx(tx, of.payment_id, PaymentState::CaptureFailed, Some(reason), at).await?;
            }
            BookingEvent::PaymentVoided { of, reason, at } => {
                is_in_tx(tx, of.payment_id, PaymentState::Voided, Some(reason), at).await?;
            }
            BookingEvent::RefundRequested { of, amount, cause, at } => {
                request_in_tx(tx, of, amount, cause, at).await?;
            }
            BookingEvent::RefundMade { of, amount, at } => {
                refund_is_in_tx(tx, of, RefundState::Made, None, at).await?;
                sales::refund_in_tx(tx, of, amount, at).await?;
            }
            BookingEvent::RefundFailed { of, reason, at, .. } => {
                refund_is_in_tx(tx, of, RefundState::Failed, Some(reason), at).await?;
                sales::take_back_in_tx(tx, of).await?;
            }
            BookingEvent::RefundResumed { of, at } => {
                refund_is_in_tx(tx, of, RefundState::Requested, None, at).await?;
            }
            BookingEvent::BookingExtended { .. }
            | BookingEvent::BookingExpired { .. }
            | BookingEvent::BookingCancelled { .. } => {}
        }
        Ok(())
    }
}

async fn start_in_tx(
    tx: &mut PgConnection,
    payment_id: PaymentId,
    booking_id: uuid::Uuid,
    amount: Money,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into payments (id, booking_id, amount, currency, status, started_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(payment_id.uuid())
    .bind(booking_id)
    .bind(amount.amount)
    .bind(amount.currency.code())
    .bind(PaymentState::Started.name())
    .bind(at)
    .execute(tx)
    .await?;
    Ok(())
}

async fn is_in_tx(
    tx: &mut PgConnection,
    payment_id: PaymentId,
    state: PaymentState,
    reason: Option<ReasonCode>,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query("update payments set status = $2, reason = $3, changed_at = $4 where id = $1")
        .bind(payment_id.uuid())
        .bind(state.name())
        .bind(reason.as_ref().map(ReasonCode::as_str))
        .bind(at)
        .execute(tx)
        .await?;
    Ok(())
}

async fn request_in_tx(
    tx: &mut PgConnection,
    of: OfRefund,
    amount: Money,
    cause: RefundCause,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into refunds (id, payment_id, booking_id, event_id, amount, currency, status, cause, requested_at,
                              changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
    )
    .bind(of.refund_id.uuid())
    .bind(of.payment.payment_id.uuid())
    .bind(of.payment.booking_id.uuid())
    .bind(of.payment.event_id.uuid())
    .bind(amount.amount)
    .bind(amount.currency.code())
    .bind(RefundState::Requested.name())
    .bind(cause.name())
    .bind(at)
    .execute(tx)
    .await?;
    Ok(())
}

async fn refund_is_in_tx(
    tx: &mut PgConnection,
    of: OfRefund,
    state: RefundState,
    reason: Option<ReasonCode>,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query("update refunds set status = $2, reason = $3, changed_at = $4 where id = $1")
        .bind(of.refund_id.uuid())
        .bind(state.name())
        .bind(reason.as_ref().map(ReasonCode::as_str))
        .bind(at)
        .execute(tx)
        .await?;
    Ok(())
}
