//! Users and their sessions.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// UUIDv7.
    pub id: Uuid,
    /// What they are called.
    #[schema(example = "Ada Lovelace")]
    pub name: String,
    /// Shown to the user and to admins only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "ada@example.org")]
    pub email: Option<String>,
    /// `attendee`, `host` or `admin`.
    #[schema(example = "attendee")]
    pub role: String,
    /// When they registered.
    pub created_at: DateTime<Utc>,
    /// Counts changes of name and address, from 1.
    pub version: i64,
}

/// A user who is signed in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Who.
    pub user: User,
    /// For the `Authorization` header: `Bearer <accessToken>`.
    pub access_token: String,
    /// Seconds until the access token expires.
    #[schema(example = 900)]
    pub expires_in: u64,
    /// Gets a new pair once the access token has expired.
    pub refresh_token: String,
}

/// Somewhere that a user is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenSession {
    /// UUIDv7.
    pub id: Uuid,
    /// When they signed in.
    pub created_at: DateTime<Utc>,
    /// When they signed in, or last got a new pair of tokens.
    pub last_used_at: DateTime<Utc>,
    /// When it ends unless it is used before.
    pub expires_at: DateTime<Utc>,
    /// Whether it is the session of this request's token.
    pub current: bool,
}
