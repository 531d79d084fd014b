//! One attendee's tickets for one show.
//!
//! The show's stream decides whether there are tickets; a booking's stream follows it, in the same append. What becomes
//! of the money, the booking decides.
//!
//! Read on: `payment` is what is known of the money, `paying` decides about it, `evolve` folds events in.

mod aggregate;
mod command;
mod error;
mod event;
mod evolve;
mod paying;
mod payment;

pub use command::{BookingCommand, PaymentCommand, PaymentStep, PlaceBooking, TIME_TO_ACT, TIME_TO_PAY};
pub use error::BookingError;
pub use event::{BookingEvent, OfPayment, OfRefund};
pub use paying::MAX_PAYMENTS;
pub use payment::{
    Due, Payment, PaymentReference, PaymentState, ReasonCode, Refund, RefundCause, RefundState,
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    BookingId, Money, SeatId, ShowId, UserId,
    show::{Taken, TicketLine},
};

/// Where a booking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BookingStatus {
    /// The tickets are set aside.
    Held,
    /// The tickets are the attendee's.
    Confirmed,
    /// The hold lapsed.
    Expired,
    /// Given back.
    Cancelled,
}

impl BookingStatus {
    /// The status' name in HTTP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The fold of a booking's stream.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Booking {
    /// No event yet.
    #[default]
    Unplaced,
    /// Placed, whatever became of it.
    Placed(PlacedBooking),
}

/// What is known of a booking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlacedBooking {
    /// Its id.
    pub id: BookingId,
    /// For which show.
    pub event_id: ShowId,
    /// Whose.
    pub user_id: UserId,
    /// What was taken.
    pub tickets: Vec<TicketLine>,
    /// Which seats.
    pub seats: Vec<SeatId>,
    /// What it costs.
    pub total: Money,
    /// Where it stands.
    pub status: BookingStatus,
    /// Until when the tickets are set aside, while they are held.
    pub held_until: Option<DateTime<Utc>>,
    /// When it was placed.
    pub placed_at: DateTime<Utc>,
    /// All attempts to pay it, in order.
    pub payments: Vec<Payment>,
    /// All money that goes or went back.
    pub refunds: Vec<Refund>,
}

impl PlacedBooking {
    /// What the show gave it.
    #[must_use]
    pub fn taken(&self) -> Taken {
        Taken {
            booking_id: self.id,
            attendee_id: self.user_id,
            tickets: self.tickets.clone(),
            seats: self.seats.clone(),
        }
    }

    /// Where it stands at a time: a hold that has lapsed is expired, whether or not anything has noticed.
    #[must_use]
    pub fn status_at(&self, at: DateTime<Utc>) -> BookingStatus {
        let is_held = self.status == BookingStatus::Held;
        let has_lapsed = is_held && self.held_until.is_some_and(|until| until <= at);
        if has_lapsed { BookingStatus::Expired } else { self.status }
    }
}

impl Booking {
    /// The booking, if it was placed.
    #[must_use]
    pub const fn placed(&self) -> Option<&PlacedBooking> {
        match self {
            Self::Unplaced => None,
            Self::Placed(booking) => Some(booking),
        }
    }

    /// What the command leads to; a repeated one leads to nothing.
    ///
    /// # Errors
    /// A rule refuses it.
    pub fn decide(&self, command: BookingCommand) -> Result<Vec<BookingEvent>, BookingError> {
        match (self, command) {
            (Self::Unplaced, BookingCommand::Place(place)) => Ok(vec![place_booking(place)]),
            (Self::Placed(_), BookingCommand::Place(_)) => Ok(vec![]),
            (
                Self::Unplaced,
                BookingCommand::Extend { .. }
                | BookingCommand::Expire { .. }
                | BookingCommand::Cancel { .. }
                | BookingCommand::Pay(_),
            ) => Err(BookingError::NotPlaced),
            (Self::Placed(booking), BookingCommand::Extend { held_until, at }) => {
                Ok(booking.extend(held_until, at))
            }
            (Self::Placed(booking), BookingCommand::Expire { at }) => Ok(booking.expire(at)),
            (Self::Placed(booking), BookingCommand::Cancel { cause, at }) => Ok(booking.cancel(cause, at)),
            (Self::Placed(booking), BookingCommand::Pay(command)) => booking.pay(command),
        }
    }
}

fn place_booking(place: PlaceBooking) -> BookingEvent {
    let PlaceBooking { event_id, taken, held_until, at } = place;
    let total = taken.total();
    let Taken { booking_id, attendee_id: user_id, tickets, seats } = taken;
    match held_until {
        None => BookingEvent::BookingConfirmed { booking_id, event_id, user_id, tickets, seats, total, at },
        Some(held_until) => {
            BookingEvent::BookingHeld { booking_id, event_id, user_id, tickets, seats, total, held_until, at }
        }
    }
}

impl PlacedBooking {
    fn extend(&self, held_until: DateTime<Utc>, at: DateTime<Utc>) -> Vec<BookingEvent> {
        match self.status {
            BookingStatus::Held if self.held_until.is_some_and(|until| until < held_until) => {
                let &Self { id: booking_id, event_id, user_id, .. } = self;
                vec![BookingEvent::BookingExtended { booking_id, event_id, user_id, held_until, at }]
            }
            BookingStatus::Held
            | BookingStatus::Confirmed
            | BookingStatus::Expired
            | BookingStatus::Cancelled => vec![],
        }
    }

    fn expire(&self, at: DateTime<Utc>) -> Vec<BookingEvent> {
        match self.status {
            BookingStatus::Held => {
                let &Self { id: booking_id, event_id, user_id, .. } = self;
                vec![BookingEvent::BookingExpired { booking_id, event_id, user_id, at }]
            }
            BookingStatus::Confirmed | BookingStatus::Expired | BookingStatus::Cancelled => vec![],
        }
    }

    fn cancel(&self, cause: RefundCause, at: DateTime<Utc>) -> Vec<BookingEvent> {
        let is_open = match self.status {
            BookingStatus::Held | BookingStatus::Confirmed => true,
            // Its tickets are gone. But its bank may still say yes, and then it would get them again.
            BookingStatus::Expired => self.open_payment().is_some(),
            BookingStatus::Cancelled => false,
        };
        if !is_open {
            return vec![];
        }
        let &Self { id: booking_id, event_id, user_id, .. } = self;
        let cancelled = BookingEvent::BookingCancelled { booking_id, event_id, user_id, at };
        [cancelled].into_iter().chain(self.refund_on_end(cause, at)).collect()
    }
}
