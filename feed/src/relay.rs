//! The relay: outbox → event log → Kafka.
//!
//! One process leads; it carries an epoch that every one of its writes checks, so that a leader which was stopped and
//! wakes up late can do no harm. Numbering and publishing run side by side, so that a Kafka that is down holds up
//! nobody who follows the event log.

use std::{error::Error, pin::pin, sync::Arc, time::Duration};

use event_store::{
    EventStore, Waker, Wakeup,
    event_log::{Epoch, NumberingError},
};
use tokio::{sync::watch, time::timeout};
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
/// After so long without an acknowledgement the relay says that it is failing.
const SLOW: Duration = Duration::from_secs(15);
/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// What the relay is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelayState {
    /// Whether it has asked for the lead, and got it or not; either is well.
    pub started: bool,
    /// Why the lead cannot be asked for, or events get no place; nothing when all is well.
    pub numbering: Option<String>,
    /// Why Kafka gets no events; nothing when all is well.
    pub publishing: Option<String>,
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
        Self { store, brokers, holder, log_waker, state: Arc::new(watch::Sender::new(RelayState::default())) }
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
                    self.is_well();
                    if let Stopped::LeadLost = self.lead(epoch, &shutdown).await {
                        tracing::warn!(?epoch, "another relay has taken over");
                    }
                    continue;
                }
                Ok(None) => self.is_well(),
                Err(error) => self.cannot_number("cannot ask for the lead", &error),
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
                    self.is_well();
                    if numbered.events > 0 {
                        self.log_waker.wake();
                    }
                    if (numbered.events as i64) < NUMBER_BATCH {
                        wakeup.wait(IDLE_POLL).await;
                    }
                }
                Err(NumberingError::NotLeader) => return,
                Err(error) => {
                    self.cannot_number("cannot number events", &error);
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
                Ok(Published::Some) => {
                    self.state.send_if_modified(|state| state.publishing.take().is_some());
                }
                Err(error) => {
                    // Purges what is in flight; the next one starts from the mark.
                    publisher = None;
                    let text = log_failure("cannot publish", &error);
                    self.state.send_modify(|state| state.publishing = Some(text));
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
        let mut published = pin!(publisher.publish(&page.events));
        loop {
            match timeout(SLOW, &mut published).await {
                Ok(published) => break published?,
                // It goes on trying, but people should know.
                Err(_elapsed) => self.state.send_modify(|state| {
                    let slow = || "Kafka acknowledges nothing".to_owned();
                    state.publishing.get_or_insert_with(slow);
                }),
            }
        }
        let moved = self.store.set_published_position(epoch, page.up_to).await?;
        Ok(if moved { Published::Some } else { Published::NotLeader })
    }

    /// It leads and numbers, or leaves that to another.
    fn is_well(&self) {
        self.state.send_if_modified(|state| {
            let modified = !state.started || state.numbering.is_some();
            state.started = true;
            state.numbering = None;
            modified
        });
    }

    fn cannot_number(&self, what: &str, error: &(dyn Error + 'static)) {
        let text = log_failure(what, error);
        self.state.send_modify(|state| state.numbering = Some(text));
    }
}

fn log_failure(what: &str, error: &(dyn Error + 'static)) -> String {
    tracing::error!(error, "{what}");
    format!("{what}: {error}")
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
