//! I5 for what is not folded here: a rebuild of each projection from the event log gives the rows that are there.

use std::collections::BTreeSet;

use anyhow::Result;
use sqlx::PgPool;

use crate::{check::Findings, cluster::Cluster, projections::PROJECTIONS};

/// Tables, each with the query of its rows.
macro_rules! tables {
    ($($table:literal,)*) => {
        [$(($table, concat!("select r::text from read_model.", $table, " r"))),*]
    };
}

/// What rebuilds must leave as it is: every table of the read models, but how far they are.
const TABLES: [(&str, &str); 19] = tables![
    "users",
    "follows",
    "events",
    "event_ticket_types",
    "event_holds",
    "event_seat_blocks",
    "event_seats",
    "bookings",
    "payments",
    "refunds",
    "sale_lines",
    "notifications",
    "notification_events",
    "notification_bookings",
    "notification_subscriptions",
    "notification_causes",
    "notification_preferences",
    "notification_reads",
    "notification_erased",
];

pub(super) async fn check(cluster: &Cluster, findings: &mut Findings) -> Result<()> {
    let others = tables_that_are_not_compared(&cluster.read).await?;
    anyhow::ensure!(others.is_empty(), "tables of the read models that no check knows: {others:?}");
    let before = rows(&cluster.read).await?;
    for (projection, _) in PROJECTIONS {
        let done = cluster.output(&format!("replay {projection}")).await;
        match done {
            Ok(done) if done.status.success() => {}
            Ok(done) => {
                let said = String::from_utf8_lossy(&done.stderr);
                findings.violation("I5", format!("`boxoffice replay {projection}` failed:\n{said}"));
            }
            Err(error) => findings.violation("I5", format!("{error:#}")),
        }
    }
    let after = rows(&cluster.read).await?;
    let mut compared = 0;
    for ((table, before), (_, after)) in before.iter().zip(&after) {
        compared += before.len() as u64;
        let lost = before.difference(after).map(|row| format!("a rebuild of {table} has not {row}"));
        let new = after.difference(before).map(|row| format!("a rebuild of {table} has also {row}"));
        findings.violations("I5", lost.chain(new).collect());
    }
    findings.compared("rows, with those of a rebuild", compared);
    Ok(())
}

async fn rows(read: &PgPool) -> Result<Vec<(&'static str, BTreeSet<String>)>> {
    let mut all = vec![];
    for (table, query) in TABLES {
        let rows: Vec<String> = sqlx::query_scalar(query).fetch_all(read).await?;
        all.push((table, rows.into_iter().collect()));
    }
    Ok(all)
}

async fn tables_that_are_not_compared(read: &PgPool) -> Result<Vec<String>> {
    let known: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
    let others = sqlx::query_scalar(
        "select table_name::text from information_schema.tables
         where table_schema = 'read_model' and table_type = 'BASE TABLE' and table_name <> all($1)
               and table_name not in ('_sqlx_migrations', 'projections', 'parked') and table_name not like '%\\_applied'",
    )
    .bind(known)
    .fetch_all(read)
    .await?;
    Ok(others)
}
