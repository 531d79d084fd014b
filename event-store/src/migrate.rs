//! The tables of the write database, embedded in the binary.

use std::{borrow::Cow, sync::LazyLock};

use sqlx::migrate::{Migration, MigrationType, Migrator};

const FILES: [(i64, &str, &str); 12] = [
    (1, "event store", include_str!("../../migrations/write/0001_event_store.sql")),
    (2, "accounts", include_str!("../../migrations/write/0002_accounts.sql")),
    (3, "sessions", include_str!("../../migrations/write/0003_sessions.sql")),
    (4, "processes", include_str!("../../migrations/write/0004_processes.sql")),
    (5, "snapshots", include_str!("../../migrations/write/0005_snapshots.sql")),
    (6, "sale starts", include_str!("../../migrations/write/0006_sale_starts.sql")),
    (7, "append at once", include_str!("../../migrations/write/0007_append_at_once.sql")),
    (8, "number events", include_str!("../../migrations/write/0008_number_events.sql")),
    (9, "payments", include_str!("../../migrations/write/0009_payments.sql")),
    (10, "upkeep", include_str!("../../migrations/write/0010_upkeep.sql")),
    (
        11,
        "number events in one step",
        include_str!("../../migrations/write/0011_number_events_in_one_step.sql"),
    ),
    (12, "events by position", include_str!("../../migrations/write/0012_events_by_position.sql")),
];

pub(crate) static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let migrations = FILES.map(|(version, description, sql)| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into(), false)
    });
    Migrator { migrations: Cow::Owned(migrations.into()), ..Migrator::DEFAULT }
});
