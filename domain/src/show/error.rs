//! Why a command to a show's stream is refused.

use std::collections::BTreeSet;

use super::{Part, ScheduleError};
use crate::{BookingId, SeatId};

/// A rule refused the command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShowError {
    /// What the command is about was left out when the show was loaded: bring it, and decide again.
    #[error("parts of the show's bookings are not in memory")]
    PartsMissing {
        /// All of them.
        parts: BTreeSet<Part>,
    },
    /// There is no such show, or the caller must not know of it yet.
    #[error("there is no such event")]
    NotCreated,
    /// The stream already has a show.
    #[error("the event exists already")]
    AlreadyCreated,
    /// It would start before now.
    #[error("an event cannot start in the past")]
    StartsInThePast,
    /// The times would not fit together.
    #[error("the times do not fit together")]
    Schedule(#[source] ScheduleError),
    /// The details have changed since the host saw them.
    #[error("the event has changed meanwhile")]
    VersionConflict {
        /// The version now.
        current: u64,
    },
    /// Fewer tickets than are sold and held.
    #[error("more tickets are sold and held than that")]
    CapacityBelowSold {
        /// Sold and held.
        taken: u32,
    },
    /// A ticket type that is sold or held would go.
    #[error("tickets of that type are sold or held")]
    TicketTypeInUse,
    /// Seats that are sold or held would go.
    #[error("some of the seats are sold or held")]
    SeatsInUse {
        /// Which.
        seats: Vec<SeatId>,
    },
    /// The change does not fit a show with seats, or one without.
    #[error("{0}")]
    DoesNotFit(&'static str),
    /// Not enough tickets.
    #[error("there are not enough tickets left")]
    SoldOut {
        /// What could be booked instead.
        available: u32,
    },
    /// Somebody else has the seats.
    #[error("some of the seats are taken")]
    SeatTaken {
        /// Which.
        seats: Vec<SeatId>,
    },
    /// The show has no such ticket type.
    #[error("this event has no such ticket type")]
    UnknownTicketType,
    /// The show has no such seat.
    #[error("this event has no such seat")]
    UnknownSeat,
    /// There are several ticket types, and the command names none.
    #[error("this event has several ticket types: say which")]
    TicketTypeNotNamed,
    /// There are seats, and the command names none.
    #[error("this event has numbered seats: say which")]
    SeatsNotNamed,
    /// More tickets than one booking may have.
    #[error("one booking may not have so many tickets")]
    LimitExceeded {
        /// Most tickets.
        max: u32,
    },
    /// The attendee has an open booking for this show.
    #[error("there is already a booking of this attendee for this event")]
    AlreadyBooked {
        /// That booking.
        booking_id: BookingId,
    },
    /// The booking has no hold that has not lapsed.
    #[error("the hold has expired")]
    HoldExpired,
    /// The booking's tickets are not held but sold.
    #[error("the tickets are not held any more: they are sold")]
    NotHeld,
    /// Before the sale starts or after it ended.
    #[error("tickets are not on sale now")]
    SalesNotOpen,
    /// It will not take place.
    #[error("the event is cancelled")]
    Cancelled,
    /// The show is over.
    #[error("the event has ended")]
    Ended,
}
