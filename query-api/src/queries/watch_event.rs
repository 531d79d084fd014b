//! `GET /api/v1/events/{id}/live`: an event's availability, seats and changes as they happen.

use axum::{extract::State, http::HeaderMap, response::Response};
use futures::stream;
use platform::{Problem, http::PathId, tokens::MaybeCaller};
use uuid::Uuid;

use crate::{
    QueryApi, failures,
    live::{self, Position, Reader},
    read_your_writes::{Projection, ReadAfter},
    rows,
};

/// An event's availability, seats and changes as they happen
///
/// A stream of server-sent events. It begins with `availability`; then come
///
/// - `availability`, the shape of `/availability`, whenever something in it but the time is another;
/// - `seats`, the shape of `/seats`, with the seats whose status is another, and with all of them when the host has
///   changed the seats;
/// - `event-updated`, `event-cancelled` and `sales-started`, the shape of the event. After `event-updated` seats may be
///   gone: those are in no message, so read `/seats` again.
///
/// To show seats, open the stream first and then read `/seats`: a message says what a seat is, not what happened to it, so
/// one that comes twice or late does no harm. Every message has an `id`. Who sends the last one back as
/// `Last-Event-ID` gets `availability` and then what was missed, the lapse of holds included; with an id that is not
/// known, all seats. Who reads too slowly is told the newest state instead of everything between.
///
/// A stream that was opened with an access token ends when that expires: connect again, with `Last-Event-ID`.
#[utoipa::path(
    get, path = "/api/v1/events/{id}/live", tag = "Events", security((), ("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The event's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "Goes on after this message"),
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        (status = "4XX", description = "`not-found`; `invalid-token` for a bad one", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "`too-many-streams`, `read-model-lagging`, `unavailable`: try again",
         body = contract::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn watch_event(
    State(api): State<QueryApi>,
    caller: MaybeCaller,
    after: ReadAfter,
    PathId(id): PathId<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    after.included_in(Projection::Events, &api.read).await?;
    let host = rows::event::host(&api.read, id, caller.as_ref().map(|caller| caller.id)).await;
    host.map_err(|error| failures::database(&error))?.ok_or_else(Problem::not_found)?;
    let reader = api.live.watch(id, live::last_place(&headers, Position::BEGINNING)).await?;
    Ok(live::answer(stream::unfold(reader, Reader::next), caller.as_ref()))
}
