//! Bookings.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Money;

/// One attendee's tickets for one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    /// UUIDv7.
    pub id: Uuid,
    /// For which event.
    pub event_id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// `held`, `confirmed`, `expired` or `cancelled`.
    #[schema(example = "confirmed")]
    pub status: String,
    /// What was booked.
    pub tickets: Vec<BookingTicket>,
    /// Which seats; none for general admission.
    pub seats: Vec<Uuid>,
    /// What it costs.
    pub total: Money,
    /// Until when the tickets are set aside; nothing once it is settled.
    pub held_until: Option<DateTime<Utc>>,
    /// When it was placed.
    pub created_at: DateTime<Utc>,
    /// Counts changes.
    pub version: i64,
}

/// Some tickets of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BookingTicket {
    /// Which type.
    pub ticket_type_id: Uuid,
    /// How many.
    pub quantity: i64,
    /// What one of them cost when it was taken.
    pub price: Money,
}
