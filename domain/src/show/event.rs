//! What happened to a show. Stored for ever: add a version and an upcaster, never change one.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::{ShowDetails, TicketType};
use crate::{BookingId, Money, ShowId, TicketTypeId, TicketTypeName, UserId};

/// A fact in a show's stream. Their names say *event* where the world outside reads them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum ShowEvent {
    /// A show was put on sale.
    EventCreated {
        /// Which.
        event_id: ShowId,
        /// Who offers it.
        host_id: UserId,
        /// What the host says about it.
        #[serde(flatten)]
        details: Box<ShowDetails>,
        /// What is sold.
        ticket_types: Vec<NewTicketType>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Tickets went to an attendee for good.
    TicketsSold {
        /// In which booking.
        booking_id: BookingId,
        /// To whom.
        attendee_id: UserId,
        /// What.
        tickets: Vec<TicketLine>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Tickets of a booking came back; they can be booked again.
    TicketsReleased {
        /// Of which booking.
        booking_id: BookingId,
        /// Whose they were.
        attendee_id: UserId,
        /// What.
        tickets: Vec<TicketLine>,
        /// When.
        at: DateTime<Utc>,
    },
}

/// A pool of capacity, as the host sets it up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewTicketType {
    /// Its id.
    pub id: TicketTypeId,
    /// What it is called.
    pub name: TicketTypeName,
    /// What one ticket costs.
    pub price: Money,
    /// Tickets in all.
    pub capacity: u32,
}

impl NewTicketType {
    pub(super) fn unsold(self) -> TicketType {
        let Self { id, name, price, capacity } = self;
        TicketType { id, name, price, capacity, sold: 0 }
    }
}

/// Some tickets of one type at the price of the moment they were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketLine {
    /// Which type.
    pub ticket_type_id: TicketTypeId,
    /// How many.
    pub quantity: u32,
    /// What one of them costs.
    pub price: Money,
}

impl DomainEvent for ShowEvent {
    fn event_type(&self) -> String {
        match self {
            Self::EventCreated { .. } => "EventCreated",
            Self::TicketsSold { .. } => "TicketsSold",
            Self::TicketsReleased { .. } => "TicketsReleased",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
