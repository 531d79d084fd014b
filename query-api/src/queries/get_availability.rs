//! `GET /api/v1/events/{id}/availability`: what is left of an event's tickets.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use contract::{Event, TicketType};
use platform::{Problem, http::PathId, tokens::MaybeCaller};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    QueryApi, failures,
    read_your_writes::{Projection, ReadAfter},
    rows,
};

/// What is left of an event's tickets.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Availability {
    /// Tickets in all.
    capacity: i64,
    /// Tickets in confirmed bookings.
    sold: i64,
    /// Tickets that are set aside until they are paid for.
    held: i64,
    /// Tickets that can be booked now.
    available: i64,
    /// The same, type by type.
    ticket_types: Vec<TicketType>,
    /// The time of this answer, by the clock of the read database.
    as_of: DateTime<Utc>,
}

impl Availability {
    fn new(event: Event, as_of: DateTime<Utc>) -> Self {
        let sum = |of: fn(&TicketType) -> i64| event.ticket_types.iter().map(of).sum();
        Self {
            capacity: event.capacity,
            sold: sum(|t| t.sold),
            held: sum(|t| t.held),
            available: sum(|t| t.available),
            ticket_types: event.ticket_types,
            as_of,
        }
    }
}

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
    _: MaybeCaller,
    after: ReadAfter,
    PathId(id): PathId<Uuid>,
) -> Result<Json<Availability>, Problem> {
    after.included_in(Projection::Events, &api.read).await?;
    let found =
        rows::event::find_with_time(&api.read, id).await.map_err(|error| failures::database(&error))?;
    let (event, as_of) = found.ok_or_else(Problem::not_found)?;
    Ok(Json(Availability::new(event, as_of)))
}
