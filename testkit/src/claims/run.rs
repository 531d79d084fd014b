//! What `cargo test` printed, standard output and standard error together in the order in which they came.
//!
//! Lines of tests may have others between them, and output of child processes before them on the same line. Therefore
//! what was found is compared with the sums that each test binary prints at its end.

use std::collections::BTreeMap;

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// `ok`.
    Passed,
    /// `FAILED`.
    Failed,
    /// `ignored`, and why.
    Ignored(String),
}

/// All tests of a run.
#[derive(Debug, Default)]
pub struct Run {
    /// `<binary>::<path>` of each test, in the order in which they ended.
    tests: Vec<(String, Outcome)>,
    faults: Vec<String>,
    binary: String,
    /// Where the tests of the binary begin that is running.
    first: usize,
    /// A test that was announced without its end, as happens with one thread.
    pending: Option<String>,
}

impl Run {
    /// Reads the output.
    #[must_use]
    pub fn read(output: &str) -> Self {
        let mut run = Self::default();
        for line in output.lines() {
            run.read_line(without_colours(line).trim_end());
        }
        run.expect_end();
        run
    }

    /// What shows that the output is not a whole run.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.faults.clone();
        if self.tests.is_empty() {
            faults.push("no test ran".to_owned());
        }
        faults
    }

    /// Usually one outcome each.
    pub(super) fn by_name(&self) -> BTreeMap<String, Vec<&Outcome>> {
        let mut by_name: BTreeMap<String, Vec<&Outcome>> = BTreeMap::new();
        for (name, outcome) in &self.tests {
            by_name.entry(name.clone()).or_default().push(outcome);
        }
        by_name
    }

    fn read_line(&mut self, line: &str) {
        if let Some(binary) = started_binary(line) {
            self.expect_end();
            self.binary = binary;
        } else if let Some((_, sums)) = line.split_once("test result: ") {
            self.compare(sums);
        } else if let Some((name, end)) = ended_test(line) {
            self.pending = None;
            match outcome(end) {
                Some(outcome) => self.note(name, outcome),
                None => self.pending = Some(name.to_owned()),
            }
        } else if let (Some(name), Some(outcome)) = (self.pending.clone(), outcome(line)) {
            self.pending = None;
            self.note(&name, outcome);
        }
    }

    fn note(&mut self, name: &str, outcome: Outcome) {
        self.tests.push((format!("{}::{name}", self.binary), outcome));
    }

    /// `ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`
    fn compare(&mut self, sums: &str) {
        let sum = |what: &str| -> Option<usize> {
            let (before, _) = sums.split_once(&format!(" {what}"))?;
            before.rsplit(' ').next()?.parse().ok()
        };
        let own = &self.tests[self.first..];
        let count = |is_one: fn(&Outcome) -> bool| Some(own.iter().filter(|(_, o)| is_one(o)).count());
        let found = [
            ("passed", count(|outcome| *outcome == Outcome::Passed)),
            ("failed", count(|outcome| *outcome == Outcome::Failed)),
            ("ignored", count(|outcome| matches!(outcome, Outcome::Ignored(_)))),
        ];
        for (what, found) in found {
            if sum(what) != found {
                let found = found.unwrap_or_default();
                self.faults.push(format!("{}: found {found} tests {what}, of: {sums}", self.binary));
            }
        }
        self.first = self.tests.len();
        self.binary.clear();
    }

    fn expect_end(&mut self) {
        if !self.binary.is_empty() {
            self.faults.push(format!("{} did not come to its end", self.binary));
        }
        self.first = self.tests.len();
    }
}

/// `     Running tests/box_office/main.rs (target/debug/deps/box_office-0123)`, or `   Doc-tests domain`.
fn started_binary(line: &str) -> Option<String> {
    if let Some(name) = line.trim_start().strip_prefix("Doc-tests ") {
        return Some(format!("doc-tests {name}"));
    }
    let (_, rest) = line.split_once("  Running ")?;
    let (_, executable) = rest.strip_suffix(')')?.rsplit_once('(')?;
    let (name, _) = executable.rsplit(['/', '\\']).next()?.rsplit_once('-')?;
    Some(name.to_owned())
}

/// `test bookings::the_last_ticket_goes_once ... ok`, whatever stands before it.
fn ended_test(line: &str) -> Option<(&str, &str)> {
    let (before, end) = line.split_once(" ... ").or_else(|| Some((line.strip_suffix(" ...")?, "")))?;
    let start = before.rfind("test ")?;
    let name = &before[start + "test ".len()..];
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    (!name.is_empty()).then_some((name, end))
}

fn outcome(end: &str) -> Option<Outcome> {
    let end = end.trim();
    // `--report-time` adds how long it took.
    let (word, rest) = end.split_once([' ', ',']).unwrap_or((end, ""));
    match word {
        "ok" => Some(Outcome::Passed),
        "FAILED" => Some(Outcome::Failed),
        "ignored" => Some(Outcome::Ignored(rest.trim().to_owned())),
        _ => None,
    }
}

/// The text without escape sequences for colours.
fn without_colours(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            let _ = characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            text.push(character);
        }
    }
    text
}
