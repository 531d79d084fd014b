//! Payments and refunds.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Money;

/// What is to be done before a payment can go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentAction {
    /// The attempt.
    pub payment_id: Uuid,
    /// `action-required`.
    #[schema(example = "action-required")]
    pub status: String,
    /// What the gateway's form in the buyer's browser needs to satisfy the bank.
    pub client_secret: Option<String>,
}

/// All attempts to pay a booking, and all money that goes or went back, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BookingPayments {
    /// The booking.
    pub booking_id: Uuid,
    /// The attempts.
    pub payments: Vec<Payment>,
    /// The refunds.
    pub refunds: Vec<Refund>,
}

/// An attempt to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// UUIDv7.
    pub id: Uuid,
    /// How much.
    pub amount: Money,
    /// `started`, `action-required`, `declined`, `authorised`, `captured`, `capture-failed` or `voided`.
    #[schema(example = "captured")]
    pub status: String,
    /// A code that says why it came to nothing.
    #[schema(example = "insufficient_funds")]
    pub reason: Option<String>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Since when it stands there.
    pub changed_at: DateTime<Utc>,
}

/// Money on its way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refund {
    /// Its id.
    pub id: Uuid,
    /// Of which attempt.
    pub payment_id: Uuid,
    /// Of which booking.
    pub booking_id: Uuid,
    /// Of which event.
    pub event_id: Uuid,
    /// How much.
    pub amount: Money,
    /// `requested`, `made`, or `failed`: then it is not tried again until an administrator says so.
    #[schema(example = "made")]
    pub status: String,
    /// `booking-cancelled`, `event-cancelled` or `too-late`.
    #[schema(example = "booking-cancelled")]
    pub cause: String,
    /// A code that says why it failed.
    pub reason: Option<String>,
    /// When it was requested.
    pub requested_at: DateTime<Utc>,
    /// Since when it stands there.
    pub changed_at: DateTime<Utc>,
}
