//! `GET /api/v1/events/{id}/seats`: an event's numbered seats.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use contract::Seat;
use futures::stream;
use platform::{
    Problem,
    http::{Params, PathId},
    tokens::MaybeCaller,
};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    QueryApi, failures,
    read_your_writes::{Projection, ReadAfter},
    rows::{
        self, ONE_STATE,
        seat::{SeatStatus, Seats},
    },
};

/// Which seats.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListSeatsParams {
    /// Only those with this status.
    #[param(inline)]
    status: Option<SeatStatus>,
}

/// An event's numbered seats
///
/// All of them at once, in the order in which they were set up; none for general admission.
#[utoipa::path(
    get, path = "/api/v1/events/{id}/seats", tag = "Events", security((), ("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The event's id"),
        ListSeatsParams,
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "The seats", body = Vec<Seat>),
        (status = "4XX", description = "`not-found`, `invalid-fields`; `invalid-token` for a bad one",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_seats(
    State(api): State<QueryApi>,
    caller: MaybeCaller,
    after: ReadAfter,
    PathId(id): PathId<Uuid>,
    Params(ListSeatsParams { status }): Params<ListSeatsParams>,
) -> Result<Response, Problem> {
    after.included_in(Projection::Events, &api.read).await?;
    let seats =
        read(&api, id, caller.map(|caller| caller.id)).await.map_err(|error| failures::database(&error))?;
    let seats = Arc::new(seats.ok_or_else(Problem::not_found)?);
    let pieces = seats.into_json(status).map(Ok::<_, Infallible>);
    let body = Body::from_stream(stream::iter(pieces));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

async fn read(api: &QueryApi, id: Uuid, reader: Option<Uuid>) -> Result<Option<Seats>, sqlx::Error> {
    let mut tx = api.read.begin_with(ONE_STATE).await?;
    let seats = match rows::event::host_in_tx(&mut tx, id, reader).await? {
        None => None,
        Some(_) => Some(rows::seat::all_in_tx(&mut tx, id).await?),
    };
    tx.commit().await?;
    Ok(seats)
}
