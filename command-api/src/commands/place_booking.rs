//! `POST /api/v1/bookings`: books a ticket.

use axum::{extract::State, response::Response};
use contract::Booking;
use domain::{
    BookingId, ShowId, UserId,
    booking::{Booking as BookingAggregate, PlacedBooking},
};
use event_store::{CommandContext, Metadata, NewReceipt, Receipt, StreamPosition};
use platform::{
    Problem,
    http::{IdempotencyKey, RawBody, RequestId},
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    CommandApi, answers,
    callers::Attendee,
    idempotency::{NotDone, Scope},
    refusals,
    show_writers::TicketOrder,
};

/// What is booked: one ticket of the event's only type.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PlaceBookingRequest {
    /// For which event.
    event_id: Uuid,
}

/// Books a ticket
#[utoipa::path(
    post, path = "/api/v1/bookings", tag = "Bookings", security(("bearer" = [])),
    request_body = PlaceBookingRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition safe, for 24 hours")),
    responses(
        (status = 201, description = "Booked; free of charge is confirmed at once", body = Booking),
        (status = "4XX", description = "`sold-out` (with `available`), `already-booked`, `sales-not-open`, \
         `event-ended`, `forbidden` to who is not an attendee, `not-found`, …",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn place_booking(
    State(api): State<CommandApi>,
    Attendee(attendee_id): Attendee,
    request_id: RequestId,
    key: Option<IdempotencyKey>,
    body: RawBody,
) -> Result<Response, Problem> {
    let body = body.parse::<PlaceBookingRequest>()?;
    let show_id = ShowId::new(body.value.event_id);
    let scope = Scope { caller: &attendee_id.to_string(), route: "POST /bookings" };
    let first = |receipt| place(&api, attendee_id, show_id, &request_id, receipt);
    api.once(scope, key.as_ref(), &body.bytes, first, |receipt| placed_before(&api, receipt)).await
}

async fn place(
    api: &CommandApi,
    attendee_id: UserId,
    show_id: ShowId,
    request_id: &RequestId,
    receipt: Option<NewReceipt>,
) -> Result<Response, NotDone> {
    let order = TicketOrder::Book { booking_id: BookingId::new(Uuid::now_v7()), attendee_id };
    let metadata = Metadata {
        actor: Some(attendee_id.to_string()),
        correlation_id: Some(request_id.to_string()),
        ..Metadata::default()
    };
    let context = CommandContext { metadata, receipt };
    let booked = api.show_writers.submit(show_id, order, context).await.map_err(refusals::tickets)?;
    Ok(answer(&booked.booking, booked.version, &booked.written))
}

/// The first answer again, whatever became of the booking since.
async fn placed_before(api: &CommandApi, receipt: Receipt) -> Result<Response, Problem> {
    let position = receipt.outcome.first().ok_or_else(Problem::internal)?;
    let loaded = api.store.load_at::<BookingAggregate>(&position.stream.id, position.sequence).await;
    let (booking, version) = loaded.map_err(|error| refusals::read(&error))?;
    let placed = booking.placed().ok_or_else(Problem::not_found)?;
    Ok(answer(placed, version, &receipt.outcome))
}

fn answer(booking: &PlacedBooking, version: i64, written: &[StreamPosition]) -> Response {
    let path = format!("/api/v1/bookings/{}", booking.id);
    answers::created(&path, version, &answers::booking(booking, version), written)
}
