//! The keys that sign access tokens: Ed25519, made at the first start and kept in the database, the private half sealed
//! by the master key, so that every process signs with the same one. Whoever verifies reads the public half.
//!
//! A new key retires the others: their private halves are destroyed, their public halves are believed until the last
//! token that they signed has expired (`platform::tokens`). Processes hear of a new key within seconds; see
//! `SigningKey::renew`.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chrono::{DateTime, TimeDelta, Utc};
use event_store::EventStore;
use jsonwebtoken::EncodingKey;
use platform::tokens::{AccessClaims, RETIRED_KEY_SECONDS};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;

/// A key that other processes sign with already is taken over only when it is so old, in seconds: whoever checks tokens
/// looks for unknown keys every 2 seconds at the most.
const SETTLING_SECONDS: f64 = 5.0;

/// The key that new tokens are signed with: the newest one, also when it is rotated.
pub struct SigningKey(RwLock<Arc<Current>>);

struct Current {
    kid: String,
    key: EncodingKey,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// BOXOFFICE_JWT_KEY is not such a key.
    #[error("BOXOFFICE_JWT_KEY is not an Ed25519 private key in PKCS#8 PEM form")]
    Malformed,
    /// The stored key cannot be opened.
    #[error("the stored signing key {0} cannot be opened with this master key")]
    Unopenable(String),
    /// The database does not answer.
    #[error("the write database failed")]
    Database(#[from] sqlx::Error),
}

/// What can be told of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name in the header of tokens.
    pub kid: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it signs nothing.
    pub retired_at: Option<DateTime<Utc>>,
}

impl KeyInfo {
    /// Until when a retired key is believed.
    #[must_use]
    pub fn believed_until(&self) -> Option<DateTime<Utc>> {
        self.retired_at.map(|at| at + TimeDelta::seconds(RETIRED_KEY_SECONDS.into()))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.current().kid).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// The newest stored key. A configured key that is not stored yet becomes the newest; without any key a fresh one is
    /// made. A configured key that was rotated out does not come back.
    ///
    /// # Errors
    /// See [`SigningKeyError`].
    pub async fn load_or_make(
        store: &EventStore,
        configured: Option<&SecretString>,
    ) -> Result<Self, SigningKeyError> {
        let mut tx = store.pool().begin().await?;
        lock_in_tx(&mut tx).await?;
        match configured {
            Some(pem) => {
                let der = der_of_pem(pem.expose_secret()).ok_or(SigningKeyError::Malformed)?;
                let kid = introduce_in_tx(&mut tx, store, &der).await?.ok_or(SigningKeyError::Malformed)?;
                if is_retired_in_tx(&mut tx, &kid).await? {
                    tracing::warn!(%kid, "BOXOFFICE_JWT_KEY was rotated out; a newer key signs");
                }
            }
            None if is_empty_in_tx(&mut tx).await? => {
                introduce_in_tx(&mut tx, store, &fresh_der()).await?.ok_or(SigningKeyError::Malformed)?;
            }
            None => {}
        }
        tx.commit().await?;
        let newest = newest(store, 0.0).await?.ok_or(sqlx::Error::RowNotFound)?;
        Ok(Self(RwLock::new(Arc::new(newest))))
    }

    /// Takes over the newest key once it has settled. With the old one nothing is wrong until then: it is believed as
    /// long as its tokens live.
    pub(crate) async fn renew(&self, store: &EventStore) -> Result<(), SigningKeyError> {
        let Some(newest) = newest(store, SETTLING_SECONDS).await? else { return Ok(()) };
        if newest.kid != self.current().kid {
            tracing::info!(kid = newest.kid, "signing with a new key");
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(newest);
        }
        Ok(())
    }

    /// Signs the claims.
    ///
    /// # Errors
    /// The key is defective.
    pub fn sign(&self, claims: &AccessClaims) -> Result<String, jsonwebtoken::errors::Error> {
        let current = self.current();
        claims.encode(&current.kid, &current.key)
    }

