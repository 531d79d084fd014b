//! What happens to one's own booking.

use domain::{
    BookingId, PaymentId, ShowId, UserId,
    booking::{BookingEvent, OfPayment},
    notification::NotificationKind,
};
use event_store::StoredEvent;
use sqlx::PgConnection;

use super::telling::{Cause, News, tell_in_tx};
use crate::ApplyError;

pub(super) async fn apply_in_tx(tx: &mut PgConnection, event: &StoredEvent) -> Result<(), ApplyError> {
    match event.decode()? {
        BookingEvent::BookingConfirmed { booking_id, event_id, user_id, at, .. } => {
            let booking = Booking { booking_id, event_id, user_id };
            booking.tell_in_tx(tx, NotificationKind::BookingConfirmed, Cause::new(event, at)).await?;
        }
        BookingEvent::BookingExpired { booking_id, event_id, user_id, at } => {
            let booking = Booking { booking_id, event_id, user_id };
            booking.tell_in_tx(tx, NotificationKind::BookingExpired, Cause::new(event, at)).await?;
        }
        BookingEvent::BookingCancelled { booking_id, event_id, user_id, at } => {
            let booking = Booking { booking_id, event_id, user_id };
            booking.tell_in_tx(tx, NotificationKind::BookingCancelled, Cause::new(event, at)).await?;
        }
        BookingEvent::RefundMade { of, at, .. } => {
            let OfPayment { booking_id, event_id, user_id, payment_id } = of.payment;
            let booking = Booking { booking_id, event_id, user_id };
            booking.tell_of_in_tx(tx, payment_id, Cause::new(event, at)).await?;
        }
        // What was set aside for tickets that are gone is theirs again.
        BookingEvent::PaymentVoided { of, at, .. } => {
            let OfPayment { booking_id, event_id, user_id, payment_id } = of;
            let booking = Booking { booking_id, event_id, user_id };
            booking.tell_of_in_tx(tx, payment_id, Cause::new(event, at)).await?;
        }
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
        | BookingEvent::RefundResumed { .. } => {}
    }
    Ok(())
}

struct Booking {
    booking_id: BookingId,
    event_id: ShowId,
    user_id: UserId,
}

impl Booking {
    /// Money went back, once a payment.
    async fn tell_of_in_tx(
        &self,
        tx: &mut PgConnection,
        payment_id: PaymentId,
        because: Cause,
    ) -> Result<(), sqlx::Error> {
        let news = News {
            kind: NotificationKind::RefundMade,
            because,
            once_of: &payment_id.to_string(),
            event_id: self.event_id.uuid(),
            booking_id: Some(self.booking_id.uuid()),
        };
        tell_in_tx(tx, &news, &[self.user_id]).await
    }

    async fn tell_in_tx(
        &self,
        tx: &mut PgConnection,
        kind: NotificationKind,
        because: Cause,
    ) -> Result<(), sqlx::Error> {
        let news = News {
            kind,
            because,
            once_of: &self.booking_id.to_string(),
            event_id: self.event_id.uuid(),
            booking_id: Some(self.booking_id.uuid()),
        };
        tell_in_tx(tx, &news, &[self.user_id]).await
    }
}
