//! Why a command to a show's stream is refused.

use crate::BookingId;

/// A rule refused the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShowError {
    /// There is no such show.
    #[error("there is no such event")]
    NotCreated,
    /// The stream already has a show.
    #[error("the event exists already")]
    AlreadyCreated,
    /// It would start before now.
    #[error("an event cannot start in the past")]
    StartsInThePast,
    /// Not enough tickets.
    #[error("there are not enough tickets left")]
    SoldOut {
        /// What could be booked instead.
        available: u32,
    },
    /// The attendee has an open booking for this show.
    #[error("there is already a booking of this attendee for this event")]
    AlreadyBooked {
        /// That booking.
        booking_id: BookingId,
    },
    /// Before the sale starts or after it ended.
    #[error("tickets are not on sale now")]
    SalesNotOpen,
    /// The show is over.
    #[error("the event has ended")]
    Ended,
    /// There are several ticket types, and the command names none.
    #[error("this event has several ticket types: say which")]
    TicketTypeNotNamed,
}
