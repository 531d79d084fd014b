//! One attendee's tickets for one show.
//!
//! The show's stream decides whether there are tickets; a booking's stream follows it, in the same append.

mod aggregate;
mod command;
mod error;
mod event;

pub use command::{BookingCommand, CancelBooking, PlaceBooking};
pub use error::BookingError;
pub use event::BookingEvent;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{BookingId, Money, ShowId, UserId, show::TicketLine};

/// Where a booking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BookingStatus {
    /// The tickets are the attendee's.
    Confirmed,
    /// Given back.
    Cancelled,
}

impl BookingStatus {
    /// The status' name in HTTP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
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
    /// What it costs.
    pub total: Money,
    /// Where it stands.
    pub status: BookingStatus,
    /// When it was placed.
    pub placed_at: DateTime<Utc>,
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
            (Self::Unplaced, BookingCommand::Place(place)) => {
                let PlaceBooking { booking_id, event_id, user_id, tickets, total, at } = place;
                Ok(vec![BookingEvent::BookingConfirmed { booking_id, event_id, user_id, tickets, total, at }])
            }
            (Self::Placed(_), BookingCommand::Place(_)) => Ok(vec![]),
            (Self::Unplaced, BookingCommand::Cancel(_)) => Err(BookingError::NotPlaced),
            (Self::Placed(booking), BookingCommand::Cancel(CancelBooking { at })) => match booking.status {
                BookingStatus::Cancelled => Ok(vec![]),
                BookingStatus::Confirmed => Ok(vec![BookingEvent::BookingCancelled {
                    booking_id: booking.id,
                    event_id: booking.event_id,
                    user_id: booking.user_id,
                    at,
                }]),
            },
        }
    }

    /// Folds one event in.
    pub fn evolve(&mut self, event: BookingEvent) {
        match event {
            BookingEvent::BookingConfirmed { booking_id: id, event_id, user_id, tickets, total, at } => {
                *self = Self::Placed(PlacedBooking {
                    id,
                    event_id,
                    user_id,
                    tickets,
                    total,
                    status: BookingStatus::Confirmed,
                    placed_at: at,
                });
            }
            BookingEvent::BookingCancelled { .. } => {
                if let Self::Placed(booking) = self {
                    booking.status = BookingStatus::Cancelled;
                }
            }
        }
    }
}
