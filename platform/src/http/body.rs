//! Request bodies: read within limits of size and time, then parsed strictly as JSON.
//!
//! Must not know what the bodies mean. How JSON is parsed and errors are worded: `json` and `field_errors`.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::json;
use crate::problem::Problem;

/// The largest request body, unless a route sets another with axum's `DefaultBodyLimit`.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// How long a client may take to send a body.
pub const BODY_READ_DEADLINE: Duration = Duration::from_secs(30);

/// A JSON body, parsed, with the bytes it was parsed from (to compare repeated requests).
///
/// Refusals: 415 `unsupported-media-type`, 413 `body-too-large`, 408 `body-too-slow`, 400 `not-understood` for what
/// is not JSON, 422 `invalid-fields` with the path of each field that is missing, unknown, given twice, of the wrong
/// type, or holds the character NUL, which PostgreSQL cannot store. Unknown fields are refused whether or not `T`
/// says `deny_unknown_fields`.
///
/// An extractor runs before its handler: where permission depends on more than extractors before it, take
/// [`RawBody`] and parse it after the check, so that 403 comes before 422.
#[derive(Debug, Clone)]
pub struct Body<T> {
    /// What the client meant.
    pub value: T,
    /// What the client sent.
    pub bytes: Bytes,
}

/// A body as it was sent, within the limits of size and time. Refusals: 413 and 408 as for [`Body`].
#[derive(Debug, Clone)]
pub struct RawBody {
    /// What the client sent.
    pub bytes: Bytes,
    is_json: bool,
}

impl RawBody {
    /// Parses the body as JSON.
    ///
    /// # Errors
    /// 415, 400 and 422 as for [`Body`].
    pub fn parse<T: DeserializeOwned>(self) -> Result<Body<T>, Problem> {
        if !self.is_json {
            return Err(not_json());
        }
        let value = json::parse(&self.bytes)?;
        Ok(Body { value, bytes: self.bytes })
    }
}

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = says_json(request.headers());
        let bytes = tokio::time::timeout(BODY_READ_DEADLINE, Bytes::from_request(request, state))
            .await
            .map_err(|_| too_slow())?
            .map_err(|rejection| refused(&rejection))?;
        Ok(Self { bytes, is_json })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !says_json(request.headers()) {
            return Err(not_json());
        }
        RawBody::from_request(request, state).await?.parse()
    }
}

/// Whether the content type is `application/json` or another `application/…+json`, whatever its parameters.
fn says_json(headers: &HeaderMap) -> bool {
    let Some(Ok(content_type)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.strip_prefix("application/").is_some_and(|subtype| {
        subtype == "json" || (subtype.ends_with("+json") && subtype.len() > "+json".len())
    })
}

fn not_json() -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type")
        .detail("The body must be JSON, with Content-Type: application/json.")
}

fn too_slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow").detail("The body did not arrive in time.")
}

fn refused(rejection: &BytesRejection) -> Problem {
    if let BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) = rejection {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large").detail("The body is too large.")
    } else {
        Problem::not_understood("The body could not be read to its end.")
    }
}

#[cfg(test)]
mod tests;
