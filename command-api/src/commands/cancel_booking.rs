//! `DELETE /api/v1/bookings/{id}`: gives a booking's tickets back.

use axum::{extract::State, response::Response};
use domain::{BookingId, user::Role};
use event_store::CommandContext;
use platform::{
    Problem,
    http::{PathId, RequestId},
};

use crate::{
    CommandApi, answers,
    callers::{Member, metadata},
    commands::placed_booking,
    idempotency::NotDone,
    refusals,
    show_orders::ShowOrder,
};

/// Cancels a booking
///
/// Its tickets are free at once, and nothing comes of a payment that is not decided yet. Cancelling again does nothing.
/// Once the event has ended, its attendee cannot give tickets back any more; an administrator can.
#[utoipa::path(
    delete, path = "/api/v1/bookings/{id}", tag = "Bookings", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The booking")),
    responses(
        (status = 204, description = "Cancelled"),
        (status = "4XX", description = "`event-ended`, `not-found`, `forbidden`, …", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn cancel_booking(
    State(api): State<CommandApi>,
    member: Member,
    request_id: RequestId,
    PathId(booking_id): PathId<BookingId>,
) -> Result<Response, Problem> {
    let placed = placed_booking(&api, booking_id).await?;
    if placed.user_id != member.id && member.role != Role::Admin {
        return Err(Problem::forbidden("This booking is somebody else's."));
    }
    let attendee_id = placed.user_id;
    let order = if attendee_id == member.id {
        ShowOrder::CancelUnused { booking_id, attendee_id }
    } else {
        ShowOrder::CancelBooking { booking_id, attendee_id }
    };
    let context = CommandContext { metadata: metadata(member.id, &request_id), receipt: None };
    let done = api.show_writers.submit(placed.event_id, order, Some(member.id), context).await;
    let done = done.map_err(refusals::order).map_err(NotDone::without_receipt)?;
    Ok(answers::no_content(&done.written))
}
