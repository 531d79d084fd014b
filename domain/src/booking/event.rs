//! What happened to a booking. Stored for ever: add a version and an upcaster, never change one.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::{BookingId, Money, SeatId, ShowId, UserId, show::TicketLine};

/// A fact in a booking's stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum BookingEvent {
    /// The tickets are set aside until a time. The first event of a booking that costs something.
    BookingHeld {
        /// Which booking.
        booking_id: BookingId,
        /// For which show.
        event_id: ShowId,
        /// Whose.
        user_id: UserId,
        /// What was taken.
        tickets: Vec<TicketLine>,
        /// Which seats.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        seats: Vec<SeatId>,
        /// What it costs.
        total: Money,
        /// From this time on the hold blocks nobody.
        held_until: DateTime<Utc>,
        /// When.
        at: DateTime<Utc>,
    },
    /// The hold lasts longer.
    BookingExtended {
        /// Which booking.
        booking_id: BookingId,
        /// For which show.
        event_id: ShowId,
        /// Whose.
        user_id: UserId,
        /// From this time on the hold blocks nobody.
        held_until: DateTime<Utc>,
        /// When.
        at: DateTime<Utc>,
    },
    /// The tickets are the attendee's. The first event of a booking that is free of charge; it carries everything,
    /// so that a consumer needs no other event to know what was sold to whom.
    BookingConfirmed {
        /// Which booking.
        booking_id: BookingId,
        /// For which show.
        event_id: ShowId,
        /// Whose.
        user_id: UserId,
        /// What was taken.
        tickets: Vec<TicketLine>,
        /// Which seats.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        seats: Vec<SeatId>,
        /// What it costs.
        total: Money,
        /// When.
        at: DateTime<Utc>,
    },
    /// The hold lapsed.
    BookingExpired {
        /// Which booking.
        booking_id: BookingId,
        /// For which show.
        event_id: ShowId,
        /// Whose.
        user_id: UserId,
        /// When it was noticed.
        at: DateTime<Utc>,
    },
    /// The tickets were given back.
    BookingCancelled {
        /// Which booking.
        booking_id: BookingId,
        /// For which show.
        event_id: ShowId,
        /// Whose.
        user_id: UserId,
        /// When.
        at: DateTime<Utc>,
    },
}

impl DomainEvent for BookingEvent {
    fn event_type(&self) -> String {
        match self {
            Self::BookingHeld { .. } => "BookingHeld",
            Self::BookingExtended { .. } => "BookingExtended",
            Self::BookingConfirmed { .. } => "BookingConfirmed",
            Self::BookingExpired { .. } => "BookingExpired",
            Self::BookingCancelled { .. } => "BookingCancelled",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
