//! One writer for each show that is in use: everybody who wants something of it queues here, and is decided on in
//! batches, against the state in memory.
//!
//! The writer is only the speed. What keeps a show from being oversold is the expected sequence that every append
//! checks (see `show_batch`), so any number of processes may have a writer of the same show.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{ShowId, UserId};
use event_store::{CommandContext, EventStore};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::{
    appends::Appends,
    show_batch::ShowWriter,
    show_orders::{Done, OrderError, ShowOrder},
};

/// Most orders that wait for one show; more are told to come back.
const MAX_WAITING: usize = 4_096;
/// Most shows that have a writer at the same time.
const MAX_WRITERS: usize = 10_000;
/// Most orders that are decided together.
const MAX_BATCH: usize = 256;
/// A writer that nobody needed for so long leaves memory.
const IDLE: Duration = Duration::from_secs(60);
/// Most bookings and blocks of seats that the writers together keep in memory, of some 250 bytes each. Beyond, and where more than
/// half of the writers are there, they leave it sooner.
const MAX_IN_MEMORY: usize = 500_000;
const IDLE_BEYOND: Duration = Duration::from_secs(1);
/// Longest wait for the writers at the end of the process.
const REST: Duration = Duration::from_secs(5);

pub(crate) type Reply = Result<Done, OrderError>;

/// An order in the mailbox of a writer.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) order: ShowOrder,
    /// Whose account must exist for it.
    pub(crate) actor: Option<UserId>,
    pub(crate) context: CommandContext,
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// The writers of this process.
#[derive(Debug, Clone)]
pub struct ShowWriters {
    store: EventStore,
    appends: Appends,
    mailboxes: Arc<Mutex<HashMap<ShowId, mpsc::Sender<Waiting>>>>,
    /// How many bookings and blocks of seats the writers keep in memory.
    in_memory: Arc<AtomicUsize>,
    tasks: TaskTracker,
}

impl ShowWriters {
    /// No writer yet; they come with the orders. Must be called inside a Tokio runtime.
    #[must_use]
    pub fn new(store: EventStore) -> Self {
        let appends = Appends::to(&store);
        Self {
            store,
            appends,
            mailboxes: Arc::default(),
            in_memory: Arc::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Puts an order into the show's mailbox and waits for what becomes of it. The answer rests on committed state.
    /// `actor` is who orders, if it is a person: their account must exist when the append commits.
    ///
    /// # Errors
    /// See [`OrderError`].
    pub async fn submit(
        &self,
        show_id: ShowId,
        order: ShowOrder,
        actor: Option<UserId>,
        context: CommandContext,
    ) -> Result<Done, OrderError> {
        let (reply, answer) = oneshot::channel();
        let mut waiting = Waiting { order, actor, context, reply };
        loop {
            let mailbox = self.mailbox(show_id)?;
            match mailbox.try_send(waiting) {
                Ok(()) => break,
                Err(mpsc::error::TrySendError::Full(_)) => return Err(OrderError::Busy),
                // The writer has just gone to rest: a new one takes over.
                Err(mpsc::error::TrySendError::Closed(back)) => waiting = back,
            }
        }
        answer.await.unwrap_or(Err(OrderError::Unavailable))
    }

    /// Lets every writer deal with what it has and go to rest, so that the next process begins where this one ended.
    pub async fn rest(&self) {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.tasks.close();
        if tokio::time::timeout(REST, self.tasks.wait()).await.is_err() {
            tracing::warn!(writers = self.tasks.len(), "writers of shows were still busy at the end");
        }
    }

    fn mailbox(&self, show_id: ShowId) -> Result<mpsc::Sender<Waiting>, OrderError> {
        let mut mailboxes = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mailbox) = mailboxes.get(&show_id).filter(|mailbox| !mailbox.is_closed()) {
            return Ok(mailbox.clone());
        }
        if mailboxes.len() >= MAX_WRITERS {
            return Err(OrderError::Busy);
        }
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        mailboxes.insert(show_id, sender.clone());
        self.tasks.spawn(self.clone().run(show_id, receiver));
        Ok(sender)
    }

    async fn run(self, show_id: ShowId, mut mailbox: mpsc::Receiver<Waiting>) {
        let mut writer = ShowWriter::new(self.store.clone(), self.appends.clone(), show_id);
        let mut batch = Vec::new();
        let mut in_memory = 0;
        loop {
            let is_crowded =
                self.in_memory.load(Ordering::Relaxed) > MAX_IN_MEMORY || self.tasks.len() > MAX_WRITERS / 2;
            let idle = if is_crowded { IDLE_BEYOND } else { IDLE };
            let taken = tokio::time::timeout(idle, mailbox.recv_many(&mut batch, MAX_BATCH)).await;
            if taken.is_err() || batch.is_empty() {
                break;
            }
            let mut ended_well = true;
            for round in rounds(std::mem::take(&mut batch)) {
                ended_well &= writer.deal_with(round).await;
            }
            let before = std::mem::replace(&mut in_memory, writer.in_memory());
            self.in_memory.fetch_add(in_memory.wrapping_sub(before), Ordering::Relaxed);
            if ended_well && writer.knows_no_show() {
                break;
            }
        }
        self.retire(show_id, mailbox, writer).await;
        self.in_memory.fetch_sub(in_memory, Ordering::Relaxed);
    }

    /// Closes the mailbox, so that nobody else puts an order in, and deals with what is in it.
    async fn retire(&self, show_id: ShowId, mut mailbox: mpsc::Receiver<Waiting>, mut writer: ShowWriter) {
        mailbox.close();
        let mut rest: Vec<Waiting> = std::iter::from_fn(|| mailbox.try_recv().ok()).collect();
        while !rest.is_empty() {
            for round in rounds(rest.drain(..rest.len().min(MAX_BATCH)).collect()) {
                writer.deal_with(round).await;
            }
        }
        writer.rest().await;
        let mut mailboxes = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if mailboxes.get(&show_id).is_some_and(mpsc::Sender::is_closed) {
            mailboxes.remove(&show_id);
        }
    }
}

/// Orders about one booking go one after the other where one of them is a step of paying: it is decided on what the
/// booking is before the batch. Everything else is one round.
fn rounds(batch: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    let is_paid = |waiting: &Waiting| matches!(waiting.order, ShowOrder::Pay { .. });
    if !batch.iter().any(is_paid) {
        return vec![batch];
    }
    let mut rounds = vec![vec![]];
    let mut named = HashSet::new();
    for waiting in batch {
        let is_new = waiting.order.booking().is_none_or(|booking_id| named.insert(booking_id));
        if !is_new {
            rounds.push(vec![]);
            named = waiting.order.booking().into_iter().collect();
        }
        if let Some(round) = rounds.last_mut() {
            round.push(waiting);
        }
    }
    rounds
}
