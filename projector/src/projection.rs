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

    /// Applies one event, the next of its stream.
    ///
    /// # Errors
    /// The event cannot be understood, or the database failed.
    async fn apply_in_tx(&self, tx: &mut PgConnection, event: &StoredEvent) -> Result<(), ApplyError>;
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

    /// Whether it is the event's fault, so that trying again leads nowhere: its shape, its data (SQLSTATE class 22) or
    /// a constraint that it breaks (class 23).
    #[must_use]
    pub fn is_poison(&self) -> bool {
        match self {
            Self::Malformed(_) => true,
            Self::Database(error) => {
                let code = error.as_database_error().and_then(|e| e.code());
                code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
            }
        }
    }
}

/// The statements on a projection's `<name>_applied` table.
#[derive(Debug)]
pub struct AppliedSql {
    /// Makes rows for new streams.
    pub(crate) insert: &'static str,
    /// Reads and locks the rows of some streams.
    pub(crate) lock: &'static str,
    /// Moves them on.
    pub(crate) update: &'static str,
}

macro_rules! applied_sql {
    ($table:literal) => {
        $crate::projection::AppliedSql {
            insert: concat!(
                "insert into ", $table, " (stream_type, stream_id, sequence)
                 select type, id, 0 from unnest($1::text[], $2::text[]) as stream (type, id) order by type, id
                 on conflict do nothing"
            ),
            lock: concat!(
                "select stream_type, stream_id, sequence from ", $table, "
                 where (stream_type, stream_id) in (select * from unnest($1::text[], $2::text[]))
                 order by stream_type, stream_id for update"
            ),
            update: concat!(
                "update ", $table, " set sequence = moved.sequence
                 from unnest($1::text[], $2::text[], $3::bigint[]) as moved (type, id, sequence)
                 where stream_type = moved.type and stream_id = moved.id"
            ),
        }
    };
}
pub(crate) use applied_sql;
