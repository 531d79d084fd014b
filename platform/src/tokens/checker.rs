//! Checks access tokens against the public keys in `signing_keys`.
//!
//! Must not tell a client which check failed, and must not read any other table. Keys are read when an unknown one
//! is named and when those in memory are old, so that new keys work at once and withdrawn ones stop working.

use std::collections::HashMap;
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use chrono::Utc;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use sqlx::PgPool;
use uuid::Uuid;

use super::{AccessClaims, ISSUER, RETIRED_KEY_SECONDS, verified::Verified};
use crate::problem::Problem;

/// By how much the clock of whoever issued a token may differ from ours.
pub const TOKEN_LEEWAY_SECONDS: u32 = 5;

/// The longest token that is looked at; ours have about 400 bytes.
const MAX_TOKEN_BYTES: usize = 4096;
/// Unknown keys lead to one look at the database in this time at the most.
const RELOAD_INTERVAL: Duration = Duration::from_secs(2);
/// After this time the keys are read again, so that withdrawn ones are forgotten.
const KEYS_MAX_AGE: Duration = Duration::from_secs(60);
/// How long one reading of the keys may take.
const READ_DEADLINE: Duration = Duration::from_secs(2);
const KEY_BYTES: usize = 32;
const RETRY_AFTER_SECONDS: u32 = 2;

/// A handle on the known public keys; clones share it.
#[derive(Clone)]
pub struct TokenChecker(Arc<Inner>);

struct Inner {
    /// Where the keys are; `None` when they were given.
    pool: Option<PgPool>,
    validation: Validation,
    known: RwLock<Arc<Known>>,
    /// Held while keys are read, so that many waiting requests read them once.
    last_read: tokio::sync::Mutex<LastRead>,
    /// Asked about the person of every token, if there is one to ask.
    exists: Option<Exists>,
}

type Exists =
    Box<dyn Fn(Uuid) -> Pin<Box<dyn Future<Output = Result<bool, sqlx::Error>> + Send>> + Send + Sync>;

/// One set of keys, and what was verified with it; withdrawing a key so forgets its tokens too.
#[derive(Default)]
struct Known {
    keys: HashMap<String, DecodingKey>,
    /// Measured on a small virtual machine: 60 µs for a signature, 1 µs for this.
    verified: Mutex<Verified>,
}

#[derive(Default)]
struct LastRead {
    at: Option<Instant>,
    failed: bool,
}

/// Why a token was not accepted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenError {
    /// It is not a token of ours, whatever is wrong with it.
    #[error("the access token is not valid")]
    Invalid,
    /// It was one of ours and its time is over.
    #[error("the access token has expired")]
    Expired,
    /// The keys could not be read, so nobody can tell; the reason was logged.
    #[error("the keys that check access tokens cannot be read")]
    KeysUnavailable,
    /// Nobody can tell whether the person exists; the reason was logged.
    #[error("whether the person exists cannot be told")]
    PersonUnknown,
}

impl TokenChecker {
    /// A checker that reads `signing_keys (kid text, public_key bytea, retired_at timestamptz)` through this pool, on
    /// demand. A retired key is believed for [`RETIRED_KEY_SECONDS`] more.
    pub fn new(pool: PgPool) -> Self {
        Self::with(Some(pool), Known::default(), None)
    }

    /// The same, and a token is good only while the person exists: `exists` is asked each time.
    pub fn of_existing<F>(pool: PgPool, exists: impl Fn(Uuid) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<bool, sqlx::Error>> + Send + 'static,
    {
        let exists: Exists = Box::new(move |person| Box::pin(exists(person)));
        Self::with(Some(pool), Known::default(), Some(exists))
    }

    /// A checker for these raw Ed25519 public keys and no others.
    pub fn for_keys(keys: impl IntoIterator<Item = (String, [u8; KEY_BYTES])>) -> Self {
        let keys = keys.into_iter().map(|(kid, key)| (kid, DecodingKey::from_ed_der(&key))).collect();
        Self::with(None, Known { keys, ..Known::default() }, None)
    }

    fn with(pool: Option<PgPool>, known: Known, exists: Option<Exists>) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = TOKEN_LEEWAY_SECONDS.into();
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let known = RwLock::new(Arc::new(known));
        Self(Arc::new(Inner { pool, validation, known, last_read: tokio::sync::Mutex::default(), exists }))
    }

    /// What the token says, once its signature, issuer, audience and time are checked.
    ///
    /// # Errors
    /// [`TokenError::Expired`] for a token that was good, [`TokenError::KeysUnavailable`] when its key is not in
    /// memory and cannot be read, [`TokenError::PersonUnknown`] when it cannot be asked whether the person exists,
    /// [`TokenError::Invalid`] for every other fault.
    pub async fn check(&self, token: &str) -> Result<AccessClaims, TokenError> {
        let claims = self.verify(token).await?;
        let Some(exists) = &self.0.exists else { return Ok(claims) };
        match exists(claims.sub).await {
            Ok(true) => Ok(claims),
            Ok(false) => Err(TokenError::Invalid),
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "cannot look for an account");
                Err(TokenError::PersonUnknown)
            }
        }
    }

    async fn verify(&self, token: &str) -> Result<AccessClaims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        self.0.renew_old_keys().await;
        let hash = blake3::hash(token.as_bytes());
        if let Some(claims) = self.0.known().remembered(&hash) {
            return if has_expired(&claims) { Err(TokenError::Expired) } else { Ok(claims) };
        }

        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        let kid = header.kid.ok_or(TokenError::Invalid)?;
        let known = self.0.known_with(&kid).await?;
        let key = known.keys.get(&kid).ok_or(TokenError::Invalid)?;
        let claims = jsonwebtoken::decode::<AccessClaims>(token, key, &self.0.validation)
            .map_err(|error| TokenError::of(error.kind()))?
            .claims;
        known.remember(hash, &claims);
        Ok(claims)
    }
}

