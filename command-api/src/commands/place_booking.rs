//! `POST /api/v1/bookings`: takes tickets, held or, free of charge, for good.

use std::collections::HashSet;

use axum::{extract::State, response::Response};
use contract::Booking;
use domain::{
    BookingId, Invalid, SeatId, ShowId, TicketTypeId, UserId, booking::Booking as BookingAggregate,
    show::Wanted,
};
use event_store::{CommandContext, NewReceipt, Receipt};
use platform::{
    FieldError, Problem,
    http::{IdempotencyKey, RawBody, RequestId},
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    CommandApi, answers,
    callers::{Attendee, metadata},
    commands::state_after,
    idempotency::{NotDone, Scope},
    refusals,
    show_orders::ShowOrder,
};

/// Most lines, and most seats, of a request; an event's own limit may be lower.
const MAX_LINES: usize = 100;

/// What is booked. With `eventId` alone: one ticket of the event's only type.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PlaceBookingRequest {
    /// For which event.
    event_id: Uuid,
    /// So many of each of these types; not together with `seats`.
    #[schema(min_items = 1, max_items = 100)]
    tickets: Option<Vec<WantedTickets>>,
    /// These seats; not together with `tickets`.
    #[schema(min_items = 1, max_items = 100)]
    seats: Option<Vec<Uuid>>,
}

/// Some tickets of a type.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WantedTickets {
    /// Which type; each is named once.
    ticket_type_id: Uuid,
    /// How many.
    #[schema(minimum = 1, maximum = 1000)]
    quantity: i64,
}

/// Books tickets
///
/// All or nothing. Free of charge is confirmed at once; anything else is held until `heldUntil`.
#[utoipa::path(
    post, path = "/api/v1/bookings", tag = "Bookings", security(("bearer" = [])),
    request_body = PlaceBookingRequest,
    params((
        "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
        description = "Makes a repetition safe, for 24 hours",
    )),
    responses(
        (status = 201, description = "Booked", body = Booking),
        (status = "4XX", description = "`sold-out` (with `available`), `seat-taken` (with `seats`), \
         `already-booked` (with `bookingId`), `limit-exceeded` (with `max`), `sales-not-open`, `event-cancelled`, \
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
    let wanted = body.value.wanted()?;
    let scope = Scope { caller: &attendee_id.to_string(), route: "POST /bookings" };
    let first = |receipt| place(&api, attendee_id, show_id, wanted, &request_id, receipt);
    api.once(scope, key.as_ref(), &body.bytes, first, |receipt| placed_before(&api, receipt)).await
}

impl PlaceBookingRequest {
    fn wanted(self) -> Result<Wanted, Problem> {
        match (self.tickets, self.seats) {
            (None, None) => Ok(Wanted::OneTicket),
            (Some(_), Some(_)) => {
                Err(Problem::invalid_field("seats", "must not be given together with tickets"))
            }
            (Some(tickets), None) => quantities(tickets).map(Wanted::Quantities),
            (None, Some(seats)) => {
                each_once("seats", &seats)?;
                Ok(Wanted::Seats(seats.into_iter().map(SeatId::new).collect()))
            }
        }
    }
}

fn quantities(tickets: Vec<WantedTickets>) -> Result<Vec<(TicketTypeId, u32)>, Problem> {
    const MAX_QUANTITY: u32 = 1_000;
    each_once("tickets", &tickets.iter().map(|t| t.ticket_type_id).collect::<Vec<_>>())?;
    let quantity = |(place, wanted): (usize, WantedTickets)| {
        let quantity = u32::try_from(wanted.quantity).ok().filter(|q| (1..=MAX_QUANTITY).contains(q));
        quantity.map(|quantity| (TicketTypeId::new(wanted.ticket_type_id), quantity)).ok_or_else(|| {
            let message = format!("must be from 1 to {MAX_QUANTITY}");
            Problem::invalid(vec![FieldError::new(format!("tickets[{place}].quantity"), message)])
        })
    };
    tickets.into_iter().enumerate().map(quantity).collect()
}

fn each_once(field: &'static str, ids: &[Uuid]) -> Result<(), Problem> {
    let bad = |Invalid(message)| Problem::invalid_field(field, message);
    if ids.is_empty() || ids.len() > MAX_LINES {
        return Err(bad(Invalid(format!("must have 1 to {MAX_LINES} entries"))));
    }
    let distinct: HashSet<&Uuid> = ids.iter().collect();
    if distinct.len() < ids.len() {
        return Err(bad(Invalid("must name each once".to_owned())));
    }
    Ok(())
}

async fn place(
    api: &CommandApi,
    attendee_id: UserId,
    show_id: ShowId,
    wanted: Wanted,
    request_id: &RequestId,
    receipt: Option<NewReceipt>,
) -> Result<Response, NotDone> {
    let order = ShowOrder::Place { booking_id: BookingId::new(Uuid::now_v7()), attendee_id, wanted };
    let context = CommandContext { metadata: metadata(attendee_id, request_id), receipt };
    let done = api.show_writers.submit(show_id, order, Some(attendee_id), context).await;
    Ok(answers::booking_created(done.map_err(refusals::order)?)?)
}

/// The first answer again, whatever became of the booking since.
async fn placed_before(api: &CommandApi, receipt: Receipt) -> Result<Response, Problem> {
    let (booking, version) = state_after::<BookingAggregate>(api, &receipt).await?;
    let placed = booking.placed().ok_or_else(Problem::not_found)?;
    let path = format!("/api/v1/bookings/{}", placed.id);
    Ok(answers::created(&path, version, &answers::booking(placed, version), &receipt.outcome))
}
