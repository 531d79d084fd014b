//! The shapes of the HTTP contract: what both edges answer with, in one place.
//!
//! Architecture invariant: shapes only. No rule, no storage, no HTTP framework; `domain`'s types and the rows of the
//! read models are converted into these by hand, each in one place.

mod booking;
mod consistency_token;
mod event;
mod list;
mod notification;
mod payment;
mod preferences;
mod problem;
mod sales;
mod user;

pub use booking::{Booking, BookingTicket};
pub use consistency_token::{ConsistencyToken, MalformedToken, StreamPoint};
pub use event::{Availability, Event, Seat, TicketType, seat_id};
pub use list::List;
pub use notification::Notification;
pub use payment::{BookingPayments, Payment, PaymentAction, Refund};
pub use preferences::{Channel, Preferences};
pub use problem::{Problem, ProblemField};
pub use sales::{Sales, SalesItem, SalesTotal};
pub use user::{OpenSession, Session, User};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Everything that a successful command wrote; see [`ConsistencyToken`].
pub const CONSISTENCY_TOKEN_HEADER: &str = "consistency-token";

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Money {
    /// Minor units: cents of a euro, whole yen.
    #[schema(example = 2500)]
    pub amount: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: String,
}