impl Inner {
    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The known keys, read anew where this one is not among them.
    async fn known_with(&self, kid: &str) -> Result<Arc<Known>, TokenError> {
        let known = self.known();
        let Some(pool) = &self.pool else { return Ok(known) };
        if known.keys.contains_key(kid) {
            return Ok(known);
        }
        let mut last = self.last_read.lock().await;
        if !self.known().keys.contains_key(kid) && last.is_older_than(RELOAD_INTERVAL) {
            self.read_keys(pool, &mut last).await;
        }
        let known = self.known();
        if last.failed && !known.keys.contains_key(kid) {
            Err(TokenError::KeysUnavailable)
        } else {
            Ok(known)
        }
    }

    /// Reads the keys again after a while. Those in memory stay good when that fails, and for everybody else while
    /// one request does it: requests must not depend on the database for a key they have.
    async fn renew_old_keys(&self) {
        let Some(pool) = &self.pool else { return };
        let Ok(mut last) = self.last_read.try_lock() else { return };
        let interval = if last.failed { RELOAD_INTERVAL } else { KEYS_MAX_AGE };
        if last.at.is_some() && last.is_older_than(interval) {
            self.read_keys(pool, &mut last).await;
        }
    }

    async fn read_keys(&self, pool: &PgPool, last: &mut LastRead) {
        // Noted before, so that a request that is dropped while it waits counts as an attempt.
        *last = LastRead { at: Some(Instant::now()), failed: true };
        let query = sqlx::query_as::<_, (String, Vec<u8>)>(
            "select kid, public_key from signing_keys
             where retired_at is null or retired_at > clock_timestamp() - make_interval(secs => $1)",
        )
        .bind(f64::from(RETIRED_KEY_SECONDS));
        match tokio::time::timeout(READ_DEADLINE, query.fetch_all(pool)).await {
            Ok(Ok(rows)) => {
                last.failed = false;
                self.take_over(rows);
            }
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "cannot read the signing keys");
            }
            Err(_) => tracing::error!("reading the signing keys took too long"),
        }
    }

    fn take_over(&self, rows: Vec<(String, Vec<u8>)>) {
        let mut keys = HashMap::new();
        for (kid, key) in rows {
            if key.len() == KEY_BYTES {
                keys.insert(kid, DecodingKey::from_ed_der(&key));
            } else {
                tracing::error!(%kid, "a signing key does not have 32 bytes; its tokens are refused");
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let is_same = known.keys.len() == keys.len()
            && keys.iter().all(|(kid, key)| known.keys.get(kid).is_some_and(|old| same_key(old, key)));
        if !is_same {
            *known = Arc::new(Known { keys, ..Known::default() });
        }
    }
}

impl Known {
    fn remembered(&self, hash: &blake3::Hash) -> Option<AccessClaims> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).recall(hash)
    }

    fn remember(&self, hash: blake3::Hash, claims: &AccessClaims) {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).remember(hash, claims);
    }
}

impl LastRead {
    fn is_older_than(&self, interval: Duration) -> bool {
        self.at.is_none_or(|at| at.elapsed() >= interval)
    }
}

fn same_key(one: &DecodingKey, other: &DecodingKey) -> bool {
    matches!((one.try_get_as_bytes(), other.try_get_as_bytes()), (Ok(one), Ok(other)) if one == other)
}

/// The same rule as jsonwebtoken's.
fn has_expired(claims: &AccessClaims) -> bool {
    claims.exp < Utc::now().timestamp() - i64::from(TOKEN_LEEWAY_SECONDS)
}

impl TokenError {
    fn of(kind: &ErrorKind) -> Self {
        if matches!(kind, ErrorKind::ExpiredSignature) { Self::Expired } else { Self::Invalid }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let (code, detail) = match error {
            TokenError::Invalid => ("invalid-token", "The access token is not valid."),
            TokenError::Expired => ("token-expired", "The access token has expired."),
            TokenError::PersonUnknown => {
                return Self::unavailable(
                    "unavailable",
                    "Accounts cannot be looked at at the moment.",
                    RETRY_AFTER_SECONDS,
                );
            }
            TokenError::KeysUnavailable => {
                return Self::unavailable(
                    "keys-unavailable",
                    "Access tokens cannot be checked at the moment.",
                    RETRY_AFTER_SECONDS,
                );
            }
        };
        // RFC 6750, 3.1.
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        Self::new(StatusCode::UNAUTHORIZED, code).detail(detail).header(WWW_AUTHENTICATE, challenge)
    }
}
