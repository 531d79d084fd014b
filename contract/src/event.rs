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
    /// `published` or `ended`.
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
