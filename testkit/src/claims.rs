//! Claims and the tests that show them: a table in Markdown, compared with what a run of `cargo test` printed.
//!
//! Each row of a table is a claim; its last cell names the tests that show it, as `<test binary>::<modules>::<test>`. A
//! test that exists once for each of [`VARIANTS`] is named without them and counts when all of them passed. Rows of the
//! chapter [`NOT_THERE_YET`] claim nothing; their last cell says why.
//!
//! Must not know what is claimed. `src/bin/check-claims.rs` is the program, `tests/claims.rs` shows that it finds what is
//! wrong.

mod run;

use std::collections::BTreeMap;

pub use run::{Outcome, Run};

/// The chapter whose rows say what cannot be shown yet.
pub const NOT_THERE_YET: &str = "Not there yet";
/// Modules that hold the same tests once each.
pub const VARIANTS: [&str; 2] = ["with_the_event_log", "with_kafka"];
/// How the reason begins for which a test that `cargo test` leaves out may be named.
pub const SLOW: &str = "slow proof";

const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PUT", "DELETE"];

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Where it stands, from 1.
    pub line: usize,
    /// The heading above its table.
    pub chapter: String,
    /// All cells but the last.
    pub says: String,
    /// The last cell.
    pub shown_by: String,
}

/// A method and a path, such as `GET /api/v1/events/{id}`.
pub type Operation = (String, String);

/// All rows of all tables.
#[must_use]
pub fn read(markdown: &str) -> Vec<Claim> {
    let lines: Vec<&str> = markdown.lines().collect();
    let mut chapter = String::new();
    let mut claims = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.trim().clone_into(&mut chapter);
        }
        let is_heading = lines.get(index + 1).is_some_and(|next| is_ruler(next));
        if !line.starts_with('|') || is_ruler(line) || is_heading {
            continue;
        }
        let mut cells = cells(line);
        let shown_by = cells.pop().unwrap_or_default();
        claims.push(Claim { line: index + 1, chapter: chapter.clone(), says: cells.join(" "), shown_by });
    }
    claims
}

impl Claim {
    /// Whether it says what is not there yet.
    #[must_use]
    pub fn is_of_later(&self) -> bool {
        self.chapter == NOT_THERE_YET
    }

    /// What its last cell names in backquotes.
    #[must_use]
    pub fn tests(&self) -> Vec<&str> {
        in_backquotes(&self.shown_by)
    }

    /// The operations that it is about: those in backquotes.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        let operation = |text: &str| {
            let (method, path) = text.split_once(' ')?;
            let is_one = METHODS.contains(&method) && path.starts_with('/') && !path.contains(' ');
            is_one.then(|| (method.to_owned(), path.to_owned()))
        };
        in_backquotes(&self.says).into_iter().filter_map(operation).collect()
    }

    /// What stands in the last cell beside names and what separates them.
    fn rest(&self) -> String {
        let outside: String = self.shown_by.split('`').step_by(2).collect();
        outside.replace("<br>", "").replace(',', "").trim().to_owned()
    }
}

/// What is wrong, a sentence each; nothing if every claim is shown. `all` says that the run included slow proofs.
#[must_use]
pub fn faults(claims: &[Claim], run: &Run, all: bool) -> Vec<String> {
    let mut faults = run.faults();
    if claims.is_empty() {
        faults.push("there is no claim in the table".to_owned());
    }
    let by_name = run.by_name();
    for claim in claims {
        let mut fault = |what: String| faults.push(format!("line {}: {what} ({})", claim.line, claim.says));
        if claim.is_of_later() {
            if claim.shown_by.is_empty() {
                fault("says no reason".to_owned());
            }
            continue;
        }
        let rest = claim.rest();
        if !rest.is_empty() {
            fault(format!("'{rest}' is not the name of a test"));
        }
        let verdicts: Vec<Verdict> =
            claim.tests().into_iter().map(|name| verdict(name, &by_name, all)).collect();
        for verdict in &verdicts {
            if let Verdict::Wrong(what) = verdict {
                fault(what.clone());
            }
        }
        if verdicts.is_empty() && rest.is_empty() {
            fault("names no test".to_owned());
        } else if !verdicts.is_empty() && verdicts.iter().all(|verdict| *verdict == Verdict::LeftOut) {
            fault("names slow proofs only".to_owned());
        }
    }
    faults
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Passed,
    /// A slow proof, in a run without these.
    LeftOut,
    Wrong(String),
}

fn verdict(name: &str, by_name: &BTreeMap<String, Vec<&Outcome>>, all: bool) -> Verdict {
    let once = by_name.get(name).map(Vec::as_slice).unwrap_or_default();
    let (module, test) = name.rsplit_once("::").unwrap_or(("", name));
    let variants: Vec<&Outcome> = VARIANTS
        .iter()
        .filter_map(|variant| by_name.get(&format!("{module}::{variant}::{test}")))
        .flatten()
        .copied()
        .collect();
    let outcomes: &[&Outcome] = match (once.len(), variants.len()) {
        (0, 0) => return Verdict::Wrong(format!("{name} did not run")),
        (1, 0) => once,
        (0, number) if number == VARIANTS.len() => &variants,
        (0, 1) => return Verdict::Wrong(format!("{name} ran with one of {} only", VARIANTS.join(", "))),
        _ => return Verdict::Wrong(format!("{name} is the name of several tests")),
    };
    let mut left_out = false;
    for outcome in outcomes {
        match outcome {
            Outcome::Passed => {}
            Outcome::Ignored(reason) if reason.starts_with(SLOW) && !all => left_out = true,
            Outcome::Ignored(_) => return Verdict::Wrong(format!("{name} was ignored")),
            Outcome::Failed => return Verdict::Wrong(format!("{name} failed")),
        }
    }
    if left_out { Verdict::LeftOut } else { Verdict::Passed }
}

fn is_ruler(line: &str) -> bool {
    line.starts_with('|') && line.contains("---") && line.chars().all(|c| "|-: ".contains(c))
}

/// The cells of a row, trimmed; `\|` is no border.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_start_matches('|');
    let row = row.strip_suffix('|').unwrap_or(row);
    let mut cells = vec![String::new()];
    let mut before = ' ';
    for character in row.chars() {
        if character == '|' && before != '\\' {
            cells.push(String::new());
        } else if let Some(cell) = cells.last_mut() {
            cell.push(character);
        }
        before = character;
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

fn in_backquotes(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}
