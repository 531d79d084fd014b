//! `GET /api/v1/events/{id}/availability`: what is left of an event's tickets.

use axum::{Json, extract::State};
use contract::Availability;
use platform::{Problem, http::PathId, tokens::MaybeCaller};
use uuid::Uuid;

use crate::{
    QueryApi, failures,
    read_your_writes::{Projection, ReadAfter},
};

/// What is left of an event's tickets
#[utoipa::path(
    get, path = "/api/v1/events/{id}/availability", tag = "Events", security((), ("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The event's id"),
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "What is left", body = Availability),
        (status = "4XX", description = "`not-found`; `invalid-token` for a bad one", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_availability(
    State(api): State<QueryApi>,
    caller: MaybeCaller,
    after: ReadAfter,
    PathId(id): PathId<Uuid>,
) -> Result<Json<Availability>, Problem> {
    after.included_in(Projection::Events, &api.read).await?;
    let reader = caller.map(|caller| caller.id);
    let found = api.events.find(id, reader).await.map_err(|error| failures::database(&error))?;
    let (event, as_of) = found.ok_or_else(Problem::not_found)?;
    Ok(Json(Availability::of(event.ticket_types.clone(), as_of)))
}
