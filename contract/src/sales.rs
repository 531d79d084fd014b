//! What an event has earned.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Money;

/// What an event has earned, by ticket type and day, and in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sales {
    /// The event.
    pub event_id: Uuid,
    /// By day, then by ticket type.
    pub items: Vec<SalesItem>,
    /// One for each currency that something was sold in.
    pub totals: Vec<SalesTotal>,
}

/// What was earned with a ticket type on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SalesItem {
    /// In UTC.
    #[schema(example = "2027-01-31")]
    pub day: String,
    /// Which type.
    pub ticket_type_id: Uuid,
    /// Its name, while it is there.
    pub ticket_type: Option<String>,
    /// Tickets that were confirmed on that day, whatever became of them.
    pub sold: i64,
    /// What was paid for them.
    pub gross: Money,
    /// What went back on that day.
    pub refunded: Money,
    /// The difference.
    pub net: Money,
}

/// What was earned in a currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SalesTotal {
    /// Tickets that were confirmed, whatever became of them.
    pub sold: i64,
    /// What was paid for them.
    pub gross: Money,
    /// What went back.
    pub refunded: Money,
    /// The difference.
    pub net: Money,
}
