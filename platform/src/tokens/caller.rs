//! Who calls, as an extractor.
//!
//! Must not decide what a role may do.

use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{AccessClaims, TokenChecker};
use crate::problem::Problem;

/// The person whose access token came with the request; 401 without a good one.
///
/// Works with every state that a [`TokenChecker`] can be taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The person.
    pub id: Uuid,
    /// Their role when the token was issued.
    pub role: String,
    /// The session that the token belongs to.
    pub session: Uuid,
    /// When the token expires, in seconds since 1970: what goes on for long ends then.
    pub expires: i64,
}

impl Caller {
    /// How long the token is good from a moment on.
    #[must_use]
    pub fn good_for(&self, now: DateTime<Utc>) -> Duration {
        let until = DateTime::from_timestamp(self.expires, 0).unwrap_or(now);
        (until - now).to_std().unwrap_or_default()
    }
}

/// The caller where a token is not needed: no `Authorization` header is `None`, a bad one is still 401.
pub type MaybeCaller = Option<Caller>;

impl From<AccessClaims> for Caller {
    fn from(claims: AccessClaims) -> Self {
        Self { id: claims.sub, role: claims.role, session: claims.sid, expires: claims.exp }
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    TokenChecker: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await?;
        caller.ok_or_else(|| {
            Problem::unauthorized("This needs an access token: Authorization: Bearer <token>.")
        })
    }
}

impl<S> OptionalFromRequestParts<S> for Caller
where
    S: Send + Sync,
    TokenChecker: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Problem> {
        let Some(token) = bearer_token(parts)? else { return Ok(None) };
        let claims = TokenChecker::from_ref(state).check(token).await?;
        Ok(Some(claims.into()))
    }
}

/// The token of RFC 6750, 2.1; `None` without the header.
fn bearer_token(parts: &Parts) -> Result<Option<&str>, Problem> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let (Some(value), another) = (values.next(), values.next()) else { return Ok(None) };
    let bearer = || {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    };
    match (bearer(), another) {
        (Some(token), None) => Ok(Some(token)),
        _ => Err(Problem::unauthorized("The header Authorization must be: Bearer <token>.")),
    }
}
