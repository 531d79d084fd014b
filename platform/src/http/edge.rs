//! What holds for every request and every answer, whatever the route.
//!
//! Must not log query strings, headers or bodies: they carry personal data and tokens.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::header::{CACHE_CONTROL, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use super::body::MAX_BODY_BYTES;
use super::request_id::{REQUEST_ID, RequestId};
use crate::problem::{Problem, ProblemCode};

const API_PREFIX: &str = "/api/";

/// An answer that takes so long is logged even if it is a success. All others cost a line of the level `debug` only: a
/// line costs as much as a small answer.
const SLOW: Duration = Duration::from_secs(1);

/// Puts the edge around a finished router: body limit, request id, a log line where something is wrong, panics as
/// `internal-error`, `not-found` and `method-not-allowed` as problems, security headers, and
/// `Cache-Control: no-store` under `/api/` where a handler has not set another.
///
/// Call it once, last, after all routes are merged: a router with an edge cannot be merged with another such.
pub fn edge<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
                .detail("This address does not answer to that method; the header Allow lists those it does.")
        })
        .fallback(|| async { Problem::not_found() })
        .layer(CatchPanicLayer::custom(|panic: Box<dyn Any + Send>| refuse_after_panic(&*panic)))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(observe))
}

/// Gives the request its id, runs it in a span, logs how it ended and sets the headers that every answer has.
async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let route = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).to_owned();
    let is_api = request.uri().path().starts_with(API_PREFIX);
    let span = tracing::info_span!("request", id = %id, method = %request.method(), route);

    let mut response = next.run(request).instrument(span.clone()).await;
    span.in_scope(|| log(&response, started));
    complete(response.headers_mut(), &id, is_api);
    response
}

fn log(response: &Response, started: Instant) {
    let status = response.status().as_u16();
    let code = response.extensions().get::<ProblemCode>().map(|problem| problem.0);
    // Whole microseconds, in milliseconds.
    let latency_ms = started.elapsed().as_micros() as f64 / 1000.0;
    if response.status().is_server_error() || started.elapsed() >= SLOW {
        tracing::info!(status, code, latency_ms, "answered");
    } else {
        tracing::debug!(status, code, latency_ms, "answered");
    }
}

fn complete(headers: &mut HeaderMap, id: &RequestId, is_api: bool) {
    headers.insert(REQUEST_ID, id.to_header());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    if is_api {
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
}

fn refuse_after_panic(panic: &(dyn Any + Send)) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(not text)");
    tracing::error!(panic = message, "a handler panicked");
    Problem::internal().into_response()
}

#[cfg(test)]
mod tests;
