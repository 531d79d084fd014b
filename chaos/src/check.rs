//! The checks: what is left is held against the journal and against the invariants I1 to I6 and I8 of ARCHITECTURE.md.
//!
//! Nothing here uses the product's code: a fold that is wrong in the product must not be wrong here too.

mod acknowledged;
mod chain;
mod in_kafka;
mod money;
mod once;
mod read_models;
mod rebuilds;
mod refusals;
mod shows;

use anyhow::Result;

use crate::{cluster::Cluster, evidence::Evidence, journal::Entries};

pub(crate) use shows::ShowState;

/// Most violations of one check that are told one by one.
const TOLD: usize = 5;

/// What was compared and what was wrong.
#[derive(Debug, Default)]
pub struct Findings {
    /// What was compared, and how many of it.
    pub compared: Vec<(&'static str, u64)>,
    /// What contradicts an invariant.
    pub violations: Vec<Violation>,
}

/// An invariant that does not hold.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Such as `I3`.
    pub invariant: &'static str,
    /// Enough to go on with.
    pub detail: String,
}

impl Findings {
    pub(crate) fn compared(&mut self, what: &'static str, count: u64) {
        self.compared.push((what, count));
    }

    pub(crate) fn violation(&mut self, invariant: &'static str, detail: String) {
        self.violations.push(Violation { invariant, detail });
    }

    /// Adds what one check found; of very many the first ones and how many there are.
    pub(crate) fn violations(&mut self, invariant: &'static str, details: Vec<String>) {
        let more = details.len().saturating_sub(TOLD);
        let told = details.into_iter().take(TOLD).map(|detail| Violation { invariant, detail });
        self.violations.extend(told);
        if more > 0 {
            self.violation(invariant, format!("… and {more} more of this check"));
        }
    }
}

/// Everything that can be checked once the system has come to rest.
pub(crate) async fn everything(cluster: &Cluster, journal: &Entries, findings: &mut Findings) -> Result<()> {
    let evidence = Evidence::read(&cluster.write, journal).await?;
    findings.compared("events in the write database", evidence.events);
    let found_before = journal.findings.iter();
    findings
        .violations
        .extend(found_before.map(|(invariant, detail)| Violation { invariant, detail: detail.clone() }));
    findings.violations("I3", evidence.not_understood.clone());
    acknowledged::check(journal, &evidence, findings);
    once::check(journal, &evidence, findings);
    shows::check(&evidence, findings);
    refusals::check(journal, &evidence, findings);
    money::check(&cluster.write, &evidence, findings).await?;
    chain::check(&cluster.write, findings).await?;
    in_kafka::check(&cluster.brokers, journal, &evidence, findings).await?;
    read_models::check(&cluster.read, &cluster.write, &evidence, findings).await?;
    rebuilds::check(cluster, findings).await
}
