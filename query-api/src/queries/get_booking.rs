//! `GET /api/v1/bookings/{id}`: one booking.

use axum::{extract::State, response::Response};
use contract::Booking;
use platform::{Problem, http::PathId, tokens::Caller};
use uuid::Uuid;

use crate::{
    QueryApi, access, answers, failures,
    read_your_writes::{Projection, ReadAfter},
    rows,
};

/// A booking
///
/// For its attendee, the event's host and administrators.
#[utoipa::path(
    get, path = "/api/v1/bookings/{id}", tag = "Bookings", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The booking's id"),
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "The booking", body = Booking),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `forbidden` to others, \
         `not-found`", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_booking(
    State(api): State<QueryApi>,
    caller: Caller,
    after: ReadAfter,
    PathId(id): PathId<Uuid>,
) -> Result<Response, Problem> {
    after.included_in(Projection::Bookings, &api.read).await?;
    let found = rows::booking::find(&api.read, id).await.map_err(|error| failures::database(&error))?;
    let booking = found.ok_or_else(Problem::not_found)?;
    let is_theirs = caller.id == booking.user_id
        || access::is_admin(&caller)
        || is_host(&api, &caller, &after, booking.event_id).await?;
    if is_theirs {
        Ok(answers::versioned(booking.version, &booking))
    } else {
        Err(Problem::forbidden("This is the booking of somebody else."))
    }
}

/// Who hosts an event stands in another read model, which nobody else waits for.
async fn is_host(api: &QueryApi, caller: &Caller, after: &ReadAfter, event: Uuid) -> Result<bool, Problem> {
    after.included_in(Projection::Events, &api.read).await?;
    let host = rows::event::host(&api.read, event, Some(caller.id)).await;
    Ok(host.map_err(|error| failures::database(&error))? == Some(caller.id))
}
