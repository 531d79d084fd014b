//! What a run did, what it compared, what it found.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use crate::{
    check::Findings,
    faults::{Failures, Fault, Nemesis},
    journal::{Entries, Outcome, seconds},
    run::Options,
};

/// So often another fault may be in the way of one that never comes about.
const TRIES_OF_A_FAULT: u64 = 2;

/// The end of a run.
#[derive(Debug)]
pub struct Report {
    /// What was compared and what was wrong.
    pub findings: Findings,
    /// Repeats it.
    pub seed: u64,
    /// How long commands and faults came.
    pub driven: Duration,
    /// How long everything took to come to rest, if it did.
    pub settled: Option<Duration>,
    /// Where data and logs are, if something was found.
    pub kept: Option<PathBuf>,
    pub(crate) ended_by_themselves: Vec<(String, u32)>,
    commands: BTreeMap<&'static str, Outcomes>,
    /// Why, and how often.
    unknown: BTreeMap<String, u64>,
    /// Codes, and how often.
    refused: BTreeMap<String, u64>,
    faults: BTreeMap<Fault, u64>,
    skipped: BTreeMap<Fault, String>,
    failed: BTreeMap<Fault, Failures>,
    planted_bug: Option<String>,
}

#[derive(Debug, Default)]
struct Outcomes {
    commands: u64,
    ok: u64,
    refused: u64,
    unknown: u64,
}

impl Report {
    pub(crate) fn new(options: &Options, journal: &Entries, nemesis: &Nemesis, findings: Findings) -> Self {
        let mut commands: BTreeMap<&'static str, Outcomes> = BTreeMap::new();
        let (mut unknown, mut refused) = (BTreeMap::new(), BTreeMap::new());
        for command in &journal.commands {
            commands.entry(command.order.name()).or_default().commands += 1;
        }
        for attempt in &journal.attempts {
            let outcomes = commands.entry(journal.commands[attempt.command].order.name()).or_default();
            match &attempt.outcome {
                Outcome::Ok(_) => outcomes.ok += 1,
                Outcome::Refused { status, code } => {
                    outcomes.refused += 1;
                    *refused.entry(format!("{status} {code}")).or_default() += 1;
                }
                Outcome::Unknown { why } => {
                    outcomes.unknown += 1;
                    // Without the address, which tells nothing.
                    let why = why.split(" for url").next().unwrap_or(why);
                    *unknown.entry(why.to_owned()).or_default() += 1;
                }
            }
        }
        Self {
            findings,
            seed: options.seed,
            driven: Duration::ZERO,
            settled: None,
            kept: None,
            ended_by_themselves: vec![],
            commands,
            unknown,
            refused,
            faults: nemesis.counts(),
            skipped: nemesis.skipped(),
            failed: nemesis.failed(),
            planted_bug: options.planted_bug.clone(),
        }
    }

    /// How often a fault came about.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults.values().sum()
    }

    /// Commands that were answered with a success.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.commands.values().map(|outcomes| outcomes.ok).sum()
    }

    /// Whether a violation of this invariant was found.
    #[must_use]
    pub fn violates(&self, invariant: &str) -> bool {
        self.findings.violations.iter().any(|violation| violation.invariant == invariant)
    }

    /// Whether nothing contradicts an invariant.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.violations.is_empty()
    }

    /// Why the run shows less than it is there for: nothing was asked of the system, or it was not broken as it should be.
    #[must_use]
    pub fn shortcomings(&self) -> Vec<String> {
        let mut shortcomings = vec![];
        if self.acknowledged() == 0 {
            shortcomings.push("no command was acknowledged".to_owned());
        }
        let never = self.failed.iter().filter(|(fault, failures)| {
            failures.times >= TRIES_OF_A_FAULT && !self.faults.contains_key(fault)
        });
        shortcomings.extend(never.map(|(fault, failures)| {
            format!("{} was tried {} times and never came about", fault.name(), failures.times)
        }));
        shortcomings
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "commands                 commands  requests: ok  refused  unknown")?;
        for (name, outcomes) in &self.commands {
            let Outcomes { commands, ok, refused, unknown } = outcomes;
            writeln!(f, "  {name:<22} {commands:>8} {ok:>13} {refused:>8} {unknown:>8}")?;
        }
        counted(f, "refused", &self.refused)?;
        counted(f, "unknown", &self.unknown)?;
        writeln!(f, "faults")?;
        for (fault, count) in &self.faults {
            writeln!(f, "  {:<36} {count:>5}", fault.name())?;
        }
        for (fault, why) in &self.skipped {
            writeln!(f, "  {}: not possible here: {why}", fault.name())?;
        }
        for (fault, Failures { times, last }) in &self.failed {
            writeln!(f, "  {}: {times} times not, at last: {last}", fault.name())?;
        }
        for (role, times) in &self.ended_by_themselves {
            writeln!(f, "  {role} ended by itself {times} times and was started again")?;
        }
        writeln!(f, "compared")?;
        for (what, count) in &self.findings.compared {
            writeln!(f, "  {count:>8} {what}")?;
        }
        match self.settled {
            Some(settled) => writeln!(f, "came to rest {} after the last command", seconds(settled))?,
            None => writeln!(f, "did not come to rest")?,
        }
        for violation in &self.findings.violations {
            writeln!(f, "VIOLATION of {}: {}", violation.invariant, violation.detail)?;
        }
        for shortcoming in self.shortcomings() {
            writeln!(f, "SHOWS LESS THAN IT SHOULD: {shortcoming}")?;
        }
        if let Some(kept) = &self.kept {
            writeln!(f, "data, logs and journal are in {}", kept.display())?;
        }
        if let Some(bug) = &self.planted_bug {
            writeln!(f, "with the planted bug {bug}")?;
        }
        let found = self.findings.violations.len();
        let verdict = if found == 0 { "no violation".to_owned() } else { format!("{found} VIOLATIONS") };
        write!(f, "{verdict}; driven for {}; repeat with --seed {}", seconds(self.driven), self.seed)
    }
}

fn counted(f: &mut fmt::Formatter<'_>, name: &str, counts: &BTreeMap<String, u64>) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
    writeln!(f, "  {name}: {}", counts.join(", "))
}
