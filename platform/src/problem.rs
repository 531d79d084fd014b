//! What an HTTP client is told when something is refused: RFC 9457 problem details with a stable `code`.
//!
//! Must not know which errors a role has: each role converts its own, by hand, variant by variant. There is no
//! blanket conversion from any error into a 500 on purpose; it would hide which errors were never thought of.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

/// The media type of RFC 9457.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal as a client sees it. Boxed inside, so that a `Result` with it stays small.
///
/// The `type` member is `/problems/<code>`: a code always says more than its status does, which is what RFC 9457
/// (4.2.1) reserves `about:blank` for. The title is made from the code and so is as stable as the code.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone, PartialEq)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    detail: Option<String>,
    errors: Vec<FieldError>,
    extensions: Map<String, Value>,
    retry_after: Option<u32>,
    headers: HeaderMap,
}

/// What is wrong with one field of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The path of the field as the client wrote it, such as `ticketTypes[0].name`.
    pub field: String,
    /// What is wrong, for people.
    pub message: String,
}

impl FieldError {
    /// An error of the named field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// The code of the problem a response carries, left in its extensions for the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProblemCode(pub(crate) &'static str);

impl Problem {
    /// A problem with nothing but its status and its code (lower case words with hyphens).
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        Self(Box::new(Parts {
            status,
            code,
            detail: None,
            errors: Vec::new(),
            extensions: Map::new(),
            retry_after: None,
            headers: HeaderMap::new(),
        }))
    }

    /// 404 `not-found`: there is no such thing, or none that this caller may know of.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found")
            .detail("There is nothing here, or nothing that you may see.")
    }

    /// 401 `unauthorized`: nobody is logged in.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized")
            .detail(detail)
            .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 403 `forbidden`: this caller may not do that.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden").detail(detail)
    }

    /// 422 `invalid-fields`: the input was understood and is not allowed.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-fields")
            .detail("Some fields are missing, unknown or not allowed.");
        problem.0.errors = errors;
        problem
    }

    /// 422 `invalid-fields` for a single field.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(field, message)])
    }

    /// 400 `not-understood`: the request cannot be read at all.
    pub fn not_understood(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "not-understood").detail(detail)
    }

    /// 409: a rule refused it.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code).detail(detail)
    }

    /// 503 with `Retry-After`: not now.
    pub fn unavailable(code: &'static str, detail: impl Into<String>, retry_after_seconds: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code).detail(detail).retry_after(retry_after_seconds)
    }

    /// 429 `too-many-requests` with `Retry-After`.
    pub fn too_many(retry_after_seconds: u32) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests")
            .detail("That was too often. Wait before you try again.")
            .retry_after(retry_after_seconds)
    }

    /// 500 `internal-error` without any reason; whoever makes it has logged the reason.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error")
            .detail("Something went wrong on our side. It was logged.")
    }

    /// Says what happened in this very case, for people.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds an extension member such as `available`. The members of the RFC and `code` and `errors` win over it.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.extensions.insert(key.into(), value.into());
        self
    }

    /// Sends `Retry-After` with that many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// Sends a header with the problem.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code that clients match on.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What is wrong with which field; empty unless the problem is about fields.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The code as words: `sold-out` is `Sold out`.
    pub fn title(&self) -> String {
        let mut title = self.0.code.replace('-', " ");
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        title
    }

    /// The members of the JSON object that is sent.
    pub fn to_json(&self) -> Value {
        let parts = &self.0;
        let mut members = parts.extensions.clone();
        members.insert("type".to_owned(), format!("/problems/{}", parts.code).into());
        members.insert("title".to_owned(), self.title().into());
        members.insert("status".to_owned(), parts.status.as_u16().into());
        members.insert("code".to_owned(), parts.code.into());
        if let Some(detail) = &parts.detail {
            members.insert("detail".to_owned(), detail.as_str().into());
        }
        if !parts.errors.is_empty() {
            let errors = parts.errors.iter().map(|e| {
                Value::Object(Map::from_iter([
                    ("field".to_owned(), e.field.as_str().into()),
                    ("message".to_owned(), e.message.as_str().into()),
                ]))
            });
            members.insert("errors".to_owned(), errors.collect());
        }
        Value::Object(members)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.to_json().to_string();
        let Parts { status, code, mut headers, retry_after, .. } = *self.0;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        let mut response = (status, headers, body).into_response();
        response.extensions_mut().insert(ProblemCode(code));
        response
    }
}

#[cfg(test)]
mod tests;
