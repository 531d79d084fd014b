//! What happens to one's own booking.

use domain::{BookingId, ShowId, UserId, booking::BookingEvent, notification::NotificationKind};
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
        BookingEvent::BookingHeld { .. } | BookingEvent::BookingExtended { .. } => {}
    }
    Ok(())
}

struct Booking {
    booking_id: BookingId,
    event_id: ShowId,
    user_id: UserId,
}

impl Booking {
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
