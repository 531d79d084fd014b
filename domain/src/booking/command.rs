//! What can be asked of a booking's stream.

use chrono::{DateTime, Utc};

use crate::{BookingId, Money, ShowId, UserId, show::TicketLine};

/// An order to a booking's stream.
#[derive(Debug, Clone)]
pub enum BookingCommand {
    /// Records what the show gave.
    Place(PlaceBooking),
    /// Gives the tickets back.
    Cancel(CancelBooking),
}

/// Records the tickets that the show gave in the same append.
#[derive(Debug, Clone)]
pub struct PlaceBooking {
    /// The new booking.
    pub booking_id: BookingId,
    /// For which show.
    pub event_id: ShowId,
    /// Whose.
    pub user_id: UserId,
    /// What the show gave.
    pub tickets: Vec<TicketLine>,
    /// What it costs; free of charge is confirmed at once.
    pub total: Money,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Gives the tickets back.
#[derive(Debug, Clone, Copy)]
pub struct CancelBooking {
    /// Now.
    pub at: DateTime<Utc>,
}
