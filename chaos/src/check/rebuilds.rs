//! I5 for what is not folded here: a rebuild of each projection from the event log gives the rows that are there.

use std::collections::BTreeSet;

use anyhow::Result;
use sqlx::PgPool;

use crate::{check::Findings, cluster::Cluster};

/// Tables that a rebuild must leave as they are, with the query of their rows.
const TABLES: [(&str, &str, &str); 7] = [
    ("users", "users", "select u::text from read_model.users u"),
    ("events", "event_ticket_types", "select t::text from read_model.event_ticket_types t"),
    ("events", "event_seats", "select s::text from read_model.event_seats s"),
    ("bookings", "bookings", "select b::text from read_model.bookings b"),
    ("notifications", "notifications", "select n::text from read_model.notifications n"),
    ("notifications", "notification_bookings", "select b::text from read_model.notification_bookings b"),
    ("notifications", "notification_events", "select e::text from read_model.notification_events e"),
];

pub(super) async fn check(cluster: &Cluster, findings: &mut Findings) -> Result<()> {
    let before = rows(&cluster.read).await?;
    for projection in ["users", "events", "bookings", "notifications"] {
        let mut command = cluster.command(&format!("replay {projection}"));
        let done = tokio::task::spawn_blocking(move || command.output()).await??;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            findings.violation("I5", format!("`boxoffice replay {projection}` failed:\n{said}"));
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
    for (_, table, query) in TABLES {
        let rows: Vec<String> = sqlx::query_scalar(query).fetch_all(read).await?;
        all.push((table, rows.into_iter().collect()));
    }
    Ok(all)
}
