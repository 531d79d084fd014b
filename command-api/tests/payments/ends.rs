//! How a payment may end.

use domain::booking::{BookingStatus, PaymentState, PlacedBooking, RefundState};

/// The state of the only attempt.
pub(crate) fn payment(booking: &PlacedBooking) -> PaymentState {
    assert_eq!(booking.payments.len(), 1, "{booking:?}");
    booking.payments[0].state
}

pub(crate) fn is_paid(booking: &PlacedBooking) -> bool {
    (booking.status, payment(booking)) == (BookingStatus::Confirmed, PaymentState::Captured)
        && booking.refunds.is_empty()
}

/// Nothing was ever taken, or it went back.
pub(crate) fn is_free_of_money(booking: &PlacedBooking) -> bool {
    match payment(booking) {
        PaymentState::Declined | PaymentState::Voided => booking.refunds.is_empty(),
        PaymentState::Captured => booking.refunds.len() == 1 && booking.refunds[0].state == RefundState::Made,
        PaymentState::Started
        | PaymentState::ActionRequired
        | PaymentState::Authorised
        | PaymentState::CaptureFailed => false,
    }
}
