//! One writer for each show that is being booked: everybody who wants tickets of it queues here, and is decided on in
//! batches, against the state in memory.
//!
//! The writer is only the speed. What keeps a show from being oversold is the expected sequence that every append
//! checks (see `show_batch`), so any number of processes may have a writer of the same show.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{
    BookingId, ShowId, UserId,
    booking::{BookingError, PlacedBooking},
    show::ShowError,
};
use event_store::{CommandContext, EventStore, StreamPosition};
use tokio::sync::{mpsc, oneshot};

use crate::show_batch::ShowWriter;

/// Most orders that wait for one show; more are told to come back.
const MAX_WAITING: usize = 4_096;
/// Most shows that have a writer at the same time.
const MAX_WRITERS: usize = 10_000;
/// Most orders that are decided together.
const MAX_BATCH: usize = 256;
/// A writer that nobody needed for so long leaves memory.
const IDLE: Duration = Duration::from_secs(60);

/// What somebody wants of a show.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TicketOrder {
    /// One ticket, in a new booking.
    Book { booking_id: BookingId, attendee_id: UserId },
    /// The end of a booking.
    Cancel { booking_id: BookingId },
}

/// What an order led to.
#[derive(Debug, Clone)]
pub(crate) struct Booked {
    pub(crate) booking: PlacedBooking,
    /// The place of the booking's stream.
    pub(crate) version: i64,
    /// What is to be awaited by a reader.
    pub(crate) written: Vec<StreamPosition>,
}

/// Why an order led to nothing.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum TicketsError {
    /// The show refuses.
    #[error("the show refuses")]
    Show(#[from] ShowError),
    /// The booking refuses.
    #[error("the booking refuses")]
    Booking(#[from] BookingError),
    /// Too many wait already.
    #[error("too many orders are waiting")]
    Busy,
    /// The database failed; the order may have taken effect.
    #[error("the write database failed")]
    Unavailable,
    /// Another process has dealt with the same command meanwhile.
    #[error("the command took effect elsewhere")]
    Repeated,
}

pub(crate) type Reply = Result<Booked, TicketsError>;

/// An order in the mailbox of a writer.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) order: TicketOrder,
    pub(crate) context: CommandContext,
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// The writers of this process.
#[derive(Debug, Clone)]
pub(crate) struct ShowWriters {
    store: EventStore,
    mailboxes: Arc<Mutex<HashMap<ShowId, mpsc::Sender<Waiting>>>>,
}

impl ShowWriters {
    pub(crate) fn new(store: EventStore) -> Self {
        Self { store, mailboxes: Arc::default() }
    }

    /// Puts an order into the show's mailbox and waits for what becomes of it. The answer rests on committed state.
    pub(crate) async fn submit(&self, show_id: ShowId, order: TicketOrder, context: CommandContext) -> Reply {
        let (reply, answer) = oneshot::channel();
        let mut waiting = Waiting { order, context, reply };
        loop {
            let mailbox = self.mailbox(show_id)?;
            match mailbox.try_send(waiting) {
                Ok(()) => break,
                Err(mpsc::error::TrySendError::Full(_)) => return Err(TicketsError::Busy),
                // The writer has just gone to rest: a new one takes over.
                Err(mpsc::error::TrySendError::Closed(back)) => waiting = back,
            }
        }
        answer.await.unwrap_or(Err(TicketsError::Unavailable))
    }

    fn mailbox(&self, show_id: ShowId) -> Result<mpsc::Sender<Waiting>, TicketsError> {
        let mut mailboxes = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mailbox) = mailboxes.get(&show_id).filter(|mailbox| !mailbox.is_closed()) {
            return Ok(mailbox.clone());
        }
        if mailboxes.len() >= MAX_WRITERS {
            return Err(TicketsError::Busy);
        }
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        mailboxes.insert(show_id, sender.clone());
        tokio::spawn(self.clone().run(show_id, receiver));
        Ok(sender)
    }

    async fn run(self, show_id: ShowId, mut mailbox: mpsc::Receiver<Waiting>) {
        let mut writer = ShowWriter::new(self.store.clone(), show_id);
        let mut batch = Vec::new();
        loop {
            let taken = tokio::time::timeout(IDLE, mailbox.recv_many(&mut batch, MAX_BATCH)).await;
            if taken.is_err() || batch.is_empty() {
                break;
            }
            writer.deal_with(std::mem::take(&mut batch)).await;
            if writer.knows_no_show() {
                break;
            }
        }
        self.retire(show_id, mailbox, writer).await;
    }

    /// Closes the mailbox, so that nobody else puts an order in, and deals with what is in it.
    async fn retire(&self, show_id: ShowId, mut mailbox: mpsc::Receiver<Waiting>, mut writer: ShowWriter) {
        mailbox.close();
        let mut rest = Vec::new();
        while let Ok(waiting) = mailbox.try_recv() {
            rest.push(waiting);
        }
        if !rest.is_empty() {
            writer.deal_with(rest).await;
        }
        let mut mailboxes = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if mailboxes.get(&show_id).is_some_and(mpsc::Sender::is_closed) {
            mailboxes.remove(&show_id);
        }
    }
}
