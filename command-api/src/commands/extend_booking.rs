//! `POST /api/v1/bookings/{id}/extend`: a hold lasts longer.

use axum::{extract::State, response::Response};
use domain::{BookingId, booking::Booking as BookingAggregate};
use event_store::{CommandContext, Receipt};
use platform::{
    Problem,
    http::{IdempotencyKey, PathId, RawBody, RequestId},
};

use crate::{
    CommandApi, answers,
    callers::{Member, metadata},
    commands::{own_booking, state_after},
    idempotency::Scope,
    refusals,
    show_orders::ShowOrder,
};

/// Extends a hold
///
/// `heldUntil` starts anew, two hours after the first hold at the most. Repeating it is safe.
#[utoipa::path(
    post, path = "/api/v1/bookings/{id}/extend", tag = "Bookings", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The booking"), (
        "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
        description = "Makes a repetition safe, for 24 hours"
    )),
    responses(
        (status = 200, description = "The booking, with its `heldUntil`", body = contract::Booking),
        (status = "4XX", description = "`hold-expired`, `not-held`, `event-cancelled`, `not-found`, `forbidden`, …",
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
    key: Option<IdempotencyKey>,
    body: RawBody,
) -> Result<Response, Problem> {
    let placed = own_booking(&api, booking_id, &member).await?;
    let route = format!("POST /bookings/{booking_id}/extend");
    let scope = Scope { caller: &member.id.to_string(), route: &route };
    let first = |receipt| async {
        let context = CommandContext { metadata: metadata(member.id, &request_id), receipt };
        let order = ShowOrder::Extend { booking_id, attendee_id: placed.user_id };
        let done = api.show_writers.submit(placed.event_id, order, Some(member.id), context).await;
        Ok(answers::booking_changed(done.map_err(refusals::order)?)?)
    };
    api.once(scope, key.as_ref(), &body.bytes, first, |receipt| extended_before(&api, receipt)).await
}

/// The first answer again, whatever became of the booking since.
async fn extended_before(api: &CommandApi, receipt: Receipt) -> Result<Response, Problem> {
    let (booking, version) = state_after::<BookingAggregate>(api, &receipt).await?;
    let placed = booking.placed().ok_or_else(Problem::not_found)?;
    Ok(answers::changed(version, &answers::booking(placed, version), &receipt.outcome))
}
