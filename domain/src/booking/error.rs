//! Why a command to a booking's stream is refused.

use crate::PaymentId;

/// A rule refused the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BookingError {
    /// There is no such booking.
    #[error("there is no such booking")]
    NotPlaced,
    /// Another attempt to pay is not decided yet.
    #[error("a payment is in progress")]
    PaymentInProgress {
        /// Which.
        payment_id: PaymentId,
    },
    /// So many cards were tried that no other is.
    #[error("a booking is not tried to be paid more often")]
    TooManyPayments {
        /// Most attempts.
        max: usize,
    },
    /// Nothing is to be paid: it costs nothing, is paid, or is over.
    #[error("there is nothing to pay")]
    NotPayable,
    /// The hold lapsed.
    #[error("the hold has expired")]
    HoldExpired,
    /// The attempt came to nothing before.
    #[error("the payment is over")]
    PaymentOver,
    /// There is no such refund.
    #[error("there is no such refund")]
    NoSuchRefund,
}