    fn current(&self) -> Arc<Current> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Makes a new key and retires the others; answers with its name.
///
/// # Errors
/// The database does not answer.
pub async fn rotate(store: &EventStore) -> Result<String, SigningKeyError> {
    let mut tx = store.pool().begin().await?;
    lock_in_tx(&mut tx).await?;
    let kid = introduce_in_tx(&mut tx, store, &fresh_der()).await?.ok_or(SigningKeyError::Malformed)?;
    tx.commit().await?;
    Ok(kid)
}

/// All keys that there have been, newest first.
///
/// # Errors
/// The database does not answer.
pub async fn list(store: &EventStore) -> Result<Vec<KeyInfo>, SigningKeyError> {
    let sql = "select kid, created_at, retired_at from signing_keys order by created_at desc, kid";
    let rows: Vec<(String, DateTime<Utc>, Option<DateTime<Utc>>)> =
        sqlx::query_as(sql).fetch_all(store.pool()).await?;
    let key = |(kid, created_at, retired_at)| KeyInfo { kid, created_at, retired_at };
    Ok(rows.into_iter().map(key).collect())
}

fn fresh_der() -> Vec<u8> {
    let fresh = Ed25519KeyPair::generate().expect("the operating system's random source works");
    fresh.to_pkcs8v1().expect("a fresh key has a private half").as_ref().to_vec()
}

fn der_of_pem(pem: &str) -> Option<Vec<u8>> {
    let body = pem.trim().strip_prefix("-----BEGIN PRIVATE KEY-----")?;
    let body = body.strip_suffix("-----END PRIVATE KEY-----")?;
    BASE64.decode(body.split_whitespace().collect::<String>()).ok()
}

fn context(kid: &str) -> String {
    format!("signing key {kid}")
}

/// The newest key that is not retired and at least so old.
async fn newest(store: &EventStore, age_seconds: f64) -> Result<Option<Current>, SigningKeyError> {
    let row: Option<(String, Vec<u8>)> = sqlx::query_as(
        "select kid, sealed_private from signing_keys
         where retired_at is null and created_at <= clock_timestamp() - make_interval(secs => $1)
         order by created_at desc, kid limit 1",
    )
    .bind(age_seconds)
    .fetch_optional(store.pool())
    .await?;
    let Some((kid, sealed)) = row else { return Ok(None) };
    let der = store
        .master_key()
        .unwrap(&sealed, &context(&kid))
        .ok_or_else(|| SigningKeyError::Unopenable(kid.clone()))?;
    Ok(Some(Current { kid, key: EncodingKey::from_ed_der(&der) }))
}

/// Of processes that start or rotate at the same time, one goes first. Readers are not held up.
async fn lock_in_tx(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("lock table signing_keys in share row exclusive mode").execute(tx).await?;
    Ok(())
}

/// Stores the key and retires the others, unless it was stored before; nothing if it is none. Its name is made from its
/// public half.
async fn introduce_in_tx(
    tx: &mut PgConnection,
    store: &EventStore,
    der: &[u8],
) -> Result<Option<String>, sqlx::Error> {
    let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) else { return Ok(None) };
    let public = pair.public_key();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, public.as_ref());
    let kid: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let stored = sqlx::query(
        "insert into signing_keys (kid, public_key, sealed_private) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(&kid)
    .bind(public.as_ref())
    .bind(store.master_key().wrap(der, &context(&kid)))
    .execute(&mut *tx)
    .await?;
    if stored.rows_affected() > 0 {
        sqlx::query(
            "update signing_keys set retired_at = clock_timestamp(), sealed_private = null
             where kid <> $1 and retired_at is null",
        )
        .bind(&kid)
        .execute(tx)
        .await?;
    }
    Ok(Some(kid))
}

async fn is_retired_in_tx(tx: &mut PgConnection, kid: &str) -> Result<bool, sqlx::Error> {
    let sql = "select retired_at is not null from signing_keys where kid = $1";
    sqlx::query_scalar(sql).bind(kid).fetch_one(tx).await
}

async fn is_empty_in_tx(tx: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select not exists (select from signing_keys)").fetch_one(tx).await
}
