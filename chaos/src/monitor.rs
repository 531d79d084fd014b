//! What must hold at every moment: the mark of what Kafka has confirmed never goes back.
//!
//! A leader that was overtaken, and does not notice, would move it back.

use std::{sync::Arc, time::Duration};

use crate::{cluster::Cluster, journal::Journal};

const POLL: Duration = Duration::from_millis(20);
/// So many findings are enough.
const MAX_FINDINGS: usize = 5;

/// Watches until it is dropped.
pub(crate) async fn watch(cluster: Arc<Cluster>, journal: Arc<Journal>) {
    let mut last = 0;
    let mut found = 0;
    while found < MAX_FINDINGS {
        tokio::time::sleep(POLL).await;
        let asked =
            sqlx::query_scalar("select published_position from relay_leader").fetch_one(&cluster.write).await;
        // A database that is down says nothing.
        let Ok(position) = asked else { continue };
        let position: i64 = position;
        if position < last {
            found += 1;
            let finding = format!("what Kafka has confirmed went back from {last} to {position}");
            journal.entries().findings.push(("I4", finding));
        }
        last = position;
    }
}
