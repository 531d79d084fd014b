//! The tables of the read database, embedded in the binary. They live in a schema of their own, so that one database
//! can serve both sides.

use std::{borrow::Cow, sync::LazyLock};

use sqlx::{
    PgPool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

/// The schema; pools on the read database have it as their `search_path`.
pub const READ_SCHEMA: &str = "read_model";

const FILES: [(i64, &str, &str); 4] = [
    (1, "read models", include_str!("../../migrations/read/0001_read_models.sql")),
    (2, "users", include_str!("../../migrations/read/0002_users.sql")),
    (3, "notifications", include_str!("../../migrations/read/0003_notifications.sql")),
    (6, "payments", include_str!("../../migrations/read/0006_payments.sql")),
];

static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let migrations = FILES.map(|(version, description, sql)| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into(), false)
    });
    Migrator { migrations: Cow::Owned(migrations.into()), ..Migrator::DEFAULT }
});

/// Creates or updates the read models' tables. The pool's `search_path` must be [`READ_SCHEMA`].
///
/// # Errors
/// A migration failed, or one that was applied has changed since.
pub async fn migrate(read: &PgPool) -> Result<(), MigrateError> {
    sqlx::query("create schema if not exists read_model").execute(read).await?;
    MIGRATOR.run(read).await
}
