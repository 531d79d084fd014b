//! What is done now and then in every process: hear of a new signing key, forget what has lapsed.

use std::{
    error::Error,
    sync::{Arc, Weak},
    time::Duration,
};

use event_store::EventStore;

use crate::{commands::receive_stripe_webhook, login_attempts, sessions, signing_keys::SigningKey};

/// How often a new signing key is looked for.
const INTERVAL: Duration = Duration::from_secs(10);
/// Of so many looks, one also sweeps.
const SWEEP_EVERY: u32 = 6;
/// Pause between two parts of what is swept, so that a sweep is nobody's burden.
const SWEEP_PAUSE: Duration = Duration::from_millis(200);

/// Goes on as long as somebody has the key.
pub(crate) fn spawn(store: EventStore, signing_key: &Arc<SigningKey>) {
    let signing_key = Arc::downgrade(signing_key);
    tokio::spawn(run(store, signing_key));
}

async fn run(store: EventStore, signing_key: Weak<SigningKey>) {
    for turn in 1_u32.. {
        tokio::time::sleep(INTERVAL).await;
        let Some(signing_key) = signing_key.upgrade() else { return };
        if let Err(error) = signing_key.renew(&store).await {
            tracing::warn!(error = &error as &dyn Error, "the newest signing key cannot be read");
        }
        if turn % SWEEP_EVERY == 0
            && let Err(error) = sweep(&store).await
        {
            tracing::warn!(error = &error as &dyn Error, "what has lapsed cannot be swept");
        }
    }
}

/// Part by part, until nothing is left that has lapsed.
async fn sweep(store: &EventStore) -> Result<(), sqlx::Error> {
    let pool = store.pool();
    loop {
        let may_be_more = [
            login_attempts::sweep(pool).await?,
            store.sweep_receipts().await?,
            sessions::sweep(pool).await?,
            receive_stripe_webhook::sweep(pool).await?,
        ];
        if !may_be_more.contains(&true) {
            return Ok(());
        }
        tokio::time::sleep(SWEEP_PAUSE).await;
    }
}

#[cfg(test)]
mod tests;
