//! What payments want of a show: that a hold lasts while it is being paid, and that what is paid is sold.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    CreatedShow, Keep, ShowError, ShowEvent, ShowStatus, Taken,
    bookings::{Hold, Open},
    tickets::{LONGEST_HOLD, Lapsing},
};
use crate::{BookingId, UserId};

/// So much longer than any other a hold may last that is being paid: a payment that begins in the last minute is decided
/// on with the tickets still there.
const LONGER_TO_PAY: TimeDelta = TimeDelta::minutes(15);
/// So much longer still after a decline. A payment that was begun at the last moment leaves time for another, too.
const LONGER_TO_TRY_AGAIN: TimeDelta = TimeDelta::minutes(5);
/// A hold that is kept is kept so much longer than asked for, so that a card that is declined at once, and the next one, need
/// no event of their own in a stream that many write to.
const SPARE: TimeDelta = TimeDelta::seconds(30);

impl CreatedShow {
    pub(super) fn keep_hold(
        &self,
        booking_id: BookingId,
        attendee_id: UserId,
        until: DateTime<Utc>,
        why: Keep,
        at: DateTime<Utc>,
    ) -> Result<Vec<ShowEvent>, ShowError> {
        if self.status == ShowStatus::Cancelled {
            return Err(ShowError::Cancelled);
        }
        let open = self.bookings.open_booking(booking_id, attendee_id);
        let hold: Hold = match open.ok_or(ShowError::HoldExpired)? {
            Open::Held(held) => held.hold,
            Open::Sold(_) => return Err(ShowError::NotHeld),
        };
        if hold.has_lapsed(at) {
            return Err(ShowError::HoldExpired);
        }
        let longest = hold.since + LONGEST_HOLD + LONGER_TO_PAY;
        let longest = match why {
            // Even if it was kept for longer after a decline: then there would be no time left after the next one.
            Keep::ToBegin if longest < until => return Err(ShowError::HoldExpired),
            Keep::ToBegin | Keep::ToDecide => longest,
            Keep::ToTryAgain => longest + LONGER_TO_TRY_AGAIN,
        };
        if until <= hold.until {
            return Ok(vec![]);
        }
        let held_until = (until + SPARE).min(longest);
        if held_until <= hold.until {
            return Ok(vec![]);
        }
        Ok(vec![ShowEvent::HoldExtended { booking_id, held_until, at }])
    }

    /// A hold that has lapsed and still has its tickets is as good as one that has not: nobody else wanted them.
    pub(super) fn sell_held(&self, taken: Taken, at: DateTime<Utc>) -> Result<Vec<ShowEvent>, ShowError> {
        let open = self.bookings.open_of(taken.attendee_id);
        match &open {
            Some(Open::Sold(sold)) if sold.booking_id() == taken.booking_id => return Ok(vec![]),
            Some(Open::Held(held)) if held.taken.booking_id == taken.booking_id => {
                return match self.status {
                    ShowStatus::Cancelled => Err(ShowError::Cancelled),
                    ShowStatus::Draft | ShowStatus::Published => {
                        Ok(vec![ShowEvent::TicketsSold { taken: held.taken.clone(), at }])
                    }
                };
            }
            Some(_) | None => {}
        }
        self.on_sale(at)?;
        let mut lapsing = Lapsing::default();
        if let Some(open) = open {
            let booking_id = open.booking_id();
            lapsing.add(self.lapsed(booking_id, at).ok_or(ShowError::AlreadyBooked { booking_id })?);
        }
        self.take_again(&taken, at, &mut lapsing)?;
        let mut events = lapsing.into_events(at);
        events.push(ShowEvent::TicketsSold { taken, at });
        Ok(events)
    }

    /// At the price of then: it is what was paid.
    fn take_again(&self, taken: &Taken, at: DateTime<Utc>, lapsing: &mut Lapsing) -> Result<(), ShowError> {
        if taken.seats.is_empty() == self.seating.is_numbered() {
            return Err(ShowError::UnknownSeat);
        }
        for line in &taken.tickets {
            let seats = taken.seats.iter().filter(|seat| {
                let index = seat.index_in(self.id);
                index.and_then(|index| self.seating.ticket_type_of(index)) == Some(line.ticket_type_id)
            });
            if !taken.seats.is_empty() && seats.count() != line.quantity as usize {
                return Err(ShowError::UnknownSeat);
            }
        }
        self.free_seats(&taken.seats, at, lapsing)?;
        taken.tickets.iter().try_for_each(|line| self.free_tickets(line, at, lapsing))
    }
}
