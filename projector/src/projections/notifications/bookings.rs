//! What happens to one's own booking.

use domain::{
    BookingId, ShowId, UserId,
    booking::{BookingEvent, OfPayment},
    notification::NotificationKind,
};
use event_store::StoredEvent;
use sqlx::PgConnection;

use super::telling::{Cause, News, tell_each_in_tx};
use crate::ApplyError;

pub(super) async fn apply_in_tx(
    tx: &mut PgConnection,
    events: impl Iterator<Item = &StoredEvent>,
) -> Result<(), ApplyError> {
    let mut told = Vec::new();
    for event in events {
        told.extend(news(event)?);
    }
    let told: Vec<(&News, UserId)> = told.iter().map(|(news, person)| (news, *person)).collect();
    tell_each_in_tx(tx, &told).await?;
    Ok(())
}

/// What is told of an event, and whom.
fn news(event: &StoredEvent) -> Result<Option<(News, UserId)>, serde_json::Error> {
    let news = |kind, booking_id: BookingId, event_id: ShowId, at| News {
        kind,
        because: Cause::new(event, at),
        once_of: booking_id.to_string(),
        event_id: event_id.uuid(),
        booking_id: Some(booking_id.uuid()),
    };
    // Money went back, once a payment.
    let refund_made = |of: OfPayment, at| {
        let OfPayment { booking_id, event_id, user_id, payment_id } = of;
        let news = news(NotificationKind::RefundMade, booking_id, event_id, at);
        (News { once_of: payment_id.to_string(), ..news }, user_id)
    };
    Ok(match event.decode()? {
        BookingEvent::BookingConfirmed { booking_id, event_id, user_id, at, .. } => {
            Some((news(NotificationKind::BookingConfirmed, booking_id, event_id, at), user_id))
        }
        BookingEvent::BookingExpired { booking_id, event_id, user_id, at } => {
            Some((news(NotificationKind::BookingExpired, booking_id, event_id, at), user_id))
        }
        BookingEvent::BookingCancelled { booking_id, event_id, user_id, at } => {
            Some((news(NotificationKind::BookingCancelled, booking_id, event_id, at), user_id))
        }
        BookingEvent::RefundMade { of, at, .. } => Some(refund_made(of.payment, at)),
        // What was set aside for tickets that are gone is theirs again.
        BookingEvent::PaymentVoided { of, at, .. } => Some(refund_made(of, at)),
        BookingEvent::BookingHeld { .. }
        | BookingEvent::BookingExtended { .. }
        | BookingEvent::PaymentStarted { .. }
        | BookingEvent::PaymentActionRequired { .. }
        | BookingEvent::PaymentDeclined { .. }
        | BookingEvent::PaymentAuthorised { .. }
        | BookingEvent::PaymentCaptured { .. }
        | BookingEvent::PaymentCaptureFailed { .. }
        | BookingEvent::RefundRequested { .. }
        | BookingEvent::RefundFailed { .. }
        | BookingEvent::RefundResumed { .. } => None,
    })
}
