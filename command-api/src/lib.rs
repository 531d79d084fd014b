//! The write edge: HTTP in, events out. One file a command, in `commands/`.
//!
//! - `routes`: every route, one line each.
//! - `show_writers` and `show_batch`: the one writer of each busy show's stream.
//! - `accounts`, `passwords`, `sessions`, [`signing_keys`]: credentials, which are never events.
//! - `idempotency`: a command that has an id takes effect at most once.
//!
//! Architecture invariant: nothing here reads the read models or knows Kafka. What a rule says is in `domain`; here its
//! answer becomes a status, a code and a body.

mod accounts;
mod answers;
mod callers;
mod commands;
mod fields;
mod idempotency;
mod passwords;
mod refusals;
mod routes;
mod sessions;
mod show_batch;
mod show_writers;
pub mod signing_keys;

pub use commands::register_user::{NewUser, RegistrationError, register};
pub use passwords::Passwords;
pub use routes::router;

use std::sync::Arc;

use axum::extract::FromRef;
use event_store::EventStore;
use platform::tokens::TokenChecker;

use crate::{idempotency::InProgress, show_writers::ShowWriters, signing_keys::SigningKey};

/// What every command handler has at hand; cheap to clone.
#[derive(Clone)]
pub struct CommandApi {
    pub(crate) store: EventStore,
    pub(crate) tokens: TokenChecker,
    pub(crate) signing_key: Arc<SigningKey>,
    pub(crate) passwords: Passwords,
    pub(crate) in_progress: Arc<InProgress>,
    pub(crate) show_writers: ShowWriters,
}

impl CommandApi {
    /// The edge over an event store. Must be made inside a Tokio runtime.
    #[must_use]
    pub fn new(store: EventStore, tokens: TokenChecker, signing_key: SigningKey) -> Self {
        Self {
            show_writers: ShowWriters::new(store.clone()),
            passwords: Passwords::new(),
            in_progress: Arc::default(),
            signing_key: Arc::new(signing_key),
            store,
            tokens,
        }
    }
}

impl FromRef<CommandApi> for TokenChecker {
    fn from_ref(api: &CommandApi) -> Self {
        api.tokens.clone()
    }
}
