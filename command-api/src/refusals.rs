//! What a refusal of the domain, or a failure of the store, is in HTTP.

pub(crate) mod payments;

use std::error::Error;

use axum::http::StatusCode;
use domain::{
    SeatId,
    booking::BookingError,
    show::{ScheduleError, ShowError},
    user::UserError,
};
use event_store::{AppendError, ExecuteError, ReadError};
use platform::Problem;

use crate::{idempotency::NotDone, show_orders::OrderError};

/// How long a client should wait when the writer of a show, or the database, cannot take more.
const RETRY_AFTER_SECONDS: u32 = 1;

pub(crate) fn show(error: ShowError) -> Problem {
    let ids = |seats: &[SeatId]| seats.iter().map(ToString::to_string).collect::<Vec<_>>();
    match error {
        ShowError::NotCreated => Problem::not_found(),
        ShowError::AlreadyCreated => Problem::conflict("already-created", "The event exists already."),
        ShowError::StartsInThePast => Problem::invalid_field("startDateTime", "must not be in the past"),
        ShowError::Schedule(error) => Problem::invalid_field(schedule_field(error), error.to_string()),
        ShowError::VersionConflict { current } => {
            Problem::new(StatusCode::PRECONDITION_FAILED, "version-conflict")
                .detail("The event has changed since you read it.")
                .with("version", current)
        }
        ShowError::CapacityBelowSold { taken } => {
            Problem::conflict("capacity-below-sold", "More tickets than that are sold and held.")
                .with("soldAndHeld", taken)
        }
        ShowError::TicketTypeInUse => {
            Problem::conflict("ticket-type-in-use", "Tickets of a type that would go are sold or held.")
        }
        ShowError::SeatsInUse { seats } => {
            Problem::conflict("seats-in-use", "Some of the seats that would go are sold or held.")
                .with("seats", ids(&seats))
        }
        ShowError::DoesNotFit(why) => Problem::invalid_field("seating", why),
        ShowError::SoldOut { available } => {
            Problem::conflict("sold-out", "There are not enough tickets left.").with("available", available)
        }
        ShowError::SeatTaken { seats } => {
            Problem::conflict("seat-taken", "Somebody else has some of these seats.")
                .with("seats", ids(&seats))
        }
        ShowError::UnknownTicketType => {
            Problem::invalid_field("tickets", "this event has no such ticket type")
        }
        ShowError::UnknownSeat => Problem::invalid_field("seats", "this event has no such seat"),
        ShowError::TicketTypeNotNamed => {
            Problem::invalid_field("tickets", "this event has several ticket types: say which")
        }
        ShowError::SeatsNotNamed => {
            Problem::invalid_field("seats", "this event has numbered seats: say which")
        }
        // The writer brings the parts that its orders need.
        ShowError::PartsMissing { .. } => Problem::internal(),
        ShowError::LimitExceeded { max } => {
            Problem::conflict("limit-exceeded", "One booking may not have so many tickets.").with("max", max)
        }
        ShowError::AlreadyBooked { booking_id } => {
            Problem::conflict("already-booked", "You have an open booking for this event already.")
                .with("bookingId", booking_id.to_string())
        }
        ShowError::HoldExpired => Problem::conflict("hold-expired", "The hold has expired, or is about to."),
        ShowError::NotHeld => Problem::conflict("not-held", "The tickets are yours already."),
        ShowError::SalesNotOpen => Problem::conflict("sales-not-open", "Tickets are not on sale now."),
        ShowError::Cancelled => Problem::conflict("event-cancelled", "The event is cancelled."),
        ShowError::Ended => Problem::conflict("event-ended", "The event has ended."),
    }
}

/// The field of a body whose time does not fit the others.
pub(crate) const fn schedule_field(error: ScheduleError) -> &'static str {
    match error {
        ScheduleError::BeyondRfc3339(field) => field,
        ScheduleError::EndsBeforeItStarts | ScheduleError::TooShort | ScheduleError::TooLong => "endDateTime",
        ScheduleError::SalesEndBeforeTheyStart => "salesEnd",
        ScheduleError::SalesStartAfterTheEnd => "salesStart",
    }
}

/// 401, as for any token that is not good.
pub(crate) fn gone() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "invalid-token").detail("The account is gone.")
}

pub(crate) fn user(error: UserError) -> Problem {
    match error {
        UserError::AlreadyRegistered => {
            Problem::conflict("already-registered", "The account exists already.")
        }
        UserError::NotRegistered => Problem::not_found(),
        UserError::VersionConflict { current } => {
            Problem::new(StatusCode::PRECONDITION_FAILED, "version-conflict")
                .detail("This has changed since you read it.")
                .with("version", current)
        }
        UserError::FollowsOneself => {
            Problem::conflict("cannot-follow-oneself", "Nobody follows their own account.")
        }
        UserError::FollowsTooMany { max } => {
            Problem::conflict("follows-too-many", format!("Nobody follows more than {max} hosts."))
        }
        UserError::InterestedInTooMany { max } => Problem::conflict(
            "interests-too-many",
            format!("Nobody is interested in more than {max} events."),
        ),
        UserError::NoSuchNotification => Problem::not_found(),
    }
}

pub(crate) fn too_many_passwords() -> Problem {
    Problem::unavailable(
        "busy",
        "Too many people sign in or register at this moment. Please try again.",
        RETRY_AFTER_SECONDS,
    )
}

pub(crate) fn email_taken() -> Problem {
    Problem::conflict("email-taken", "There is an account with this e-mail address.")
}

pub(crate) fn invalid_credentials(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "invalid-credentials").detail(detail)
}

