//! Typed request headers: `Idempotency-Key` and `If-Match`, extracted as `Option<IdempotencyKey>` and
//! `Option<IfMatch>`.
//!
//! Must not know what a key protects or what a version counts.

use axum::extract::OptionalFromRequestParts;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use crate::problem::Problem;

/// The longest `Idempotency-Key` that is taken.
pub const MAX_IDEMPOTENCY_KEY_CHARS: usize = 255;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The client's `Idempotency-Key`: 1 to 255 visible ASCII characters; anything else is 400.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key as the client sent it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        const ALLOWED: &str =
            "The header Idempotency-Key must be one value of 1 to 255 visible ASCII characters.";
        let Some(key) = single(&parts.headers, &IDEMPOTENCY_KEY, ALLOWED)? else { return Ok(None) };
        let is_sane = (1..=MAX_IDEMPOTENCY_KEY_CHARS).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic());
        if is_sane { Ok(Some(Self(key.to_owned()))) } else { Err(Problem::not_understood(ALLOWED)) }
    }
}

/// The client's `If-Match`: one strong entity tag that holds a version, or `*`; anything else is 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: whatever the version is.
    Any,
    /// `"7"`: only while the version is this one.
    Version(u64),
}

impl IfMatch {
    /// The version that the client has seen, if it names one.
    pub fn version(self) -> Option<u64> {
        match self {
            Self::Any => None,
            Self::Version(version) => Some(version),
        }
    }

    /// Whether the resource's current version is one that the client allows to be changed.
    pub fn allows(self, current: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Version(version) => version == current,
        }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        const ALLOWED: &str = "The header If-Match must be one version in quotes, such as \"7\", or *.";
        let Some(tag) = single(&parts.headers, &IF_MATCH, ALLOWED)? else { return Ok(None) };
        if tag == "*" {
            return Ok(Some(Self::Any));
        }
        tag.strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'))
            .filter(|version| version.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|version| version.parse().ok())
            .map(|version| Some(Self::Version(version)))
            .ok_or_else(|| Problem::not_understood(ALLOWED))
    }
}

/// The text of a header that may be given once; trimmed.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName, allowed: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            value.to_str().map(|text| Some(text.trim())).map_err(|_| Problem::not_understood(allowed))
        }
        (Some(_), Some(_)) => Err(Problem::not_understood(allowed)),
    }
}

#[cfg(test)]
mod tests;
