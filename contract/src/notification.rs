//! Notifications.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Something that a user is told, once a person and cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Its id.
    pub id: Uuid,
    /// `new-event`, `sale-started`, `event-updated`, `event-cancelled`, `booking-confirmed`, `booking-expired` or
    /// `booking-cancelled`; `event-sold-out` for the event's host.
    #[schema(example = "booking-confirmed")]
    pub kind: String,
    /// About which event.
    pub event_id: Option<Uuid>,
    /// What that event is called.
    pub event_title: Option<String>,
    /// About which booking.
    pub booking_id: Option<Uuid>,
    /// When it happened.
    pub created_at: DateTime<Utc>,
    /// When it was read.
    pub read_at: Option<DateTime<Utc>>,
}
