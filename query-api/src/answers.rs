//! The headers of a success.

use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// A single resource with its version as `ETag`, for `If-Match`.
///
/// `If-None-Match` is not honoured on purpose: a version counts changes to a resource's own details, while what is sold
/// and how a status ages change the answer without it, so 304 would hide news.
pub(crate) fn versioned<T: Serialize>(version: i64, body: &T) -> Response {
    let etag = HeaderValue::from_str(&format!("\"{version}\"")).expect("digits in quotes are visible ASCII");
    ([(header::ETAG, etag)], Json(body)).into_response()
}
