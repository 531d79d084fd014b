//! Access tokens: their shape, how they are checked, and who the caller is.
//!
//! Must not know who may log in, which roles there are, or how keys are made: whoever mints tokens keeps the
//! private key and writes its public half to `signing_keys`. Shape and check live together so that they agree.

mod caller;
mod checker;
mod verified;

use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use caller::{Caller, MaybeCaller};
pub use checker::{TOKEN_LEEWAY_SECONDS, TokenChecker, TokenError};
pub use verified::MAX_VERIFIED_TOKENS;

/// The issuer and the audience of every access token.
pub const ISSUER: &str = "boxoffice";

/// How long an access token is good for, in seconds.
pub const ACCESS_TOKEN_SECONDS: u32 = 15 * 60;

/// How long a retired key is still published and believed, in seconds: as long as a token lives, and a minute for
/// processes that have not heard of the new key yet and for clocks that differ.
pub const RETIRED_KEY_SECONDS: u32 = ACCESS_TOKEN_SECONDS + 60;

/// What an access token says; the payload of a JWT (RFC 7519) signed with Ed25519 (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The person.
    pub sub: Uuid,
    /// Their role.
    pub role: String,
    /// The session that the token belongs to.
    pub sid: Uuid,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// From when on it is worthless, in seconds since 1970.
    pub exp: i64,
    /// Who issued it: [`ISSUER`].
    pub iss: String,
    /// Whom it is for: [`ISSUER`] too.
    pub aud: String,
}

impl AccessClaims {
    /// The claims of a token that is issued now and lives so long.
    pub fn new(
        sub: Uuid,
        role: impl Into<String>,
        sid: Uuid,
        issued_at: DateTime<Utc>,
        lifetime: Duration,
    ) -> Self {
        Self {
            sub,
            role: role.into(),
            sid,
            iat: issued_at.timestamp(),
            exp: (issued_at + lifetime).timestamp(),
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
        }
    }

    /// Signs the claims with the Ed25519 key that `kid` names.
    ///
    /// # Errors
    /// When the key is not an Ed25519 private key.
    pub fn encode(&self, kid: &str, key: &EncodingKey) -> Result<String, jsonwebtoken::errors::Error> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(kid.to_owned());
        jsonwebtoken::encode(&header, self, key)
    }
}

#[cfg(test)]
mod tests;
