//! The relay: outbox → event log → Kafka.
//!
//! One process leads; it carries an epoch that every one of its writes checks, so that a leader which was stopped and
//! wakes up late can do no harm. Numbering and publishing run side by side, so that a Kafka that is down holds up
//! nobody who follows the event log.

use std::{sync::Arc, time::Duration};

use event_store::{
    EventStore, Waker, Wakeup,
    event_log::{Epoch, NumberingError},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{PublishError, publisher::Publisher};

/// How long a leader that fell silent is waited for.
const LEASE: Duration = Duration::from_secs(10);
/// How often another process looks whether the lead is free.
const STANDBY_POLL: Duration = Duration::from_secs(2);
/// How long a leader waits without a notification before it looks all the same; also keeps the lease.
const IDLE_POLL: Duration = Duration::from_secs(1);
/// Most events that get their place in one transaction.
const NUMBER_BATCH: i64 = 2_000;
/// Most events that are on their way to Kafka at once.
const PUBLISH_BATCH: i64 = 2_000;
/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// What the relay is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayState {
    /// Not asked for the lead yet.
    Starting,
    /// Another process leads.
    Standby,
    /// This process leads.
    Leading,
    /// Something is wrong; it tries again.
    Failing(String),
}

/// Moves events from the outbox into the event log and on to Kafka.
#[derive(Debug, Clone)]
pub struct Relay {
    store: EventStore,
    brokers: Option<String>,
    holder: String,
    log_waker: Waker,
    state: Arc<watch::Sender<RelayState>>,
}

enum Stopped {
    LeadLost,
    Shutdown,
}

impl Relay {
    /// A relay; without brokers it only keeps the event log. `holder` names this process to people.
    #[must_use]
    pub fn new(store: EventStore, brokers: Option<String>, holder: String) -> Self {
        let log_waker = Waker::of_event_log(store.pool().clone());
        Self { store, brokers, holder, log_waker, state: Arc::new(watch::Sender::new(RelayState::Starting)) }
    }

    /// What it is doing, for health checks.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<RelayState> {
        self.state.subscribe()
    }

    /// Runs until it is told to stop; whatever fails is tried again.
    pub async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.store.try_lead(&self.holder, LEASE).await {
                Ok(Some(epoch)) => {
                    tracing::info!(?epoch, "leading the relay");
                    self.set_state(RelayState::Leading);
                    if let Stopped::LeadLost = self.lead(epoch, &shutdown).await {
                        tracing::warn!(?epoch, "another relay has taken over");
                    }
                    continue;
                }
                Ok(None) => self.set_state(RelayState::Standby),
                Err(error) => self.failing("cannot ask for the lead", &error),
            }
            tokio::select! {
                () = tokio::time::sleep(STANDBY_POLL) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn lead(&self, epoch: Epoch, shutdown: &CancellationToken) -> Stopped {
        tokio::select! {
            () = self.number(epoch) => Stopped::LeadLost,
            () = self.publish(epoch) => Stopped::LeadLost,
            () = shutdown.cancelled() => {
                if let Err(error) = self.store.resign(epoch).await {
                    tracing::warn!(%error, "could not resign; the lease will end by itself");
                }
                Stopped::Shutdown
            }
        }
    }

    /// Outbox → event log. Returns when the lead is lost.
    async fn number(&self, epoch: Epoch) {
        let mut wakeup = Wakeup::on_outbox(self.store.pool().clone());
        loop {
            match self.store.number_outbox(epoch, LEASE, NUMBER_BATCH).await {
                Ok(numbered) => {
                    self.set_state(RelayState::Leading);
                    if numbered.events > 0 {
                        self.log_waker.wake();
                    }
                    if (numbered.events as i64) < NUMBER_BATCH {
                        wakeup.wait(IDLE_POLL).await;
                    }
                }
                Err(NumberingError::NotLeader) => return,
                Err(error) => {
                    self.failing("cannot number events", &error);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Event log → Kafka. Returns when the lead is lost; never without brokers.
    async fn publish(&self, epoch: Epoch) {
        let Some(brokers) = &self.brokers else { return std::future::pending().await };
        let mut wakeup = Wakeup::on_event_log(self.store.pool().clone());
        let mut publisher = None;
        loop {
            match self.publish_batch(epoch, brokers, &mut publisher).await {
                Ok(Published::NotLeader) => return,
                Ok(Published::Nothing) => wakeup.wait(IDLE_POLL).await,
                Ok(Published::Some) => {}
                Err(error) => {
                    // Purges what is in flight; the next one starts from the mark.
                    publisher = None;
                    self.failing("cannot publish", &error);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    async fn publish_batch(
        &self,
        epoch: Epoch,
        brokers: &str,
        publisher: &mut Option<Publisher>,
    ) -> Result<Published, BatchError> {
        let published = self.store.published_position().await?;
        let page = self.store.read_log(published, PUBLISH_BATCH, &[]).await?;
        if page.events.is_empty() {
            return Ok(Published::Nothing);
        }
        let publisher = match publisher {
            Some(publisher) => publisher,
            None => publisher.insert(Publisher::new(brokers).map_err(PublishError::from)?),
        };
        publisher.publish(&page.events).await?;
        let moved = self.store.set_published_position(epoch, page.up_to).await?;
        Ok(if moved { Published::Some } else { Published::NotLeader })
    }

    fn set_state(&self, state: RelayState) {
        self.state.send_if_modified(|current| {
            let modified = *current != state;
            *current = state;
            modified
        });
    }

    fn failing(&self, what: &str, error: &dyn std::error::Error) {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::error!(%error, cause, "{what}");
        self.set_state(RelayState::Failing(format!("{what}: {error}")));
    }
}

enum Published {
    Nothing,
    Some,
    NotLeader,
}

#[derive(Debug, thiserror::Error)]
enum BatchError {
    #[error("the event log failed")]
    Log(#[from] sqlx::Error),
    #[error("publishing failed")]
    Publish(#[from] PublishError),
}
