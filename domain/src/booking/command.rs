//! What can be asked of a booking's stream.

use chrono::{DateTime, Utc};

use crate::{ShowId, show::Taken};

/// An order to a booking's stream. Each follows what the show has decided in the same append.
#[derive(Debug, Clone)]
pub enum BookingCommand {
    /// Records what the show gave.
    Place(PlaceBooking),
    /// The hold lasts longer.
    Extend {
        /// Until when.
        held_until: DateTime<Utc>,
        /// Now.
        at: DateTime<Utc>,
    },
    /// The hold lapsed.
    Expire {
        /// Now.
        at: DateTime<Utc>,
    },
    /// Gives the tickets back.
    Cancel {
        /// Now.
        at: DateTime<Utc>,
    },
}

/// Records the tickets that the show gave in the same append.
#[derive(Debug, Clone)]
pub struct PlaceBooking {
    /// For which show.
    pub event_id: ShowId,
    /// What the show gave to whom.
    pub taken: Taken,
    /// Until when the tickets are set aside; nothing if they are given for good.
    pub held_until: Option<DateTime<Utc>>,
    /// Now.
    pub at: DateTime<Utc>,
}
