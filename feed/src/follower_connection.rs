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

/// How long a server may take to begin a transaction or to end one: longer than a lock is waited for. One that is cut off
/// never answers.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

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
        connection.execute("set client_min_messages = error").await?;
        Ok(Self(connection))
    }

    /// Begins a transaction with these statements, the first of which is `begin`.
    ///
    /// # Errors
    /// One of them failed.
    pub async fn begin(&mut self, statements: String) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
        let begun = timeout(ANSWER_DEADLINE, self.0.begin_with(statements)).await;
        begun.unwrap_or_else(|_elapsed| Err(no_answer()))
    }

    /// After a failure: whether nothing is lost but the transaction that failed. If not, all is to begin anew.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn after_failure(&mut self) -> Result<(), sqlx::Error> {
        // If it was not the first of its statements that failed, a transaction has begun of which sqlx does not know.
        let answered = timeout(ANSWER_DEADLINE, self.0.execute("rollback")).await;
        answered.map_err(|_elapsed| no_answer())?.map(drop)
    }

    /// That nothing is lost of what was committed here.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn is_there(&mut self) -> Result<(), sqlx::Error> {
        timeout(ANSWER_DEADLINE, self.0.ping()).await.map_err(|_elapsed| no_answer())?
    }
}

fn no_answer() -> sqlx::Error {
    sqlx::Error::Protocol(format!("the server has not answered for {ANSWER_DEADLINE:?}"))
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
