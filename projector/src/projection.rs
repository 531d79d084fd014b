//! What a read model is made of.

use async_trait::async_trait;
use event_store::StoredEvent;
use sqlx::PgConnection;

/// Turns events into rows. Applies nothing twice and assumes no order between streams; both are seen to by the caller.
#[async_trait]
pub trait Projection: Send + Sync {
    /// Its name, on the command line and in `projections`.
    fn name(&self) -> &'static str;

    /// The types of stream that it follows.
    fn stream_types(&self) -> &'static [&'static str];

    /// Whether what it makes of one stream depends on rows that it made of others. Then its batches are applied one at a
    /// time, whichever process has them: of two that do not see each other's rows, neither would make what both lead to.
    fn joins_streams(&self) -> bool {
        false
    }

    /// Its tables, `applied` among them.
    fn tables(&self) -> &'static [&'static str];

    /// The schema in which its tables grow during a rebuild.
    fn rebuild_schema(&self) -> &'static str;

    /// The statements on its `<name>_applied` table.
    fn applied(&self) -> &'static AppliedSql;

    /// Applies events, each the next of its stream: folds them into rows, and writes those in a few statements. The rows
    /// are the same however the events are cut into batches.
    ///
    /// # Errors
    /// An event cannot be understood, or the database failed.
    async fn apply_in_tx(&self, tx: &mut PgConnection, events: &[StoredEvent]) -> Result<(), ApplyError>;

    /// Takes out of the rows what must not wait until somebody has looked at what is parked: this event is, of a stream
    /// whose earlier ones may be, too. It is applied later all the same.
    ///
    /// # Errors
    /// The database failed.
    async fn forget_parked_in_tx(
        &self,
        _tx: &mut PgConnection,
        _event: &StoredEvent,
    ) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

/// Why an event was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It does not have the shape its type promises.
    #[error("the event cannot be understood")]
    Malformed(#[from] serde_json::Error),
    /// The database refused its rows, or failed.
    #[error("the read database failed")]
    Database(#[from] sqlx::Error),
}

impl ApplyError {
    /// What an operator reads of it. Never a value of the event: some are personal data, and open here.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Malformed(error) => format!("{self}, at column {} of its payload", error.column()),
            Self::Database(error) => {
                let refused = error.as_database_error().map(|refused| {
                    let constraint = refused.constraint().map(|name| format!(", constraint {name}"));
                    let code = refused.code().unwrap_or_default();
                    format!(
                        "the read database refuses its rows: SQLSTATE {code}{}",
                        constraint.unwrap_or_default()
                    )
                });
                refused.unwrap_or_else(|| self.to_string())
            }
        }
    }

    /// Whether it is the event's fault, so that trying again leads nowhere: its shape, or what the database says of its data.
    #[must_use]
    pub fn is_poison(&self) -> bool {
        match self {
            Self::Malformed(_) => true,
            Self::Database(error) => feed::blames_the_data(error),
        }
    }
}

/// The statements on a projection's `<name>_applied` table. They take streams in one order.
#[derive(Debug)]
pub struct AppliedSql {
    /// Reads and locks the rows of some streams.
    pub(crate) lock: &'static str,
    /// Makes the rows of new streams; fails if somebody else has.
    pub(crate) begin: &'static str,
    /// Writes the rows of streams that have some.
    pub(crate) put: &'static str,
}

macro_rules! applied_sql {
    ($table:literal) => {
        $crate::projection::AppliedSql {
            lock: concat!(
                "select applied.*
                 from unnest($1::text[], $2::text[]) as stream (type, id)
                 cross join lateral (
                     select stream_type, stream_id, sequence from ",
                $table,
                "
                     where stream_type = stream.type and stream_id = stream.id for update
                 ) applied"
            ),
            begin: concat!(
                "insert into ",
                $table,
                " (stream_type, stream_id, sequence)
                 select * from unnest($1::text[], $2::text[], $3::bigint[])"
            ),
            put: concat!(
                "insert into ",
                $table,
                " (stream_type, stream_id, sequence)
                 select * from unnest($1::text[], $2::text[], $3::bigint[])
                 on conflict (stream_type, stream_id) do update set sequence = excluded.sequence"
            ),
        }
    };
}
pub(crate) use applied_sql;

/// One column of some rows, for `unnest`.
pub(crate) fn column<'a, R: 'a, T>(rows: impl IntoIterator<Item = &'a R>, of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.into_iter().map(of).collect()
}
