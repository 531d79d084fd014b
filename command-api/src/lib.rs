//! The write edge: HTTP in, events out. One file a command, in `commands/`.
//!
//! - `routes`: every route, one line each.
//! - `show_writers`, `show_batch` and `show_decisions`: the one writer of each busy show's stream.
//! - `accounts`, `passwords`, `sessions`, `refresh_tokens`, `login_attempts`, [`signing_keys`]: credentials, which are
//!   never events.
//! - [`Payments`]: what the payment gateway is asked, and what the booking is told of it.
//! - `idempotency`: a command that has an id takes effect at most once.
//!
//! Architecture invariant: nothing here reads the read models or knows Kafka. What a rule says is in `domain`; here its
//! answer becomes a status, a code and a body.

mod accounts;
mod answers;
mod appends;
mod callers;
mod client_address;
mod commands;
mod fields;
mod following;
mod housekeeping;
mod idempotency;
mod login_attempts;
mod offers;
mod passwords;
mod payments;
mod refresh_tokens;
mod refusals;
mod routes;
mod sessions;
mod show_batch;
mod show_decisions;
mod show_orders;
mod show_state;
mod show_writers;
pub mod signing_keys;

pub use commands::erase_user::{ErasureError, ErasureReport, erase};
pub use commands::register_user::{NewUser, RegistrationError, register};
pub use passwords::Passwords;
pub use payments::{
    KEEP_BELOW, LONGEST_LOOK, NotPaid, Paid, Payments, PaymentsError, Progress, REFUND_LOOKED_AT_AFTER,
};
pub use routes::{description, router};
pub use show_orders::{Done, HostOrder, OrderError, ShowOrder};
pub use show_writers::ShowWriters;

use std::{ops::Deref, sync::Arc};

use ::payments::Gateway;
use axum::extract::FromRef;
use event_store::EventStore;
use platform::{TrustedProxies, tokens::TokenChecker};
use secrecy::SecretString;

use crate::{idempotency::InProgress, signing_keys::SigningKey};

/// What every command handler has at hand; cheap to clone.
#[derive(Clone)]
pub struct CommandApi(Arc<Parts>);

/// What a [`CommandApi`] is made of, for this crate alone.
#[derive(Clone)]
pub struct Parts {
    pub(crate) store: EventStore,
    pub(crate) tokens: TokenChecker,
    pub(crate) signing_key: Arc<SigningKey>,
    pub(crate) passwords: Passwords,
    pub(crate) in_progress: Arc<InProgress>,
    pub(crate) show_writers: ShowWriters,
    pub(crate) payments: Payments,
    pub(crate) webhook_secret: Option<SecretString>,
    pub(crate) hold_seconds: u32,
    pub(crate) trusted_proxies: Arc<TrustedProxies>,
}

impl CommandApi {
    /// The edge over an event store, which believes no proxy; holds last `hold_seconds` where a host says nothing. Must
    /// be made inside a Tokio runtime.
    #[must_use]
    pub fn new(store: EventStore, tokens: TokenChecker, signing_key: SigningKey, hold_seconds: u32) -> Self {
        let signing_key = Arc::new(signing_key);
        housekeeping::spawn(store.clone(), &signing_key);
        let show_writers = ShowWriters::new(store.clone());
        Self(Arc::new(Parts {
            payments: Payments::testing(store.clone(), show_writers.clone()),
            webhook_secret: None,
            show_writers,
            passwords: Passwords::new(),
            in_progress: Arc::default(),
            signing_key,
            store,
            tokens,
            hold_seconds,
            trusted_proxies: Arc::default(),
        }))
    }

    /// The writers of shows that this edge gives orders to.
    #[must_use]
    pub fn show_writers(&self) -> &ShowWriters {
        &self.show_writers
    }

    /// The same, where bookings are paid through a gateway; without one they are through the embedded test gateway. What it
    /// says by itself is believed if it is signed with the secret.
    #[must_use]
    pub fn paid_through(self, gateway: Arc<dyn Gateway>, webhook_secret: Option<SecretString>) -> Self {
        let parts = Arc::unwrap_or_clone(self.0);
        let payments = Payments::new(parts.store.clone(), parts.show_writers.clone(), gateway);
        Self(Arc::new(Parts { payments, webhook_secret, ..parts }))
    }

    /// The same, behind proxies whose word for where a request comes from is taken.
    #[must_use]
    pub fn behind(self, trusted_proxies: TrustedProxies) -> Self {
        let parts = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Parts { trusted_proxies: Arc::new(trusted_proxies), ..parts }))
    }
}

impl Deref for CommandApi {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<CommandApi> for TokenChecker {
    fn from_ref(api: &CommandApi) -> Self {
        api.tokens.clone()
    }
}
