//! A live stream in HTTP: its headers, what a client sends to go on, what is said when there is nothing to say.

use std::{convert::Infallible, str::FromStr, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, header},
    response::{IntoResponse, Response},
};
use chrono::Utc;
use futures::{Stream, StreamExt, future};
use platform::tokens::Caller;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx and others like it to pass the stream on at once.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How long nothing is said before a comment shows that the connection lives. Below the idle limits of common gateways.
pub(super) const HEARTBEAT_PAUSE: Duration = Duration::from_secs(15);
pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");
/// How long a client should wait before it connects again.
pub(super) const RETRY: &str = "retry: 2000\n\n";

/// The answer that sends these pieces as they come. What rests on a token ends with it.
pub(crate) fn answer(
    pieces: impl Stream<Item = Bytes> + Send + 'static,
    caller: Option<&Caller>,
) -> Response {
    let good_for = caller.map(|caller| caller.good_for(Utc::now()));
    let end = async move {
        match good_for {
            Some(good_for) => tokio::time::sleep(good_for).await,
            None => future::pending().await,
        }
    };
    let body = Body::from_stream(pieces.take_until(end).map(Ok::<_, Infallible>));
    ([(header::CONTENT_TYPE, "text/event-stream"), (ACCEL_BUFFERING, "no")], body).into_response()
}

/// What the client had last. What is not a place of ours is before everything; an empty one is none, as browsers mean it.
pub(crate) fn last_place<P: FromStr>(headers: &HeaderMap, beginning: P) -> Option<P> {
    let id = headers.get(LAST_EVENT_ID).filter(|id| !id.is_empty())?;
    Some(id.to_str().ok().and_then(|id| id.parse().ok()).unwrap_or(beginning))
}
