//! `POST /api/v1/events/{id}/cancel`: an event will not take place.

use axum::{extract::State, response::Response};
use domain::ShowId;
use platform::{
    Problem,
    http::{IdempotencyKey, PathId, RawBody, RequestId},
};

use crate::{
    CommandApi, answers,
    callers::Host,
    commands::{order_of_host, ordered_before},
    idempotency::Scope,
    show_orders::HostOrder,
};

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
    let scope = Scope { caller: &host_id.to_string(), route: &route };
    let first = |receipt| async {
        let done = order_of_host(&api, show_id, host_id, HostOrder::Cancel, &request_id, receipt).await?;
        Ok(answers::event_changed(done)?)
    };
    api.once(scope, key.as_ref(), &body.bytes, first, |receipt| ordered_before(&api, receipt)).await
}
