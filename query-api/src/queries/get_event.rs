//! `GET /api/v1/events/{id}`: one event.

use axum::{extract::State, response::Response};
use contract::Event;
use platform::{Problem, http::PathId, tokens::MaybeCaller};
use uuid::Uuid;

use crate::{
    QueryApi, answers, failures,
    read_your_writes::{Projection, ReadAfter},
};

/// An event
///
/// A draft is there for its host alone.
#[utoipa::path(
    get, path = "/api/v1/events/{id}", tag = "Events", security((), ("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The event's id"),
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "The event", body = Event),
        (status = "4XX", description = "`not-found`; `invalid-token` for a bad one", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_event(
    State(api): State<QueryApi>,
    caller: MaybeCaller,
    after: ReadAfter,
    PathId(id): PathId<Uuid>,
) -> Result<Response, Problem> {
    after.included_in(Projection::Events, &api.read).await?;
    let reader = caller.map(|caller| caller.id);
    let found = api.events.find(id, reader).await.map_err(|error| failures::database(&error))?;
    let (event, _) = found.ok_or_else(Problem::not_found)?;
    Ok(answers::versioned(event.version, &*event))
}
