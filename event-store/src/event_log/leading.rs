//! Who may write the event log: one relay, for as long as it keeps its lease. Its epoch goes up with every taking over,
//! and each of its writes checks it.

use std::time::Duration;

use sqlx::postgres::PgQueryResult;

use crate::{
    EventStore,
    silence::{ANSWER_DEADLINE, answered},
};

/// A leader's right to write the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(pub(super) i64);

impl Epoch {
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn of_number(number: i64) -> Self {
        Self(number)
    }

    /// Counted from 1.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl EventStore {
    /// Takes the lead if nobody has a valid lease. Every taking over has a higher epoch.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn try_lead(&self, holder: &str, lease: Duration) -> Result<Option<Epoch>, sqlx::Error> {
        let lead = sqlx::query_scalar(
            "update relay_leader
             set epoch = epoch + 1, holder = $1, lease_until = clock_timestamp() + make_interval(secs => $2)
             where lease_until < clock_timestamp()
             returning epoch",
        )
        .bind(holder)
        .bind(lease.as_secs_f64());
        let epoch: Result<Option<i64>, sqlx::Error> =
            answered!(self.pool(), ANSWER_DEADLINE, |connection| lead.fetch_optional(connection));
        Ok(epoch?.map(Epoch))
    }

    /// Keeps the lead; false when it is lost.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn renew_lead(&self, epoch: Epoch, lease: Duration) -> Result<bool, sqlx::Error> {
        #[cfg(feature = "planted-bugs")]
        let epoch = crate::planted_bugs::unchecked(self, epoch).await?;
        let renew = sqlx::query(
            "update relay_leader set lease_until = clock_timestamp() + make_interval(secs => $2) where epoch = $1",
        )
        .bind(epoch.0)
        .bind(lease.as_secs_f64());
        let renewed: Result<PgQueryResult, sqlx::Error> =
            answered!(self.pool(), ANSWER_DEADLINE, |connection| renew.execute(connection));
        Ok(renewed?.rows_affected() == 1)
    }

    /// Gives the lead up, so that another need not wait for the lease to end.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn resign(&self, epoch: Epoch) -> Result<(), sqlx::Error> {
        sqlx::query("update relay_leader set lease_until = '-infinity' where epoch = $1")
            .bind(epoch.0)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// How far Kafka has confirmed the event log.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn published_position(&self) -> Result<i64, sqlx::Error> {
        let mark = sqlx::query_scalar("select published_position from relay_leader");
        answered!(self.pool(), ANSWER_DEADLINE, |connection| mark.fetch_one(connection))
    }

    /// Moves the mark of what Kafka has confirmed; false when the lead is lost.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn set_published_position(&self, epoch: Epoch, position: i64) -> Result<bool, sqlx::Error> {
        #[cfg(feature = "planted-bugs")]
        let epoch = crate::planted_bugs::unchecked(self, epoch).await?;
        let move_mark = sqlx::query("update relay_leader set published_position = $2 where epoch = $1")
            .bind(epoch.0)
            .bind(position);
        let moved: Result<PgQueryResult, sqlx::Error> =
            answered!(self.pool(), ANSWER_DEADLINE, |connection| move_mark.execute(connection));
        Ok(moved?.rows_affected() == 1)
    }
}
