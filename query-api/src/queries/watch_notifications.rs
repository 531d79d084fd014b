//! `GET /api/v1/notifications/live`: what the caller is told, as it happens.

use axum::{extract::State, http::HeaderMap, response::Response};
use futures::stream;
use platform::{Problem, tokens::Caller};

use crate::{
    QueryApi,
    live::{
        self,
        inbox::{InboxReader, Place},
    },
    read_your_writes::{Projection, ReadAfter},
};

/// What the caller is told, as it happens
///
/// A stream of server-sent events: `notification`, the shape of an item of `/notifications`, for each one that comes into
/// the inbox; of more than 100 at once, for the newest 100. Every message has an `id`. Who sends the last one back as
/// `Last-Event-ID` gets what was missed, with an id that is not known all there is, and then goes on; of either the
/// newest 100. Without one the stream begins with what comes next: to show an inbox, open the stream first and then
/// read the list.
///
/// A notification is told once by a stream; one that is read later is not told again. It comes in the order in which it
/// gets into the inbox, which is not always that of `createdAt`.
///
/// The stream ends when the access token expires: connect again with a new one, and with `Last-Event-ID`.
#[utoipa::path(
    get, path = "/api/v1/notifications/live", tag = "Notifications", security(("bearer" = [])),
    params(
        ("Last-Event-ID" = Option<String>, Header, description = "Goes on after this message"),
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "`too-many-streams`, `read-model-lagging`, `unavailable`: try again",
         body = contract::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn watch_notifications(
    State(api): State<QueryApi>,
    caller: Caller,
    after: ReadAfter,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    after.included_in(Projection::Notifications, &api.read).await?;
    let reader = api.inboxes.watch(caller.id, live::last_place(&headers, Place::BEGINNING)).await?;
    Ok(live::answer(stream::unfold(reader, InboxReader::next), Some(&caller)))
}
