//! The id under which one request can be found in every log: the client's, or a new one.
//!
//! Must not trust the client's: it goes into logs and headers, so only short visible ASCII is taken.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries the id in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client.
pub const MAX_REQUEST_ID_CHARS: usize = 64;

/// The correlation id of a request: 1 to 64 visible ASCII characters. As an extractor it never refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id that the client sent if it is a sane one, else a new UUIDv7.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        headers
            .get(REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| (1..=MAX_REQUEST_ID_CHARS).contains(&id.len()))
            .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()))
            .map_or_else(Self::fresh, |id| Self(id.into()))
    }

    /// A new id, for work that no request started.
    pub fn fresh() -> Self {
        Self(Uuid::now_v7().to_string().into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("an id is visible ASCII only")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_else(|| Self::of(&parts.headers)))
    }
}
