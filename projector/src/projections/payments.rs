//! `payments`: attempts to pay, refunds, and what was earned by ticket type and day.
//!
//! - `attempts`, `refunds`: where each stands.
//! - `sales`: the lines that hosts' sales are added up from.

mod attempts;
mod refunds;
mod sales;

use async_trait::async_trait;
use domain::booking::{BookingEvent, PaymentState, RefundState};
use event_store::StoredEvent;
use sqlx::PgConnection;

use crate::{
    ApplyError, Projection,
    projection::{AppliedSql, applied_sql},
};

/// One row an attempt, a refund, and a ticket type of what was sold or given back.
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
        &["payments", "refunds", "sale_lines", "payments_applied"]
    }

    fn rebuild_schema(&self) -> &'static str {
        "rebuild_payments"
    }

    fn applied(&self) -> &'static AppliedSql {
        &applied_sql!("payments_applied")
    }

    async fn apply_in_tx(&self, tx: &mut PgConnection, events: &[StoredEvent]) -> Result<(), ApplyError> {
        let events: Vec<BookingEvent> = events.iter().map(StoredEvent::decode).collect::<Result<_, _>>()?;
        let mut rows =
            Rows { sales: sales::Rows::known_in_tx(tx, &refunded(&events)).await?, ..Rows::default() };
        for event in events {
            rows.fold(event);
        }
        rows.attempts.write_in_tx(tx).await?;
        rows.refunds.write_in_tx(tx).await?;
        rows.sales.write_in_tx(tx).await?;
        Ok(())
    }
}

/// What events make of the tables.
#[derive(Default)]
struct Rows {
    attempts: attempts::Rows,
    refunds: refunds::Rows,
    sales: sales::Rows,
}

impl Rows {
    fn fold(&mut self, event: BookingEvent) {
        match event {
            BookingEvent::BookingConfirmed { booking_id, event_id, tickets, at, .. } => {
                self.sales.sell(booking_id, event_id, &tickets, at);
            }
            BookingEvent::PaymentStarted { of, amount, at } => self.attempts.start(of, amount, at),
            BookingEvent::PaymentActionRequired { of, at, .. } => {
                self.attempts.is(of, PaymentState::ActionRequired, None, at);
            }
            BookingEvent::PaymentDeclined { of, reason, at } => {
                self.attempts.is(of, PaymentState::Declined, Some(reason), at);
            }
            BookingEvent::PaymentAuthorised { of, at, .. } => {
                self.attempts.is(of, PaymentState::Authorised, None, at);
            }
            BookingEvent::PaymentCaptured { of, at, .. } => {
                self.attempts.is(of, PaymentState::Captured, None, at);
            }
            BookingEvent::PaymentCaptureFailed { of, reason, at } => {
                self.attempts.is(of, PaymentState::CaptureFailed, Some(reason), at);
            }
            BookingEvent::PaymentVoided { of, reason, at } => {
                self.attempts.is(of, PaymentState::Voided, Some(reason), at);
            }
            BookingEvent::RefundRequested { of, amount, cause, at } => {
                self.refunds.request(of, amount, cause, at);
            }
            BookingEvent::RefundMade { of, amount, at } => {
                self.refunds.is(of, RefundState::Made, None, at);
                self.sales.refund(of, amount, at);
            }
            BookingEvent::RefundFailed { of, reason, at, .. } => {
                self.refunds.is(of, RefundState::Failed, Some(reason), at);
                self.sales.take_back(of);
            }
            BookingEvent::RefundResumed { of, at } => {
                self.refunds.is(of, RefundState::Requested, None, at);
            }
            BookingEvent::BookingHeld { .. }
            | BookingEvent::BookingExtended { .. }
            | BookingEvent::BookingExpired { .. }
            | BookingEvent::BookingCancelled { .. } => {}
        }
    }
}

/// Bookings of which money has gone back: what they were sold for must be known.
fn refunded(events: &[BookingEvent]) -> Vec<uuid::Uuid> {
    let booking = |event: &BookingEvent| match event {
        BookingEvent::RefundMade { of, .. } => Some(of.payment.booking_id.uuid()),
        BookingEvent::BookingHeld { .. }
        | BookingEvent::BookingExtended { .. }
        | BookingEvent::BookingConfirmed { .. }
        | BookingEvent::BookingExpired { .. }
        | BookingEvent::BookingCancelled { .. }
        | BookingEvent::PaymentStarted { .. }
        | BookingEvent::PaymentActionRequired { .. }
        | BookingEvent::PaymentDeclined { .. }
        | BookingEvent::PaymentAuthorised { .. }
        | BookingEvent::PaymentCaptured { .. }
        | BookingEvent::PaymentCaptureFailed { .. }
        | BookingEvent::PaymentVoided { .. }
        | BookingEvent::RefundRequested { .. }
        | BookingEvent::RefundFailed { .. }
        | BookingEvent::RefundResumed { .. } => None,
    };
    events.iter().filter_map(booking).collect()
}
