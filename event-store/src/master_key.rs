//! The one secret that a deployment must keep: it wraps persons' data keys and signing keys, and keys the hashes.
//!
//! Sealing is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random 24 byte nonce in front; keyed hashes are
//! BLAKE3. Each purpose has a key of its own, derived from the master key by `blake3::derive_key`.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sqlx::PgPool;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Why a key does not serve.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Not 32 bytes in base64.
    #[error("the master key must be 32 bytes in base64 (make one with `openssl rand -base64 32`)")]
    Malformed,
    /// Another key was used with this database before.
    #[error("the master key is not the one that this database was first used with")]
    OtherKey,
    /// The database could not be asked.
    #[error("the master key could not be compared with the database")]
    Database(#[from] sqlx::Error),
}

/// The ciphertext was not made with this key and context, or was altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed data cannot be opened with this key")]
pub(crate) struct Unopenable;

/// Key material that seals and opens; never printed.
#[derive(Clone)]
pub(crate) struct SealingKey([u8; KEY_BYTES]);

impl SealingKey {
    pub(crate) fn random() -> Self {
        Self(random_bytes())
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Result<Self, Unopenable> {
        bytes.try_into().map(Self).map_err(|_| Unopenable)
    }

    pub(crate) const fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    pub(crate) fn seal(&self, clear: &[u8], context: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random_bytes();
        let mut sealed = nonce.to_vec();
        let ciphertext = XChaCha20Poly1305::new(&self.0.into())
            .encrypt(&XNonce::from(nonce), Payload { msg: clear, aad: context })
            .expect("encrypting fails only beyond 256 GiB");
        sealed.extend(ciphertext);
        sealed
    }

    pub(crate) fn open(&self, sealed: &[u8], context: &[u8]) -> Result<Vec<u8>, Unopenable> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Unopenable)?;
        XChaCha20Poly1305::new(&self.0.into())
            .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: context })
            .map_err(|_| Unopenable)
    }
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system's random source works");
    bytes
}

/// The deployment's secret, split by purpose.
#[derive(Clone)]
pub struct MasterKey {
    wrapping: SealingKey,
    hashing: [u8; KEY_BYTES],
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl MasterKey {
    /// Reads the base64 form.
    ///
    /// # Errors
    /// [`MasterKeyError::Malformed`].
    pub fn parse(base64: &str) -> Result<Self, MasterKeyError> {
        let bytes = BASE64.decode(base64.trim()).map_err(|_| MasterKeyError::Malformed)?;
        if bytes.len() != KEY_BYTES {
            return Err(MasterKeyError::Malformed);
        }
        Ok(Self {
            wrapping: SealingKey(blake3::derive_key("Boxoffice 2026 wrapping of keys", &bytes)),
            hashing: blake3::derive_key("Boxoffice 2026 keyed hashes", &bytes),
        })
    }

    /// A fresh key in its base64 form.
    #[must_use]
    pub fn generate() -> String {
        BASE64.encode(random_bytes::<KEY_BYTES>())
    }

    /// Makes sure that this is the key the database was first used with; the first use decides.
    ///
    /// # Errors
    /// [`MasterKeyError::OtherKey`], or the database does not answer.
    pub async fn check(&self, pool: &PgPool) -> Result<(), MasterKeyError> {
        const CONTEXT: &str = "master key check";
        sqlx::query("insert into master_key_check (sealed) values ($1) on conflict do nothing")
            .bind(self.wrap(b"boxoffice", CONTEXT))
            .execute(pool)
            .await?;
        let sealed: Vec<u8> =
            sqlx::query_scalar("select sealed from master_key_check").fetch_one(pool).await?;
        self.unwrap(&sealed, CONTEXT).map(drop).ok_or(MasterKeyError::OtherKey)
    }

    /// Seals a key or another small secret; `context` says what it is and must be the same when it is opened.
    #[must_use]
    pub fn wrap(&self, secret: &[u8], context: &str) -> Vec<u8> {
        self.wrapping.seal(secret, context.as_bytes())
    }

    /// Opens what [`Self::wrap`] sealed; nothing if key or context differ or it was altered.
    #[must_use]
    pub fn unwrap(&self, wrapped: &[u8], context: &str) -> Option<Vec<u8>> {
        self.wrapping.open(wrapped, context.as_bytes()).ok()
    }

    /// A hash that nobody can recompute without the key. `purpose` keeps equal texts of different kinds apart.
    #[must_use]
    pub fn hash(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.hashing);
        hasher.update(&(purpose.len() as u64).to_le_bytes());
        hasher.update(purpose.as_bytes());
        hasher.update(bytes);
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_only_with_its_key_and_context() {
        let key = MasterKey::parse(&MasterKey::generate()).expect("generated keys parse");
        let other = MasterKey::parse(&MasterKey::generate()).expect("generated keys parse");
        let sealed = key.wrap(b"secret", "context");
        assert_eq!(key.unwrap(&sealed, "context").as_deref(), Some(&b"secret"[..]));
        assert_eq!(key.unwrap(&sealed, "another context"), None);
        assert_eq!(other.unwrap(&sealed, "context"), None);
        assert_eq!(key.unwrap(b"short", "context"), None);
    }

    #[test]
    fn a_malformed_key_is_refused() {
        for text in ["", "abc", "not base64!", "AAAA"] {
            assert!(matches!(MasterKey::parse(text), Err(MasterKeyError::Malformed)), "{text}");
        }
    }

    #[test]
    fn hashes_differ_by_key_and_purpose() {
        let key = MasterKey::parse(&MasterKey::generate()).expect("generated keys parse");
        let other = MasterKey::parse(&MasterKey::generate()).expect("generated keys parse");
        assert_eq!(key.hash("email", b"a"), key.hash("email", b"a"));
        assert_ne!(key.hash("email", b"a"), other.hash("email", b"a"));
        assert_ne!(key.hash("email", b"a"), key.hash("body", b"a"));
    }
}
