//! What happened to a booking. Stored for ever: add a version and an upcaster, never change one.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::{PaymentReference, ReasonCode, RefundCause};
use crate::{BookingId, Money, PaymentId, RefundId, SeatId, ShowId, UserId, show::TicketLine};

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
    /// An attempt to pay begins. It stands here before the gateway is asked for anything.
    PaymentStarted {
        /// Of which booking.
        #[serde(flatten)]
        of: OfPayment,
        /// How much.
        amount: Money,
        /// When.
        at: DateTime<Utc>,
    },
    /// The buyer's bank wants to know more from them, which the gateway asks them.
    PaymentActionRequired {
        /// Of which booking.
        #[serde(flatten)]
        of: OfPayment,
        /// What the gateway calls it.
        reference: PaymentReference,
        /// When.
        at: DateTime<Utc>,
    },
    /// It came to nothing; no money was set aside.
    PaymentDeclined {
        /// Of which booking.
        #[serde(flatten)]
        of: OfPayment,
        /// Why.
        reason: ReasonCode,
        /// When.
        at: DateTime<Utc>,
    },
    /// The money is set aside. The show sells the tickets in the same append.
    PaymentAuthorised {
        /// Of which booking.
        #[serde(flatten)]
        of: OfPayment,
        /// What the gateway calls it.
        reference: PaymentReference,
        /// When.
        at: DateTime<Utc>,
    },
    /// The money is ours. Either `BookingConfirmed` follows in the same append, or `RefundRequested`.
    PaymentCaptured {
        /// Of which booking.
        #[serde(flatten)]
        of: OfPayment,
        /// How much.
        amount: Money,
        /// When.
        at: DateTime<Utc>,
    },
    /// The money that was set aside could not be had. The show takes the tickets back in the same append.
    PaymentCaptureFailed {
        /// Of which booking.
        #[serde(flatten)]
        of: OfPayment,
        /// Why.
        reason: ReasonCode,
        /// When.
        at: DateTime<Utc>,
    },
    /// The money that was set aside is the buyer's again, because the booking has no tickets.
    PaymentVoided {
        /// Of which booking.
        #[serde(flatten)]
        of: OfPayment,
        /// Why.
        reason: ReasonCode,
        /// When.
        at: DateTime<Utc>,
    },
    /// Money is to go back. It stands here before the gateway is asked.
    RefundRequested {
        /// Of which payment.
        #[serde(flatten)]
        of: OfRefund,
        /// How much.
        amount: Money,
        /// Why.
        cause: RefundCause,
        /// When.
        at: DateTime<Utc>,
    },
    /// The money is on the buyer's side.
    RefundMade {
        /// Of which payment.
        #[serde(flatten)]
        of: OfRefund,
        /// How much.
        amount: Money,
        /// When.
        at: DateTime<Utc>,
    },
    /// It did not come about, and is not tried again until an administrator says so.
    RefundFailed {
        /// Of which payment.
        #[serde(flatten)]
        of: OfRefund,
        /// How much.
        amount: Money,
        /// Why.
        reason: ReasonCode,
        /// When.
        at: DateTime<Utc>,
    },
    /// One that had failed is tried again.
    RefundResumed {
        /// Of which payment.
        #[serde(flatten)]
        of: OfRefund,
        /// When.
        at: DateTime<Utc>,
    },
}

/// What events of a payment are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfPayment {
    /// Which booking.
    pub booking_id: BookingId,
    /// For which show.
    pub event_id: ShowId,
    /// Whose.
    pub user_id: UserId,
    /// Which attempt.
    pub payment_id: PaymentId,
}

/// What events of a refund are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfRefund {
    /// Which payment.
    #[serde(flatten)]
    pub payment: OfPayment,
    /// Which refund.
    pub refund_id: RefundId,
}

impl DomainEvent for BookingEvent {
    fn event_type(&self) -> String {
        match self {
            Self::BookingHeld { .. } => "BookingHeld",
            Self::BookingExtended { .. } => "BookingExtended",
            Self::BookingConfirmed { .. } => "BookingConfirmed",
            Self::BookingExpired { .. } => "BookingExpired",
            Self::BookingCancelled { .. } => "BookingCancelled",
            Self::PaymentStarted { .. } => "PaymentStarted",
            Self::PaymentActionRequired { .. } => "PaymentActionRequired",
            Self::PaymentDeclined { .. } => "PaymentDeclined",
            Self::PaymentAuthorised { .. } => "PaymentAuthorised",
            Self::PaymentCaptured { .. } => "PaymentCaptured",
            Self::PaymentCaptureFailed { .. } => "PaymentCaptureFailed",
            Self::PaymentVoided { .. } => "PaymentVoided",
            Self::RefundRequested { .. } => "RefundRequested",
            Self::RefundMade { .. } => "RefundMade",
            Self::RefundFailed { .. } => "RefundFailed",
            Self::RefundResumed { .. } => "RefundResumed",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
