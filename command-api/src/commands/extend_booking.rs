//! `POST /api/v1/bookings/{id}/extend`: a hold lasts longer.

use axum::{extract::State, response::Response};
use domain::BookingId;
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

/// Extends a hold
///
/// `heldUntil` starts anew, two hours after the first hold at the most. Repeating it is safe.
#[utoipa::path(
    post, path = "/api/v1/bookings/{id}/extend", tag = "Bookings", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The booking")),
    responses(
        (status = 200, description = "The booking, with its `heldUntil`", body = contract::Booking),
        (status = "4XX", description = "`hold-expired`, `not-held`, `not-found`, `forbidden`, …",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn extend_booking(
    State(api): State<CommandApi>,
    member: Member,
    request_id: RequestId,
    PathId(booking_id): PathId<BookingId>,
) -> Result<Response, Problem> {
    let placed = placed_booking(&api, booking_id).await?;
    if placed.user_id != member.id {
        return Err(Problem::forbidden("This booking is somebody else's."));
    }
    let context = CommandContext { metadata: metadata(member.id, &request_id), receipt: None };
    let order = ShowOrder::Extend { booking_id, attendee_id: placed.user_id };
    let done = api.show_writers.submit(placed.event_id, order, Some(member.id), context).await;
    answers::booking_changed(done.map_err(refusals::order).map_err(NotDone::without_receipt)?)
}
