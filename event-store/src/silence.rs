//! A database server that falls silent: cut off, or without power, it never answers, and nothing else would tell. Whoever
//! holds others up while it waits gives it up after a while, and the connection with it: in the pool it would keep its place
//! for as long.

use std::{io, time::Duration};

use sqlx::{Postgres, pool::PoolConnection};

/// How long an answer may take: longer than a statement of those who write may.
pub(crate) const ANSWER_DEADLINE: Duration = Duration::from_secs(75);
/// The same for a page of the event log, which a rebuild reads with statements that may take their time.
pub(crate) const PAGE_DEADLINE: Duration = Duration::from_secs(300);

/// Closes a connection on which no answer came, without a word to the server.
pub(crate) fn given_up(connection: PoolConnection<Postgres>) -> sqlx::Error {
    drop(connection.detach());
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the database server does not answer"))
}

/// What comes of asking on a connection of the pool, before a deadline.
macro_rules! answered {
    ($pool:expr, $deadline:expr, |$connection:ident| $asked:expr) => {{
        let mut lent = $pool.acquire().await?;
        let $connection = &mut *lent;
        let answer = tokio::time::timeout($deadline, $asked).await;
        match answer {
            Ok(answer) => answer,
            Err(_elapsed) => Err($crate::silence::given_up(lent).into()),
        }
    }};
}
pub(crate) use answered;
