//! The connection on which a follower deals with its batches.
//!
//! Their commits do not wait for the disk, so a crash of the database takes the last of them back; a follower that lives on
//! would go on behind what is missing. But no connection outlives the server that it leads to. So a follower has one of its
//! own for as long as it knows its place: as long as it has that one, nothing that was committed there is lost; and when
//! it is lost, the follower asks the database again where to begin.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{Connection, Executor, PgConnection, PgPool, Postgres, Transaction};
use tokio::time::timeout;

/// How long a server may take to answer a short question, or to begin or roll back a transaction: longer than a lock is waited
/// for. One that is cut off, or lost its power, never answers, and nothing else would tell.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
/// How long a batch may take: longer than any statement of a running follower may. A rebuild's statements have no limit of
/// their own, and this is theirs.
const BATCH_DEADLINE: Duration = Duration::from_secs(600);

/// A connection outside of any pool.
#[derive(Debug)]
pub struct FollowerConnection(PgConnection);

impl FollowerConnection {
    /// What the follower has to know of its place is to be read on it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn open(pool: &PgPool) -> Result<Self, sqlx::Error> {
        let mut connection = pool.acquire().await?.detach();
        // That there is nothing to roll back is no news.
        answered(connection.execute("set client_min_messages = error")).await?;
        Ok(Self(connection))
    }

    /// Begins a transaction with these statements, the first of which is `begin`.
    ///
    /// # Errors
    /// One of them failed.
    pub async fn begin(&mut self, statements: String) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
        answered(self.0.begin_with(statements)).await
    }

    /// After a failure: whether nothing is lost but the transaction that failed. If not, all is to begin anew.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn after_failure(&mut self) -> Result<(), sqlx::Error> {
        // If it was not the first of its statements that failed, a transaction has begun of which sqlx does not know.
        answered(self.0.execute("rollback")).await.map(drop)
    }

    /// That nothing is lost of what was committed here.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn is_there(&mut self) -> Result<(), sqlx::Error> {
        answered(self.0.ping()).await
    }
}

/// What a server answers to a short question.
///
/// # Errors
/// Its own, or that it does not answer.
pub async fn answered<T>(question: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(ANSWER_DEADLINE, question).await.unwrap_or_else(|_elapsed| Err(no_answer()))
}

/// A whole batch, dealt with. A connection on which one was given up is [asked](FollowerConnection::after_failure) whether it is
/// still there, as after any failure.
///
/// # Errors
/// Its own, or what is made of there being no answer.
pub async fn dealt_with<T, E>(
    batch: impl Future<Output = Result<T, E>>,
    no_answer_means: impl FnOnce(sqlx::Error) -> E,
) -> Result<T, E> {
    timeout(BATCH_DEADLINE, batch).await.unwrap_or_else(|_elapsed| Err(no_answer_means(no_answer())))
}

/// Whether it is an event's fault, so that trying it again leads nowhere: its data (SQLSTATE class 22) or a constraint that it
/// breaks (class 23).
#[must_use]
pub fn blames_the_data(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}

fn no_answer() -> sqlx::Error {
    sqlx::Error::Protocol("the server does not answer".to_owned())
}

impl Deref for FollowerConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for FollowerConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
