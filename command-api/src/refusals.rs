//! What a refusal of the domain, or a failure of the store, is in HTTP.

use std::error::Error;

use axum::http::StatusCode;
use domain::{booking::BookingError, show::ShowError, user::UserError};
use event_store::{AppendError, ExecuteError, ReadError};
use platform::Problem;

use crate::{idempotency::NotDone, show_writers::TicketsError};

/// How long a client should wait when the writer of a show, or the database, cannot take more.
const RETRY_AFTER_SECONDS: u32 = 1;

pub(crate) fn show(error: ShowError) -> Problem {
    match error {
        ShowError::NotCreated => Problem::not_found(),
        ShowError::AlreadyCreated => Problem::conflict("already-created", "The event exists already."),
        ShowError::StartsInThePast => Problem::invalid_field("startDateTime", "must not be in the past"),
        ShowError::SoldOut { available } => {
            Problem::conflict("sold-out", "There are not enough tickets left.").with("available", available)
        }
        ShowError::AlreadyBooked { booking_id } => {
            Problem::conflict("already-booked", "You have an open booking for this event already.")
                .with("bookingId", booking_id.to_string())
        }
        ShowError::SalesNotOpen => Problem::conflict("sales-not-open", "Tickets are not on sale now."),
        ShowError::Ended => Problem::conflict("event-ended", "The event has ended."),
        ShowError::TicketTypeNotNamed => {
            Problem::invalid_field("tickets", "this event has several ticket types: say which")
        }
    }
}

pub(crate) fn user(error: UserError) -> Problem {
    match error {
        UserError::AlreadyRegistered => {
            Problem::conflict("already-registered", "The account exists already.")
        }
    }
}

fn booking(error: BookingError) -> Problem {
    match error {
        BookingError::NotPlaced => Problem::not_found(),
    }
}

pub(crate) fn tickets(error: TicketsError) -> NotDone {
    NotDone::Problem(match error {
        TicketsError::Show(error) => show(error),
        TicketsError::Booking(error) => booking(error),
        TicketsError::Busy => Problem::unavailable(
            "busy",
            "Too many people want this event at this moment. Please try again.",
            RETRY_AFTER_SECONDS,
        ),
        // The writer has logged why.
        TicketsError::Unavailable => outcome_unknown(),
        TicketsError::Repeated => return NotDone::Repeated,
    })
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
        AppendError::Conflict => Problem::unavailable(
            "busy",
            "This is being changed by others at this moment. Please try again.",
            RETRY_AFTER_SECONDS,
        ),
        AppendError::Repeated(_) => return NotDone::Repeated,
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

fn outcome_unknown() -> Problem {
    Problem::unavailable(
        "outcome-unknown",
        "The box office failed on the way, and the request may have taken effect. Repeat it with the same \
         Idempotency-Key, or look.",
        RETRY_AFTER_SECONDS,
    )
}
