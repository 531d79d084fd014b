//! Password hashes: Argon2id with the crate's defaults (19 MiB, 2 passes, 1 lane: OWASP's recommendation), on threads
//! that may block, and never more at once than the machine has cores.

use std::sync::{Arc, LazyLock};

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use domain::Invalid;
use platform::Problem;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusals;

/// Fewest characters of a password.
const MIN_CHARS: usize = 8;
/// Most characters of a password.
const MAX_CHARS: usize = 128;
/// Most passwords that wait for a core; more are told to come back.
const MAX_WAITING: usize = 256;

/// A password that may be set.
///
/// # Errors
/// Too short or too long.
pub(crate) fn parse(password: SecretString) -> Result<SecretString, Invalid> {
    if (MIN_CHARS..=MAX_CHARS).contains(&password.expose_secret().chars().count()) {
        Ok(password)
    } else {
        Err(Invalid(format!("must have {MIN_CHARS} to {MAX_CHARS} characters")))
    }
}

/// Hashes and verifies.
#[derive(Debug, Clone)]
pub struct Passwords {
    running: Arc<Semaphore>,
    /// Those that run, too.
    waiting: Arc<Semaphore>,
}

/// A password's place among those that wait, and run.
#[derive(Debug)]
pub(crate) struct Place(
    #[expect(dead_code, reason = "it is given back when it is dropped")] OwnedSemaphorePermit,
);

/// What unknown accounts are verified against, so that they take as long as known ones.
static NOBODYS_HASH: LazyLock<String> = LazyLock::new(|| hash_now(&SecretString::from("nobody's")));

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl Passwords {
    /// As many at once as there are cores.
    #[must_use]
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::at_once(cores, MAX_WAITING)
    }

    fn at_once(running: usize, waiting: usize) -> Self {
        let waiting = Arc::new(Semaphore::new(running + waiting));
        Self { running: Arc::new(Semaphore::new(running)), waiting }
    }

    /// A place among those that wait.
    ///
    /// # Errors
    /// 503 `busy`: too many wait.
    pub(crate) fn place(&self) -> Result<Place, Problem> {
        let place = self.waiting.clone().try_acquire_owned();
        place.map(Place).map_err(|_| refusals::too_many_passwords())
    }

    /// # Errors
    /// 503 `busy`: too many wait.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, Problem> {
        let place = self.place()?;
        Ok(self.off_the_async_threads(place, move || hash_now(&password)).await)
    }

    /// Whether the password is the one. Takes as long when there is no hash.
    pub(crate) async fn verify(&self, place: Place, password: SecretString, hash: Option<String>) -> bool {
        if password.expose_secret().chars().count() > MAX_CHARS {
            return false;
        }
        self.off_the_async_threads(place, move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(&NOBODYS_HASH);
            let bytes = password.expose_secret().as_bytes();
            Argon2::default().verify_password(bytes, hash).is_ok() && known
        })
        .await
    }

    async fn off_the_async_threads<T: Send + 'static>(
        &self,
        _place: Place,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let permit = self.running.clone().acquire_owned().await.expect("the semaphore is never closed");
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.expect("hashing does not panic")
    }
}

fn hash_now(password: &SecretString) -> String {
    Argon2::default()
        .hash_password(password.expose_secret().as_bytes())
        .expect("the defaults are valid and the random source works")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let passwords = Passwords::new();
        let hash = passwords.hash(SecretString::from("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        let verify = async |password, hash| {
            passwords.verify(passwords.place().unwrap(), SecretString::from(password), hash).await
        };
        assert!(verify("correct horse", Some(hash.clone())).await);
        assert!(!verify("battery staple", Some(hash)).await);
        assert!(!verify("nobody's", None).await);
    }

    #[tokio::test]
    async fn who_finds_too_many_waiting_is_told_to_come_back() {
        let passwords = Passwords::at_once(1, 1);
        let hash = || passwords.hash(SecretString::from("correct horse"));
        let (one, two, three) = tokio::join!(hash(), hash(), hash());
        assert!(one.is_ok() && two.is_ok());
        assert_eq!(three.unwrap_err().code(), "busy");
        assert!(hash().await.is_ok());
    }
}
