//! Puts what the writers of different shows decided into one transaction, where they meet.
//!
//! A commit waits for the disk, whether it is for one row or for hundreds, and a statement costs as much. So while appends
//! are under way, others gather, and go together; not for long, if the disk is slow. Strangers do not fail with each
//! other: who is at fault is taken out, and the others are appended without them; when nobody knows who is, each is
//! appended alone. So it is when one of them waits for a lock in vain: whoever went with it is held up by that, each time
//! for the pool's `lock_timeout` at most; whoever comes later for another show is not, as long as a lane is free.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use domain::UserId;
use event_store::{Append, AppendError, CommandId, EventStore, StreamId};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    time::timeout,
};
use uuid::Uuid;

/// Most transactions at the same time. More would make each of them smaller.
const LANES: usize = 3;
/// How long appends gather while others are under way.
const GATHER: Duration = Duration::from_millis(2);
/// Most appends that go together; each is of one show, and of as many orders as its writer decides together.
const MAX_TOGETHER: usize = 128;
/// Most appends that wait; their writers wait with them.
const MAX_WAITING: usize = 1_024;

/// The way of this process to the event store, for writers of shows.
#[derive(Debug, Clone)]
pub(crate) struct Appends(mpsc::Sender<Waiting>);

/// What one writer wants to append, all or nothing.
#[derive(Debug)]
struct Waiting {
    appends: Vec<Append>,
    /// Whose accounts must exist.
    actors: Vec<UserId>,
    reply: oneshot::Sender<Result<(), AppendError>>,
}

impl Appends {
    /// Must be called inside a Tokio runtime.
    pub(crate) fn to(store: &EventStore) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let (receiver, turn) = (Arc::new(Mutex::new(receiver)), Arc::default());
        for _ in 0..LANES {
            tokio::spawn(run(store.clone(), Arc::clone(&receiver), Arc::clone(&turn)));
        }
        Self(sender)
    }

    /// Appends all of it, if the accounts exist.
    ///
    /// # Errors
    /// See [`AppendError`]; what it says of commands and accounts is about these.
    pub(crate) async fn append(&self, appends: Vec<Append>, actors: Vec<UserId>) -> Result<(), AppendError> {
        let (reply, done) = oneshot::channel();
        self.0.send(Waiting { appends, actors, reply }).await.map_err(|_| failed())?;
        done.await.unwrap_or_else(|_| Err(failed()))
    }
}

/// Who has the turn keeps it until its append has ended. Whoever waits for it in vain goes without it.
async fn run(store: EventStore, receiver: Arc<Mutex<mpsc::Receiver<Waiting>>>, turn: Arc<Mutex<()>>) {
    loop {
        let mut together = Vec::new();
        let mut receiver = receiver.lock().await;
        if receiver.recv_many(&mut together, MAX_TOGETHER).await == 0 {
            return;
        }
        let turn = timeout(GATHER, turn.lock()).await.ok();
        while together.len() < MAX_TOGETHER
            && let Ok(waiting) = receiver.try_recv()
        {
            together.push(waiting);
        }
        drop(receiver);
        append(&store, together).await;
        drop(turn);
    }
}

async fn append(store: &EventStore, together: Vec<Waiting>) {
    // Each round has fewer: who is at fault, and who fails alone, is answered.
    let mut rounds = vec![(together, IsAgain(false))];
    while let Some((mut together, IsAgain(is_again))) = rounds.pop() {
        let appends: Vec<&Append> = together.iter().flat_map(|waiting| &waiting.appends).collect();
        let actors: Vec<Uuid> = together.iter().flat_map(|w| &w.actors).map(|actor| actor.uuid()).collect();
        let Err(error) = store.append_at_once(&appends, &actors).await else {
            together.into_iter().for_each(|waiting| waiting.answer(Ok(())));
            continue;
        };
        if together.len() == 1 {
            together.remove(0).answer(Err(error));
            continue;
        }
        if !is_refused_by_the_database(&error) {
            take_out(&mut together, &error);
        }
        if is_again || is_refused_by_the_database(&error) {
            rounds.extend(together.into_iter().map(|waiting| (vec![waiting], IsAgain(true))));
        } else if !together.is_empty() {
            rounds.push((together, IsAgain(true)));
        }
    }
}

/// Whether these have been tried with others before; a second time is enough.
struct IsAgain(bool);

/// The database has answered, so nothing was appended; nobody knows whose fault it was.
fn is_refused_by_the_database(error: &AppendError) -> bool {
    matches!(error, AppendError::Database(error) if error.as_database_error().is_some())
}

/// Answers those at fault and takes them out; everybody, if the connection is gone.
fn take_out(together: &mut Vec<Waiting>, error: &AppendError) {
    for waiting in together.extract_if(.., |waiting| waiting.share_of(error).is_some()) {
        let share = waiting.share_of(error).unwrap_or_else(failed);
        waiting.answer(Err(share));
    }
}

impl Waiting {
    fn answer(self, result: Result<(), AppendError>) {
        // A writer that is gone needs no answer; the next one reads what is stored.
        let _ = self.reply.send(result);
    }

    /// What of the error is about these orders; nothing if they are strangers to it.
    fn share_of(&self, error: &AppendError) -> Option<AppendError> {
        match error {
            AppendError::Conflict { stream } => {
                let is_theirs = stream.as_ref().is_none_or(|stream| self.writes_to(stream));
                is_theirs.then(|| AppendError::Conflict { stream: stream.clone() })
            }
            AppendError::Repeated(ids) => {
                let repeated: BTreeSet<_> = self.receipts().filter(|id| ids.contains(id)).collect();
                (!repeated.is_empty()).then_some(AppendError::Repeated(repeated))
            }
            AppendError::Gone(accounts) => {
                let actors = self.actors.iter().map(|actor| actor.uuid());
                let gone: BTreeSet<_> = actors.filter(|id| accounts.contains(id)).collect();
                (!gone.is_empty()).then_some(AppendError::Gone(gone))
            }
            // Nobody claims anything here.
            AppendError::Claimed(what) => Some(AppendError::Claimed(what)),
            AppendError::Database(_) => Some(failed()),
        }
    }

    fn receipts(&self) -> impl Iterator<Item = CommandId> {
        self.appends.iter().filter_map(|append| append.receipt.as_ref()).map(|receipt| receipt.command_id)
    }

    fn writes_to(&self, stream: &StreamId) -> bool {
        self.appends.iter().flat_map(|append| &append.streams).any(|append| append.stream == *stream)
    }
}

/// For those whose append went with others when the connection broke.
fn failed() -> AppendError {
    AppendError::Database(sqlx::Error::Protocol(
        "the connection broke while several shows were appended to".into(),
    ))
}

#[cfg(test)]
mod tests;