fn booking(error: BookingError) -> Problem {
    match error {
        BookingError::NotPlaced | BookingError::NoSuchRefund => Problem::not_found(),
        BookingError::PaymentInProgress { payment_id } => {
            Problem::conflict("payment-in-progress", "A payment of this booking is not decided yet.")
                .with("paymentId", payment_id.to_string())
        }
        BookingError::TooManyPayments { max } => Problem::conflict(
            "limit-exceeded",
            "So many payments of this booking failed that no other is tried.",
        )
        .with("max", max),
        BookingError::NotPayable => Problem::conflict("not-payable", "There is nothing to pay."),
        BookingError::PaymentOver => Problem::conflict("not-payable", "This payment came to nothing before."),
        BookingError::HoldExpired => Problem::conflict("hold-expired", "The hold has expired."),
    }
}

pub(crate) fn order(error: OrderError) -> NotDone {
    NotDone::Problem(match error {
        OrderError::Show(error) => show(error),
        OrderError::Booking(error) => booking(error),
        OrderError::NotYours => somebody_elses_event(),
        OrderError::Gone => gone(),
        OrderError::Busy => Problem::unavailable(
            "busy",
            "Too many people want this event at this moment. Please try again.",
            RETRY_AFTER_SECONDS,
        ),
        // The writer has logged why.
        OrderError::Unavailable => outcome_unknown(),
        OrderError::Repeated => return NotDone::Repeated,
    })
}

/// The same for what a host wants of their event, where ticket types are a field of another name.
pub(crate) fn order_of_host(error: OrderError) -> NotDone {
    if let OrderError::Show(ShowError::UnknownTicketType) = error {
        return Problem::invalid_field("ticketTypes", "id must be that of a type of this event").into();
    }
    order(error)
}

pub(crate) fn read(error: &ReadError) -> Problem {
    match error {
        ReadError::Database(source) => database(source),
        ReadError::Malformed { .. } => {
            tracing::error!(error = error as &dyn Error, "a stream cannot be read");
            Problem::internal()
        }
    }
}

pub(crate) fn append(error: &AppendError) -> NotDone {
    NotDone::Problem(match error {
        AppendError::Conflict { .. } => Problem::unavailable(
            "busy",
            "This is being changed by others at this moment. Please try again.",
            RETRY_AFTER_SECONDS,
        ),
        AppendError::Repeated(_) => return NotDone::Repeated,
        AppendError::Gone(_) => gone(),
        AppendError::Claimed(what) => Problem::conflict("taken", format!("The {what} is taken.")),
        AppendError::Database(source) => {
            tracing::error!(error = source as &dyn Error, "an append failed");
            outcome_unknown()
        }
    })
}

/// For commands whose refusals `refused` turns into a problem.
pub(crate) fn execute<E: Error + 'static>(error: ExecuteError<E>, refused: fn(E) -> Problem) -> NotDone {
    match error {
        ExecuteError::Refused(refusal) => refused(refusal).into(),
        ExecuteError::Append(error) => append(&error),
        ExecuteError::Read(error) => read(&error).into(),
    }
}

pub(crate) fn somebody_elses_event() -> Problem {
    Problem::forbidden("This event is somebody else's.")
}

/// What was asked for may be done, and cannot be answered.
pub(crate) fn answer_lost(error: &(dyn Error + 'static)) -> Problem {
    tracing::error!(error, "the write database failed while something was being done");
    outcome_unknown()
}

/// A read failed; nothing was changed.
pub(crate) fn database(error: &sqlx::Error) -> Problem {
    tracing::error!(error = error as &dyn Error, "the write database failed");
    Problem::unavailable("unavailable", "The box office cannot answer at this moment.", RETRY_AFTER_SECONDS)
}

pub(crate) fn request_in_progress() -> Problem {
    Problem::conflict("request-in-progress", "The same request is still being dealt with. Please try again.")
}

pub(crate) fn idempotency_key_reused() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused")
        .detail("This Idempotency-Key was used with another body.")
}

pub(crate) fn outcome_unknown() -> Problem {
    Problem::unavailable(
        "outcome-unknown",
        "The box office failed on the way, and the request may have taken effect. Repeat it with the same \
         Idempotency-Key, or look.",
        RETRY_AFTER_SECONDS,
    )
}

#[cfg(test)]
mod tests {
    use domain::BookingId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_refusal_of_a_booking_has_its_status_its_code_and_what_it_is_about() {
        let (seat, booking) = (SeatId::new(Uuid::from_u128(7)), BookingId::new(Uuid::from_u128(8)));
        for (error, code, member) in [
            (ShowError::SoldOut { available: 3 }, "sold-out", Some(("available", 3.into()))),
            (
                ShowError::SeatTaken { seats: vec![seat] },
                "seat-taken",
                Some(("seats", vec![seat.to_string()].into())),
            ),
            (
                ShowError::AlreadyBooked { booking_id: booking },
                "already-booked",
                Some(("bookingId", booking.to_string().into())),
            ),
            (ShowError::LimitExceeded { max: 10 }, "limit-exceeded", Some(("max", 10.into()))),
            (ShowError::SalesNotOpen, "sales-not-open", None),
            (ShowError::Cancelled, "event-cancelled", None),
            (ShowError::Ended, "event-ended", None),
            (ShowError::HoldExpired, "hold-expired", None),
        ] {
            let problem = show(error);
            assert_eq!((problem.status(), problem.code()), (StatusCode::CONFLICT, code));
            if let Some((name, value)) = member {
                let value: serde_json::Value = value;
                assert_eq!(problem.to_json()[name], value, "{code}");
            }
        }
    }
}
