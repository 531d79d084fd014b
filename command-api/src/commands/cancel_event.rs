//! `POST /api/v1/events/{id}/cancel`: an event will not take place.

use axum::{extract::State, response::Response};
use domain::ShowId;
use platform::{
    Problem,
    http::{IdempotencyKey, PathId, RawBody, RequestId},
};

use crate::{CommandApi, callers::Host, commands::order_once, show_orders::HostOrder};

/// Cancels an event
///
/// Its bookings are cancelled too, one after the other. Cancelling again does nothing.
#[utoipa::path(
    post, path = "/api/v1/events/{id}/cancel", tag = "Events", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The event"), (
        "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
        description = "Makes a repetition safe, for 24 hours"
    )),
    responses(
        (status = 200, description = "The event, as it is now", body = contract::Event),
        (status = "4XX", description = "`forbidden`, `not-found`, …",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn cancel_event(
    State(api): State<CommandApi>,
    Host(host_id): Host,
    request_id: RequestId,
    PathId(show_id): PathId<ShowId>,
    key: Option<IdempotencyKey>,
    body: RawBody,
) -> Result<Response, Problem> {
    let route = format!("POST /events/{show_id}/cancel");
    order_once(&api, &route, show_id, host_id, HostOrder::Cancel, &request_id, key.as_ref(), &body.bytes)
        .await
}
