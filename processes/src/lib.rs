//! Process managers: they follow events and give commands, like any other user of the commands.
//!
//! - `follow`: notes what is to be done, in the transaction that moves the checkpoint.
//! - `expiry`: makes it visible that holds have lapsed. Nobody depends on it: lapsed holds block nobody anyway.
//! - `sale_starts`: makes it visible that sales have started, for who waits for it. Nobody needs it to buy.
//! - `payments`: settles what requests have left open: payments that are not decided, refunds that are not made.
//! - `cascades`: ends every booking of a cancelled event, however many there are.
//! - `metrics`: how much of it is stuck.
//! - [`parked`]: events that could not be understood, to look at and to try again.
//!
//! What is to be done is kept in tables until it is done, so a process that dies half-way goes on where it was; every
//! step may be repeated.
//!
//! Architecture invariant: this crate decides nothing about tickets and reads no read model.

mod cascades;
mod expiry;
mod follow;
mod metrics;
pub mod parked;
mod payments;
mod sale_starts;

use std::{collections::BTreeSet, error::Error, sync::Arc, time::Duration};

use ::payments::Gateway;
use chrono::TimeDelta;
use command_api::{OrderError, Payments, PaymentsError, ShowWriters};
use event_store::{CommandContext, EventStore, Metadata};
use feed::SourceError;
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::payments::Settling;

/// The job that reads a source.
const FOLLOWING: &str = "following events";
/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Runs all process managers.
#[derive(Debug, Clone)]
pub struct Processes {
    store: EventStore,
    writers: ShowWriters,
    payments: Payments,
    brokers: Option<String>,
    give_up_after: TimeDelta,
    failing: Arc<watch::Sender<BTreeSet<&'static str>>>,
}

/// Why a step was not done; it is tried again.
#[derive(Debug, thiserror::Error)]
enum ProcessError {
    #[error("the source failed")]
    Source(#[from] SourceError),
    #[error("the write database failed")]
    Database(#[from] sqlx::Error),
    #[error("an order was not dealt with")]
    Order(#[from] OrderError),
    #[error("a payment could not be driven on")]
    Payments(#[from] PaymentsError),
    #[error("a turn broke off")]
    BrokeOff(#[from] JoinError),
}

impl Processes {
    /// Process managers that follow Kafka, or without brokers the event log.
    #[must_use]
    pub fn new(store: EventStore, brokers: Option<String>) -> Self {
        let writers = ShowWriters::new(store.clone());
        let payments = Payments::testing(store.clone(), writers.clone());
        let failing = Arc::new(watch::Sender::new(BTreeSet::new()));
        Self { store, writers, payments, brokers, give_up_after: payments::REFUND_GIVEN_UP_AFTER, failing }
    }

    /// The same, where bookings are paid through a gateway; without one they are through the embedded test gateway.
    #[must_use]
    pub fn paid_through(self, gateway: Arc<dyn Gateway>) -> Self {
        let payments = Payments::new(self.store.clone(), self.writers.clone(), gateway);
        Self { payments, ..self }
    }

    /// The same with less patience, for tests: a refund for which the gateway has failed so long needs a hand.
    #[must_use]
    pub fn giving_up_refunds_after(self, give_up_after: TimeDelta) -> Self {
        Self { give_up_after, ..self }
    }

    /// Which jobs fail, for health checks; none when all is well.
    #[must_use]
    pub fn failing(&self) -> watch::Receiver<BTreeSet<&'static str>> {
        self.failing.subscribe()
    }

    /// Runs until it is told to stop; whatever fails is tried again.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut tasks = JoinSet::new();
        let (writers, measure) = (self.writers.clone(), self.clone());
        for settling in [Settling::Payments, Settling::Refunds] {
            let (payments, stop) = (self.clone(), shutdown.clone());
            tasks.spawn(async move {
                payments.settle(settling, stop).await;
            });
        }
        let (follow, expiry, sales, cascades) = (self.clone(), self.clone(), self.clone(), self);
        let (one, two, three, four) = (shutdown.clone(), shutdown.clone(), shutdown.clone(), shutdown);
        tasks.spawn(async move {
            follow.keep(FOLLOWING, one, async |p, stop| p.follow(stop).await).await;
        });
        tasks.spawn(async move {
            expiry.keep("expiring holds", two, async |p, stop| cut_off(stop, p.expire()).await).await;
        });
        tasks.spawn(async move {
            sales.keep("starting sales", three, async |p, stop| cut_off(stop, p.start_sales()).await).await;
        });
        tasks.spawn(async move {
            cascades.keep("cascading", four, async |p, stop| cut_off(stop, p.cascade()).await).await;
        });
        let measuring = tokio::spawn(async move { measure.measure().await });
        tasks.join_all().await;
        measuring.abort();
        writers.rest().await;
    }

    /// Does a job over and over, until told to stop. A job that is told to stop ends soon.
    async fn keep(
        &self,
        what: &'static str,
        shutdown: CancellationToken,
        job: impl AsyncFn(&Self, &CancellationToken) -> Result<(), ProcessError>,
    ) {
        while !shutdown.is_cancelled() {
            let done = job(self, &shutdown).await;
            self.after(what, done, &shutdown).await;
        }
    }

    /// Says whether a job goes on; one that failed pauses.
    async fn after(&self, what: &'static str, done: Result<(), ProcessError>, shutdown: &CancellationToken) {
        match done {
            Ok(()) => self.goes_on(what),
            Err(error) => {
                self.fails(what, &error);
                shutdown.run_until_cancelled(tokio::time::sleep(RETRY_PAUSE)).await;
            }
        }
    }

    fn goes_on(&self, what: &'static str) {
        self.failing.send_if_modified(|failing| failing.remove(what));
    }

    fn fails(&self, what: &'static str, error: &(dyn Error + 'static)) {
        tracing::error!(error, "{what} failed; trying again");
        self.failing.send_if_modified(|failing| failing.insert(what));
    }
}

/// A job that may end anywhere: it is done again by whoever comes next.
async fn cut_off(
    shutdown: &CancellationToken,
    job: impl Future<Output = Result<(), ProcessError>>,
) -> Result<(), ProcessError> {
    shutdown.run_until_cancelled(job).await.unwrap_or(Ok(()))
}

/// An order of the box office itself.
fn context(process: &str, cause: Option<Uuid>) -> CommandContext {
    let metadata = Metadata {
        actor: Some(process.to_owned()),
        causation_id: cause.map(|cause| cause.to_string()),
        ..Metadata::default()
    };
    CommandContext { metadata, receipt: None }
}
