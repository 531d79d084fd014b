//! What goes wrong about money, in HTTP.

use std::error::Error;

use axum::http::StatusCode;
use domain::booking::ReasonCode;
use platform::Problem;

use crate::payments::PaymentsError;

/// How long a client should wait when the payment gateway is down.
const RETRY_AFTER_SECONDS: u32 = 5;

/// 402: the bank, or what it was asked with.
pub(crate) fn declined(reason: Option<&ReasonCode>) -> Problem {
    Problem::new(StatusCode::PAYMENT_REQUIRED, "payment-declined")
        .detail("The payment was declined. Your tickets are still held for at least five minutes.")
        .with("reason", reason.map_or("unknown", ReasonCode::as_str))
}

/// The hold, the booking or the event was no more before the money came.
pub(crate) fn too_late(reason: Option<&ReasonCode>, was_taken: bool) -> Problem {
    let (code, what) = match reason.map(ReasonCode::as_str) {
        Some("event-cancelled") => ("event-cancelled", "The event is cancelled."),
        Some("booking-cancelled") => ("not-payable", "The booking is cancelled."),
        Some("event-ended") => ("event-ended", "The event has ended."),
        Some(_) | None => ("hold-expired", "The hold has expired."),
    };
    let money = if was_taken { "Your money is on its way back." } else { "You were not charged." };
    Problem::conflict(code, format!("{what} {money}"))
}

pub(crate) fn capture_failed() -> Problem {
    Problem::conflict(
        "not-payable",
        "The bank did not hand over the money that it had set aside. The booking is cancelled.",
    )
}

pub(crate) fn gateway_down() -> Problem {
    Problem::unavailable(
        "payments-unavailable",
        "Nothing can be paid at this moment. You were not charged; please try again.",
        RETRY_AFTER_SECONDS,
    )
}

/// 400: it was not Stripe.
pub(crate) fn bad_signature() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid-signature")
        .detail("The signature is not over this body, or too old.")
}

/// What went wrong about a booking's money, where nothing of it was begun.
pub(crate) fn failed(error: PaymentsError) -> Problem {
    match error {
        PaymentsError::NotPlaced => Problem::not_found(),
        PaymentsError::Order(error) => super::order(error).without_receipt(),
        PaymentsError::Read(error) => super::read(&error),
        PaymentsError::Database(error) => super::database(&error),
        PaymentsError::Gateway(error) => {
            tracing::warn!(error = &error as &dyn Error, "the payment gateway failed");
            gateway_down()
        }
        PaymentsError::NoProgress => {
            tracing::warn!(error = &error as &dyn Error, "a payment gets no further");
            gateway_down()
        }
        PaymentsError::BadReference => {
            tracing::error!(error = &error as &dyn Error, "a payment cannot be found at the gateway");
            Problem::internal()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(problem: &Problem) -> String {
        problem.to_json()["detail"].to_string()
    }

    #[test]
    fn whoever_was_charged_is_not_told_otherwise() {
        for reason in ["event-cancelled", "booking-cancelled", "event-ended", "hold-expired"] {
            let reason = ReasonCode::of(reason);
            let taken = detail(&too_late(Some(&reason), true));
            assert!(taken.contains("on its way back") && !taken.contains("not charged"), "{taken}");
            let not_taken = detail(&too_late(Some(&reason), false));
            assert!(not_taken.contains("not charged") && !not_taken.contains("way back"), "{not_taken}");
        }
    }
}
