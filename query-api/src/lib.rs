//! The read edge: lists, lookups, availability, audit. One file a query, in `queries/`.
//!
//! - `routes`: every route, one line each.
//! - `list`: what all lists share: pages, orders, cursors.
//! - `live`: what happens to an event, pushed to everybody who watches it; what somebody is told, to themselves.
//! - `rows`: from the tables of the read models to the shapes of the contract.
//! - `read_your_writes`: waits until a read model includes what the caller wrote.
//! - [`docs()`]: the OpenAPI document of both edges, and a page to browse it.
//!
//! Architecture invariant: nothing here changes anything, and nothing knows commands, rules or Kafka. The read models
//! are the projector's; the write database is read for audit, public keys and sessions only.

mod access;
mod answers;
mod audit_log;
mod docs;
mod failures;
mod list;
mod live;
mod parameters;
mod queries;
mod read_your_writes;
mod routes;
mod rows;
mod shared_lookups;

pub use docs::{docs, document_base};
pub use routes::router;

use axum::extract::FromRef;
use event_store::EventStore;
use live::{Live, MAX_READERS, inbox::LiveInboxes};
use platform::{Shutdown, tokens::TokenChecker};
use shared_lookups::SharedLookups;
use sqlx::PgPool;

/// What every query handler has at hand; cheap to clone.
#[derive(Clone)]
pub struct QueryApi {
    /// The read database; its search path is the schema of the read models.
    pub(crate) read: PgPool,
    /// Lookups of single events, through `read`.
    pub(crate) events: SharedLookups,
    /// Accounts, their sessions and the token keys, in the write database.
    pub(crate) accounts: PgPool,
    /// For audits, which take long: through a pool of their own.
    pub(crate) audits: EventStore,
    pub(crate) tokens: TokenChecker,
    pub(crate) live: Live,
    pub(crate) inboxes: LiveInboxes,
}

impl QueryApi {
    /// The edge over the read models (a pool whose search path is their schema), and over accounts and the event log in the
    /// write database, each through its own pool. Live streams end when a stop is asked for.
    #[must_use]
    pub fn new(
        read: PgPool,
        accounts: PgPool,
        audits: EventStore,
        tokens: TokenChecker,
        shutdown: Shutdown,
    ) -> Self {
        let live = Live::new(read.clone(), shutdown, MAX_READERS);
        let events = SharedLookups::of(read.clone());
        Self { inboxes: LiveInboxes::beside(&live), live, events, read, accounts, audits, tokens }
    }

    /// Lets fewer read live streams at once.
    #[must_use]
    pub fn max_live_readers(self, max_readers: usize) -> Self {
        let live = self.live.for_readers(max_readers);
        Self { inboxes: LiveInboxes::beside(&live), live, ..self }
    }
}

impl FromRef<QueryApi> for TokenChecker {
    fn from_ref(api: &QueryApi) -> Self {
        api.tokens.clone()
    }
}
