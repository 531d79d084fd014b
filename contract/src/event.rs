//! Events: what hosts sell tickets to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Money;

/// What a host sells tickets to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// UUIDv7.
    pub id: Uuid,
    /// Who offers it.
    pub host_id: Uuid,
    /// What it is called.
    #[schema(example = "An evening of engines")]
    pub title: String,
    /// What it is about.
    pub description: Option<String>,
    /// Where it takes place.
    pub venue: Option<String>,
    /// When it starts.
    pub start_date_time: DateTime<Utc>,
    /// When it ends.
    pub end_date_time: DateTime<Utc>,
    /// IANA time zone of the venue.
    #[schema(example = "Europe/London")]
    pub time_zone: String,
    /// No ticket before this time.
    pub sales_start: Option<DateTime<Utc>>,
    /// No ticket from this time on.
    pub sales_end: Option<DateTime<Utc>>,
    /// Most tickets of one booking.
    #[schema(example = 10)]
    pub max_tickets_per_booking: i64,
    /// How long a hold lasts, in seconds.
    #[schema(example = 900)]
    pub hold_seconds: i64,
    /// `draft`, `published`, `cancelled` or `ended`.
    #[schema(example = "published")]
    pub status: String,
    /// Tickets in all.
    pub capacity: i64,
    /// Tickets in confirmed bookings.
    pub number_of_attendees: i64,
    /// What is sold.
    pub ticket_types: Vec<TicketType>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Counts changes to the details, not sales.
    pub version: i64,
}

/// A named, priced pool of an event's capacity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketType {
    /// UUIDv7.
    pub id: Uuid,
    /// What it is called.
    #[schema(example = "General admission")]
    pub name: String,
    /// What one ticket costs.
    pub price: Money,
    /// Tickets in all.
    pub capacity: i64,
    /// Tickets in confirmed bookings.
    pub sold: i64,
    /// Tickets that are set aside until they are paid for.
    pub held: i64,
    /// Tickets that can be booked now.
    pub available: i64,
}

/// What is left of an event's tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Availability {
    /// Tickets in all.
    pub capacity: i64,
    /// Tickets in confirmed bookings.
    pub sold: i64,
    /// Tickets that are set aside until they are paid for.
    pub held: i64,
    /// Tickets that can be booked now.
    pub available: i64,
    /// The same, type by type.
    pub ticket_types: Vec<TicketType>,
    /// The time of this answer, by the clock of the read database.
    pub as_of: DateTime<Utc>,
}

impl Availability {
    /// Adds the ticket types up.
    #[must_use]
    pub fn of(ticket_types: Vec<TicketType>, as_of: DateTime<Utc>) -> Self {
        let sum = |of: fn(&TicketType) -> i64| ticket_types.iter().map(of).sum();
        Self {
            capacity: sum(|t| t.capacity),
            sold: sum(|t| t.sold),
            held: sum(|t| t.held),
            available: sum(|t| t.available),
            ticket_types,
            as_of,
        }
    }
}

/// One numbered place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seat {
    /// See [`seat_id`].
    pub id: Uuid,
    /// Which part of the hall.
    #[schema(example = "Stalls")]
    pub section: String,
    /// Which row.
    #[schema(example = "A")]
    pub row: String,
    /// Which number, as it stands on the seat.
    #[schema(example = 7)]
    pub number: i64,
    /// Of which ticket type.
    pub ticket_type_id: Uuid,
    /// `free`, `held` or `sold`.
    #[schema(example = "free")]
    pub status: String,
}

/// The id of an event's seat by its index in the seating, so that a hall of 100,000 seats needs no list of ids: the
/// last four bytes of the event's id, exclusive-or the index + 1. The same arithmetic as the domain's.
#[must_use]
pub const fn seat_id(event_id: Uuid, index: u32) -> Uuid {
    Uuid::from_u128(event_id.as_u128() ^ (index as u128 + 1))
}
