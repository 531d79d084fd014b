//! The keys that sign access tokens: Ed25519, made at the first start and kept in the database, the private half sealed
//! by the master key, so that every process signs with the same one. Whoever verifies reads the public half.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use event_store::EventStore;
use jsonwebtoken::EncodingKey;
use platform::tokens::AccessClaims;
use secrecy::{ExposeSecret, SecretString};

/// The key that new tokens are signed with.
pub struct SigningKey {
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

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// The newest stored key. Without one, the configured key, or a fresh one, is stored first; a configured key that
    /// is not stored yet becomes the newest.
    ///
    /// # Errors
    /// See [`SigningKeyError`].
    pub async fn load_or_make(
        store: &EventStore,
        configured: Option<&SecretString>,
    ) -> Result<Self, SigningKeyError> {
        if let Some(pem) = configured {
            let der = der_of_pem(pem.expose_secret()).ok_or(SigningKeyError::Malformed)?;
            return save(store, &der).await?.ok_or(SigningKeyError::Malformed);
        }
        if let Some(key) = newest(store).await? {
            return Ok(key);
        }
        let fresh = Ed25519KeyPair::generate().expect("the operating system's random source works");
        let der = fresh.to_pkcs8v1().expect("a fresh key has a private half");
        save(store, der.as_ref()).await?.ok_or(SigningKeyError::Malformed)
    }

    /// Signs the claims.
    ///
    /// # Errors
    /// The key is defective.
    pub(crate) fn sign(&self, claims: &AccessClaims) -> Result<String, jsonwebtoken::errors::Error> {
        claims.encode(&self.kid, &self.key)
    }
}

fn der_of_pem(pem: &str) -> Option<Vec<u8>> {
    let body = pem.trim().strip_prefix("-----BEGIN PRIVATE KEY-----")?;
    let body = body.strip_suffix("-----END PRIVATE KEY-----")?;
    BASE64.decode(body.split_whitespace().collect::<String>()).ok()
}

fn context(kid: &str) -> String {
    format!("signing key {kid}")
}

async fn newest(store: &EventStore) -> Result<Option<SigningKey>, SigningKeyError> {
    let row: Option<(String, Vec<u8>)> =
        sqlx::query_as("select kid, sealed_private from signing_keys order by created_at desc, kid limit 1")
            .fetch_optional(store.pool())
            .await?;
    let Some((kid, sealed)) = row else { return Ok(None) };
    let der = store
        .master_key()
        .unwrap(&sealed, &context(&kid))
        .ok_or_else(|| SigningKeyError::Unopenable(kid.clone()))?;
    Ok(Some(SigningKey { kid, key: EncodingKey::from_ed_der(&der) }))
}

/// Stores the key unless it is there; nothing if it is none. Its name is made from its public half.
async fn save(store: &EventStore, der: &[u8]) -> Result<Option<SigningKey>, sqlx::Error> {
    let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) else { return Ok(None) };
    let public = pair.public_key();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, public.as_ref());
    let kid: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    sqlx::query(
        "insert into signing_keys (kid, public_key, sealed_private) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(&kid)
    .bind(public.as_ref())
    .bind(store.master_key().wrap(der, &context(&kid)))
    .execute(store.pool())
    .await?;
    Ok(Some(SigningKey { kid, key: EncodingKey::from_ed_der(der) }))
}
