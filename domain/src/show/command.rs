//! What can be asked of a show's stream.

use chrono::{DateTime, Utc};

use super::{NewTicketType, ShowDetails};
use crate::{BookingId, ShowId, UserId};

/// An order to a show's stream.
#[derive(Debug, Clone)]
pub enum ShowCommand {
    /// Puts it on sale.
    Create(CreateShow),
    /// Takes tickets for an attendee.
    BookTickets(BookTickets),
    /// Gives a booking's tickets back.
    ReleaseTickets(ReleaseTickets),
}

/// Puts a show on sale.
#[derive(Debug, Clone)]
pub struct CreateShow {
    /// The new show.
    pub show_id: ShowId,
    /// Who offers it.
    pub host_id: UserId,
    /// What the host says about it.
    pub details: ShowDetails,
    /// What is sold.
    pub ticket_types: Vec<NewTicketType>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Takes one ticket of the only type.
#[derive(Debug, Clone, Copy)]
pub struct BookTickets {
    /// The new booking.
    pub booking_id: BookingId,
    /// For whom.
    pub attendee_id: UserId,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Gives a booking's tickets back.
#[derive(Debug, Clone, Copy)]
pub struct ReleaseTickets {
    /// Which booking.
    pub booking_id: BookingId,
    /// Now.
    pub at: DateTime<Utc>,
}
