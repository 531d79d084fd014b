//! What happened to a show. Stored for ever: add a version and an upcaster, never change one.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::{SeatBlock, ShowDetails};
use crate::{BookingId, Money, SeatId, ShowId, TicketTypeId, TicketTypeName, UserId};

/// A fact in a show's stream. Their names say *event* where the world outside reads them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum ShowEvent {
    /// A show was set up.
    EventCreated {
        /// Which.
        event_id: ShowId,
        /// Who offers it.
        host_id: UserId,
        /// What the host says about it.
        #[serde(flatten)]
        details: Box<ShowDetails>,
        /// What is sold.
        ticket_types: Vec<OfferedTicketType>,
        /// Which numbered seats there are; none for general admission.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        seating: Vec<SeatBlock>,
        /// Whether it is seen by its host alone until it is published.
        draft: bool,
        /// When.
        at: DateTime<Utc>,
    },
    /// A draft went public.
    EventPublished {
        /// When.
        at: DateTime<Utc>,
    },
    /// Details, ticket types or seats are others now. It carries all of them, changed or not.
    EventChanged {
        /// What the host says about it.
        #[serde(flatten)]
        details: Box<ShowDetails>,
        /// What is sold.
        ticket_types: Vec<OfferedTicketType>,
        /// Which numbered seats there are.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        seating: Vec<SeatBlock>,
        /// When.
        at: DateTime<Utc>,
    },
    /// It will not take place.
    EventCancelled {
        /// When.
        at: DateTime<Utc>,
    },
    /// It was taken out of all lists. Always after it was cancelled.
    EventDeleted {
        /// When.
        at: DateTime<Utc>,
    },
    /// The start of the sale has come, while the show was public: `salesStart` has passed, or the host has put it to a time
    /// that had passed. Not where tickets were on sale from the publication on. When the start is put off after it,
    /// the sale starts again and there is another one.
    SalesStarted {
        /// When it was noticed.
        at: DateTime<Utc>,
    },
    /// Tickets are set aside for an attendee until a time.
    TicketsHeld {
        /// What was taken by whom.
        #[serde(flatten)]
        taken: Taken,
        /// From this time on the hold blocks nobody.
        held_until: DateTime<Utc>,
        /// When.
        at: DateTime<Utc>,
    },
    /// A hold lasts longer.
    HoldExtended {
        /// In which booking.
        booking_id: BookingId,
        /// From this time on the hold blocks nobody.
        held_until: DateTime<Utc>,
        /// When.
        at: DateTime<Utc>,
    },
    /// A hold lapsed; its tickets can be booked again.
    HoldExpired {
        /// What was taken by whom.
        #[serde(flatten)]
        taken: Taken,
        /// When it was noticed.
        at: DateTime<Utc>,
    },
    /// Tickets went to an attendee for good: they cost nothing, or what the booking holds, or held, is paid.
    TicketsSold {
        /// What was taken by whom.
        #[serde(flatten)]
        taken: Taken,
        /// When.
        at: DateTime<Utc>,
    },
    /// Tickets of a booking came back; they can be booked again.
    TicketsReleased {
        /// What was taken by whom.
        #[serde(flatten)]
        taken: Taken,
        /// When.
        at: DateTime<Utc>,
    },
}

/// A pool of capacity, as the host offers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfferedTicketType {
    /// Its id.
    pub id: TicketTypeId,
    /// What it is called.
    pub name: TicketTypeName,
    /// What one ticket costs.
    pub price: Money,
    /// Tickets in all.
    pub capacity: u32,
}

/// What a booking took of a show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    /// In which booking.
    pub booking_id: BookingId,
    /// By whom.
    pub attendee_id: UserId,
    /// Which types and how many, at the prices of the moment.
    pub tickets: Vec<TicketLine>,
    /// Which seats; none for general admission.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<SeatId>,
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

impl Taken {
    /// What all of it costs. All prices of a show are in one currency.
    #[must_use]
    pub fn total(&self) -> Money {
        let amount = self.tickets.iter().map(|line| line.price.amount * i64::from(line.quantity)).sum();
        let currency = self.tickets.first().map_or(Money::FREE.currency, |line| line.price.currency);
        Money { amount, currency }
    }
}

impl DomainEvent for ShowEvent {
    fn event_type(&self) -> String {
        match self {
            Self::EventCreated { .. } => "EventCreated",
            Self::EventPublished { .. } => "EventPublished",
            Self::EventChanged { .. } => "EventChanged",
            Self::EventCancelled { .. } => "EventCancelled",
            Self::EventDeleted { .. } => "EventDeleted",
            Self::SalesStarted { .. } => "SalesStarted",
            Self::TicketsHeld { .. } => "TicketsHeld",
            Self::HoldExtended { .. } => "HoldExtended",
            Self::HoldExpired { .. } => "HoldExpired",
            Self::TicketsSold { .. } => "TicketsSold",
            Self::TicketsReleased { .. } => "TicketsReleased",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
