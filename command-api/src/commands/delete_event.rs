//! `DELETE /api/v1/events/{id}`: an event will not take place, and is in no list.

use axum::{extract::State, response::Response};
use domain::ShowId;
use platform::{
    Problem,
    http::{PathId, RequestId},
};

use crate::{
    CommandApi, answers, callers::Host, commands::order_of_host, idempotency::NotDone, show_orders::HostOrder,
};

/// Deletes an event
///
/// It is cancelled, its bookings too, and in no list any more. Deleting again does nothing.
#[utoipa::path(
    delete, path = "/api/v1/events/{id}", tag = "Events", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The event")),
    responses(
        (status = 204, description = "Cancelled and in no list"),
        (status = "4XX", description = "`forbidden`, `not-found`, …",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete_event(
    State(api): State<CommandApi>,
    Host(host_id): Host,
    request_id: RequestId,
    PathId(show_id): PathId<ShowId>,
) -> Result<Response, Problem> {
    let done = order_of_host(&api, show_id, host_id, HostOrder::Delete, &request_id, None).await;
    Ok(answers::no_content(&done.map_err(NotDone::without_receipt)?.written))
}
