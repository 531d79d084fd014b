//! What is known of a booking's money: attempts to pay it, and what went back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{BookingStatus, PlacedBooking};
use crate::{Invalid, Money, PaymentId, RefundId};

/// What the gateway calls a payment. No secret: it says nothing about a card, and nobody can pay with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaymentReference(String);

/// Why something did not come about, as a code: the gateway's, or one of our own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReasonCode(String);

macro_rules! code {
    ($name:ident, $max:literal, $what:literal, $is_secret:path) => {
        impl $name {
            /// Most characters.
            pub const MAX_CHARS: usize = $max;

            /// Checks it: letters, digits, hyphens and underscores, so that no free text gets into an event, and no card
            /// number either.
            ///
            /// # Errors
            /// Anything else, nothing, or too much.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                let is_code = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                let fits = !text.is_empty() && text.len() <= Self::MAX_CHARS && text.chars().all(is_code);
                if fits && !$is_secret(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Invalid($what.to_owned()))
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}
code!(PaymentReference, 255, "must be what the gateway calls a payment", is_number);
code!(ReasonCode, 64, "must be a code", has_card_number);

/// As many digits as the shortest card number has. No code has so many in a row.
const CARD_DIGITS: usize = 12;

/// Digits that stand together, or with nothing but hyphens and underscores between them.
fn has_card_number(text: &str) -> bool {
    let mut digits = 0;
    text.chars().filter(|c| !matches!(c, '-' | '_')).any(|c| {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        digits >= CARD_DIGITS
    })
}

/// A gateway's names are random, so that many digits may stand together; but never nothing else.
fn is_number(text: &str) -> bool {
    !text.chars().any(|c| c.is_ascii_alphabetic())
}

impl ReasonCode {
    /// Of an attempt that the gateway never heard of, and of a refund that it could not be asked for.
    pub const GATEWAY_UNAVAILABLE: &'static str = "gateway-unavailable";
    /// Of a refund that was made by hand at the gateway, and of which nothing counts there any more.
    pub const REFUND_NOT_FOUND: &'static str = "refund-not-found";

    /// One of our own.
    ///
    /// # Panics
    /// If it is not a code: it stands in the source.
    #[must_use]
    pub fn of(code: &'static str) -> Self {
        Self::parse(code).expect("a code")
    }
}

/// Where an attempt to pay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaymentState {
    /// The gateway was, or is about to be, asked.
    Started,
    /// The buyer's bank wants to know more from them.
    ActionRequired,
    /// It came to nothing.
    Declined,
    /// The money is set aside, and the tickets are sold.
    Authorised,
    /// The money is ours.
    Captured,
    /// The money that was set aside could not be had; the tickets are free again.
    CaptureFailed,
    /// The money that was set aside is the buyer's again.
    Voided,
}

impl PaymentState {
    /// The state's name in HTTP and rows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::ActionRequired => "action-required",
            Self::Declined => "declined",
            Self::Authorised => "authorised",
            Self::Captured => "captured",
            Self::CaptureFailed => "capture-failed",
            Self::Voided => "voided",
        }
    }

    /// Whether it is not decided yet what becomes of the money.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Started | Self::ActionRequired | Self::Authorised => true,
            Self::Declined | Self::Captured | Self::CaptureFailed | Self::Voided => false,
        }
    }
}

/// An attempt to pay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// How much.
    pub amount: Money,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Where it stands.
    pub state: PaymentState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// What the gateway calls it, once that is known.
    pub reference: Option<PaymentReference>,
    /// Why it came to nothing.
    pub reason: Option<ReasonCode>,
}

/// Why money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefundCause {
    /// The booking was cancelled.
    BookingCancelled,
    /// The event will not take place.
    EventCancelled,
    /// The money came when the booking had no tickets any more.
    TooLate,
}

impl RefundCause {
    /// The cause's name in HTTP and rows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BookingCancelled => "booking-cancelled",
            Self::EventCancelled => "event-cancelled",
            Self::TooLate => "too-late",
        }
    }
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefundState {
    /// The gateway was, or is about to be, asked.
    Requested,
    /// The money is the buyer's.
    Made,
    /// It did not come about, and is not tried again until somebody says so.
    Failed,
}

impl RefundState {
    /// The state's name in HTTP and rows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Made => "made",
            Self::Failed => "failed",
        }
    }
}

/// Money on its way back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Money,
    /// Why.
    pub cause: RefundCause,
    /// When it was requested.
    pub requested_at: DateTime<Utc>,
    /// Where it stands.
    pub state: RefundState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Why it failed.
    pub reason: Option<ReasonCode>,
    /// How often it was resumed after it had failed.
    pub resumed: u32,
}

/// What is to be done about a booking's money next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Due<'a> {
    /// Find out at the gateway what became of an attempt.
    Decide(&'a Payment),
    /// Take the money that is set aside: the tickets are sold.
    Capture(&'a Payment),
    /// Give back what is set aside: the tickets are gone.
    GiveBack(&'a Payment),
    /// Send money back.
    Refund(&'a Refund),
}

impl PlacedBooking {
    /// What is to be done about its money next; nothing if all is settled. This alone is what a driver goes by.
    #[must_use]
    pub fn due(&self) -> Option<Due<'_>> {
        if let Some(payment) = self.open_payment() {
            let is_over = self.status == BookingStatus::Cancelled;
            return Some(match payment.state {
                PaymentState::Authorised if is_over => Due::GiveBack(payment),
                PaymentState::Authorised => Due::Capture(payment),
                PaymentState::Started
                | PaymentState::ActionRequired
                | PaymentState::Declined
                | PaymentState::Captured
                | PaymentState::CaptureFailed
                | PaymentState::Voided => Due::Decide(payment),
            });
        }
        self.refunds.iter().find(|refund| refund.state == RefundState::Requested).map(Due::Refund)
    }

    /// The attempt that is not decided yet. There is one at the most.
    #[must_use]
    pub fn open_payment(&self) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.state.is_open())
    }

    /// An attempt by its id.
    #[must_use]
    pub fn payment(&self, id: PaymentId) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.id == id)
    }

    /// A refund by its id.
    #[must_use]
    pub fn refund(&self, id: RefundId) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.id == id)
    }

    /// What is left of a captured payment when all that was ever requested of it has gone back.
    #[must_use]
    pub fn refundable(&self, payment: &Payment) -> Money {
        let of_payment = self.refunds.iter().filter(|refund| refund.payment_id == payment.id);
        let requested: i64 = of_payment.map(|refund| refund.amount.amount).sum();
        Money { amount: payment.amount.amount - requested, ..payment.amount }
    }
}
