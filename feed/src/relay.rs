//! The relay: outbox → event log → Kafka.
//!
//! One process leads; it carries an epoch that every one of its writes checks, so that a leader which was stopped and
//! wakes up late can do no harm. `numbering` and `publishing` run side by side, so that a Kafka that is down holds up
//! nobody who follows the event log.

mod metrics;
mod numbering;
mod publishing;

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use event_store::{
    EventStore, Waker,
    event_log::{Epoch, LoggedEvent},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use self::metrics::Step;

/// How long a leader that fell silent is waited for.
const LEASE: Duration = Duration::from_secs(10);
/// How often another process looks whether the lead is free.
const STANDBY_POLL: Duration = Duration::from_secs(2);
/// How long a leader waits without a notification before it looks all the same; also keeps the lease.
const IDLE_POLL: Duration = Duration::from_secs(1);
/// Most events that get their place in one transaction. What a transaction costs by itself is little beside so many.
const NUMBER_BATCH: i64 = 8_000;
/// Batches that were numbered and wait to be published from memory; what comes when there are so many is read from the
/// event log.
const HANDED_ON_BATCHES: usize = 2;
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
        tokio::select! {
            () = self.take_turns(&shutdown) => {}
            () = self.measure() => {}
        }
    }

    /// Leads whenever nobody else does.
    async fn take_turns(&self, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.store.try_lead(&self.holder, LEASE).await {
                Ok(Some(epoch)) => {
                    tracing::info!(?epoch, "leading the relay");
                    self.is_well();
                    metrics::leads(epoch);
                    if let Stopped::LeadLost = self.lead(epoch, shutdown).await {
                        tracing::warn!(?epoch, "another relay has taken over");
                    }
                    metrics::leads_no_longer();
                    // Whether Kafka gets anything is another's matter now.
                    self.publishes();
                    continue;
                }
                Ok(None) => self.is_well(),
                Err(error) => self.cannot_number(Step::Leading, "cannot ask for the lead", &error),
            }
            tokio::select! {
                () = tokio::time::sleep(STANDBY_POLL) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn lead(&self, epoch: Epoch, shutdown: &CancellationToken) -> Stopped {
        let (hand_on, handed_on) = handover();
        // Tasks of their own: each has enough to compute for a core.
        let mut work = JoinSet::new();
        work.spawn(self.clone().number(epoch, hand_on));
        if let Some(brokers) = &self.brokers {
            work.spawn(self.clone().publish(epoch, brokers.clone(), handed_on));
        }
        let stopped = tokio::select! {
            _ = work.join_next() => Stopped::LeadLost,
            () = shutdown.cancelled() => Stopped::Shutdown,
        };
        work.shutdown().await;
        if let Stopped::Shutdown = stopped
            && let Err(error) = self.store.resign(epoch).await
        {
            tracing::warn!(%error, "could not resign; the lease will end by itself");
        }
        stopped
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

    fn cannot_number(&self, step: Step, what: &str, error: &(dyn Error + 'static)) {
        metrics::failed(step);
        let text = log_failure(what, error);
        self.state.send_modify(|state| state.numbering = Some(text));
    }

    fn publishes(&self) {
        self.state.send_if_modified(|state| state.publishing.take().is_some());
    }

    fn cannot_publish(&self, error: &(dyn Error + 'static)) {
        metrics::failed(Step::Publishing);
        let text = log_failure("cannot publish", error);
        self.state.send_modify(|state| state.publishing = Some(text));
    }
}

/// From numbering to publishing: what was numbered, so that it need not be read again.
struct HandOn {
    batches: mpsc::Sender<Vec<LoggedEvent>>,
    head: Arc<AtomicI64>,
}

/// The other end of it.
struct HandedOn {
    batches: mpsc::Receiver<Vec<LoggedEvent>>,
    /// The last place that was numbered, handed on or not.
    head: Arc<AtomicI64>,
}

fn handover() -> (HandOn, HandedOn) {
    let (sender, receiver) = mpsc::channel(HANDED_ON_BATCHES);
    let head = Arc::new(AtomicI64::new(0));
    (HandOn { batches: sender, head: head.clone() }, HandedOn { batches: receiver, head })
}

impl HandOn {
    /// Never waits: what does not find room is read from the event log.
    fn give(&self, events: Vec<LoggedEvent>, head: i64) {
        // Without brokers nobody takes it.
        let _ = self.batches.try_send(events);
        self.head.store(head, Ordering::Release);
    }
}

impl HandedOn {
    /// The next batch. Nothing if there is none while the event log has more than what comes up to this place; without
    /// more it waits, but looks all the same now and then.
    async fn take(&mut self, cursor: i64) -> Option<Vec<LoggedEvent>> {
        if let Ok(batch) = self.batches.try_recv() {
            return Some(batch);
        }
        if cursor < self.head.load(Ordering::Acquire) {
            return None;
        }
        timeout(IDLE_POLL, self.batches.recv()).await.ok().flatten()
    }
}

fn log_failure(what: &str, error: &(dyn Error + 'static)) -> String {
    tracing::error!(error, "{what}");
    format!("{what}: {error}")
}
