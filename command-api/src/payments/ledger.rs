//! What the embedded test gateway remembers, in the write database: it outlives the process, and all roles share it.

use std::error::Error;

use ::payments::{Ledger, LedgerError, LedgerPage};
use async_trait::async_trait;
use sqlx::PgPool;

/// Pages as rows.
#[derive(Debug, Clone)]
pub(super) struct DatabaseLedger(pub(super) PgPool);

#[async_trait]
impl Ledger for DatabaseLedger {
    async fn read(&self, name: &str) -> Result<Option<LedgerPage>, LedgerError> {
        let row: Option<(i32, String)> =
            sqlx::query_as("select version, page from test_gateway_pages where name = $1")
                .bind(name)
                .fetch_optional(&self.0)
                .await
                .map_err(failed)?;
        Ok(row.map(|(version, text)| LedgerPage { version, text }))
    }

    async fn write(&self, name: &str, version: i32, text: &str) -> Result<bool, LedgerError> {
        let written = if version == 0 {
            sqlx::query(
                "insert into test_gateway_pages (name, version, page) values ($1, $2 + 1, $3)
                 on conflict (name) do nothing",
            )
        } else {
            sqlx::query(
                "update test_gateway_pages set version = $2 + 1, page = $3 where name = $1 and version = $2",
            )
        };
        let written = written.bind(name).bind(version).bind(text).execute(&self.0).await.map_err(failed)?;
        Ok(written.rows_affected() > 0)
    }
}

fn failed(error: sqlx::Error) -> LedgerError {
    tracing::error!(error = &error as &dyn Error, "the write database failed");
    LedgerError
}
