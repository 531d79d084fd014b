//! Idempotency keys: a request that is repeated with its key gets the first success again.
//!
//! The receipt is written in the transaction of the append, so that neither can be there without the other. A repeated
//! request that comes while the first is under way waits for it: in this process on a lock, across processes on the
//! receipt's primary key.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use axum::response::Response;
use chrono::TimeDelta;
use event_store::{CommandId, NewReceipt, Receipt};
use platform::{Problem, http::IdempotencyKey};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::{CommandApi, refusals};

/// How long an answer is kept.
const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// How long a repeated request waits for the first one.
const WAIT: Duration = Duration::from_secs(5);

/// Who asks, and for what: keys of different callers and routes never meet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The caller's id, or `anonymous`.
    pub(crate) caller: &'a str,
    /// Method and path.
    pub(crate) route: &'a str,
}

/// Why a command gave no answer of its own.
pub(crate) enum NotDone {
    /// It was refused, or failed.
    Problem(Problem),
    /// The same command took effect meanwhile, elsewhere.
    Repeated,
}

impl From<Problem> for NotDone {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// The requests with a key that this process is dealing with.
#[derive(Debug, Default)]
pub(crate) struct InProgress(Mutex<HashMap<CommandId, Weak<AsyncMutex<()>>>>);

/// So many dead entries are swept at once, now and then.
const SWEEP_AT: usize = 1_024;

impl InProgress {
    /// While the turn is held, requests with the same key wait.
    async fn turn(&self, command_id: CommandId) -> Result<OwnedMutexGuard<()>, Problem> {
        let lock = self.lock_of(command_id);
        let turn = tokio::time::timeout(WAIT, lock.lock_owned()).await;
        turn.map_err(|_| refusals::request_in_progress())
    }

    fn lock_of(&self, command_id: CommandId) -> Arc<AsyncMutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if locks.len() >= SWEEP_AT && locks.len().is_power_of_two() {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        if let Some(lock) = locks.get(&command_id).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::new(AsyncMutex::new(()));
        locks.insert(command_id, Arc::downgrade(&lock));
        lock
    }
}

impl CommandApi {
    /// Runs `first`, which appends with the receipt it is given; or answers with `again` from the receipt of an earlier
    /// success. Without a key it just runs.
    ///
    /// # Errors
    /// What `first` or `again` say; 422 `idempotency-key-reused`; 409 `request-in-progress`; or the database failed.
    pub(crate) async fn once<First, Again>(
        &self,
        scope: Scope<'_>,
        key: Option<&IdempotencyKey>,
        body: &[u8],
        first: impl FnOnce(Option<NewReceipt>) -> First,
        again: impl FnOnce(Receipt) -> Again,
    ) -> Result<Response, Problem>
    where
        First: Future<Output = Result<Response, NotDone>>,
        Again: Future<Output = Result<Response, Problem>>,
    {
        let Some(key) = key else { return first(None).await.map_err(NotDone::without_receipt) };
        let new = self.receipt_of(scope, key, body);
        let _turn = self.in_progress.turn(new.command_id).await?;
        if let Some(receipt) = self.earlier(&new).await? {
            return again(receipt).await;
        }
        match first(Some(new.clone())).await {
            Err(NotDone::Repeated) => match self.earlier(&new).await? {
                Some(receipt) => again(receipt).await,
                None => Err(refusals::request_in_progress()),
            },
            // The refusal may rest on what the same request did elsewhere, or before its client hung up.
            Err(NotDone::Problem(problem)) => match self.earlier(&new).await? {
                Some(receipt) => again(receipt).await,
                None => Err(problem),
            },
            Ok(response) => Ok(response),
        }
    }

    /// The receipt of an earlier success of the same request.
    ///
    /// # Errors
    /// 422 `idempotency-key-reused`; or the database failed.
    pub(crate) async fn receipt_before(
        &self,
        scope: Scope<'_>,
        key: &IdempotencyKey,
        body: &[u8],
    ) -> Result<Option<Receipt>, Problem> {
        self.earlier(&self.receipt_of(scope, key, body)).await
    }

    fn receipt_of(&self, scope: Scope<'_>, key: &IdempotencyKey, body: &[u8]) -> NewReceipt {
        let master_key = self.store.master_key();
        let identity = format!("{}\n{}\n{}", scope.caller, scope.route, key.as_str());
        NewReceipt {
            command_id: CommandId(master_key.hash("command id", identity.as_bytes())),
            body_hash: master_key.hash("request body", body),
            lifetime: Some(LIFETIME),
        }
    }

    async fn earlier(&self, new: &NewReceipt) -> Result<Option<Receipt>, Problem> {
        let receipt = self.store.receipt(new.command_id).await;
        match receipt.map_err(|error| refusals::database(&error))? {
            Some(receipt) if receipt.body_hash != new.body_hash => Err(refusals::idempotency_key_reused()),
            receipt => Ok(receipt),
        }
    }
}

impl NotDone {
    /// For commands that have no id, and so cannot be repeated.
    pub(crate) fn without_receipt(self) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::Repeated => refusals::request_in_progress(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lasts as long as the wait: 5 seconds.
    #[tokio::test]
    async fn a_repetition_waits_for_the_first_request_and_is_told_when_that_takes_too_long() {
        let in_progress = InProgress::default();
        let (one, other) = (CommandId([1; 32]), CommandId([2; 32]));
        let first = in_progress.turn(one).await.unwrap();
        in_progress.turn(other).await.unwrap();
        let (refused, waited) = tokio::join!(in_progress.turn(one), async {
            let started = std::time::Instant::now();
            let refused = in_progress.turn(one).await.map(drop);
            (refused, started.elapsed())
        });
        for problem in [refused.map(drop).unwrap_err(), waited.0.unwrap_err()] {
            assert_eq!((problem.status().as_u16(), problem.code()), (409, "request-in-progress"));
        }
        assert!(waited.1 >= WAIT);
        let (next, ()) = tokio::join!(in_progress.turn(one), async { drop(first) });
        next.unwrap();
    }
}
