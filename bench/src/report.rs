//! The report of a run: a table in Markdown and a picture.

use std::{fmt::Write, path::Path};

use anyhow::Result;

use crate::{
    chart,
    denominators::Durability,
    machine::{Machine, QUIET},
    progress::say,
    rows::{Figure, Ratio, Row},
};

/// What R4, R6 and R7 rest on, and the sessions' settings do not tell.
const FOLLOWERS_COMMITS: &str = "projector and processes commit their batches, those of a rebuild too, with \
                                 synchronous_commit = off, as they always do (ADR 0021); bookings, numbering and a \
                                 rebuild's switch wait for the disk";

/// Everything that a run found out.
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) postgres: String,
    /// PostgreSQL's settings that are not its defaults.
    pub(crate) switches: Vec<String>,
    /// What the sessions of both sides see: the product's, pgbench's.
    pub(crate) durability: (Durability, Durability),
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
    pub(crate) is_quick: bool,
    /// The largest share of the machine that others used before a round.
    pub(crate) busiest: f64,
    pub(crate) rows: Vec<Row>,
    /// Phases in which something was refused, dropped or not answered.
    pub(crate) remarks: Vec<String>,
}

impl Report {
    /// Whether the machine was ours alone.
    fn is_quiet(&self) -> bool {
        self.busiest <= QUIET
    }

    /// Whether these numbers may be judged.
    pub(crate) fn counts(&self) -> bool {
        self.is_quiet() && !self.is_quick
    }
}

/// Writes `latest.md` and `latest.svg`; of a run that does not count, or of some rows only, `quick.md` and `quick.svg`,
/// which are not checked in.
pub(crate) fn write(report: &Report, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let is_whole = report.counts() && report.rows.len() == Ratio::ALL.len();
    let name = if is_whole { "latest" } else { "quick" };
    let text = markdown(report, name);
    std::fs::write(folder.join(format!("{name}.md")), &text)?;
    std::fs::write(folder.join(format!("{name}.svg")), chart::draw(report))?;
    say(format!("\n{text}"));
    say(format!("written: {name}.md and {name}.svg in {}", folder.display()));
    Ok(())
}

fn markdown(report: &Report, name: &str) -> String {
    let mut text = String::from("# Benchmarks\n\n");
    if report.is_quick {
        text += "A run to try things out: none of these numbers counts.\n\n";
    }
    if !report.is_quiet() {
        text += &paragraph(&format!(
            "**Others used up to {:.0}% of the machine: none of these numbers counts.** R2 and R3 look better than they are \
             then, because what they are divided by suffers most.",
            report.busiest * 100.0
        ));
    }
    text += &paragraph(&format!(
        "Written by `./dev bench`. Each ratio is the quotient of two medians of {} rounds; its sides were measured side \
         by side in one run, in turn, {} s each. Only R3 is divided by the best figure of the tree's history where this \
         run's is less. In brackets: the smallest and the largest round.",
        report.rounds, report.seconds
    ));
    let _ = writeln!(text, "![The ratios beside their marks]({name}.svg)\n");
    text +=
        "| | ratio | at least | aim | | ours | theirs |\n| --- | ---: | ---: | ---: | --- | ---: | ---: |\n";
    for row in &report.rows {
        text += &table_row(row, report.counts());
    }
    text.push('\n');
    for row in &report.rows {
        text += &details(row);
    }
    text += &settings(report);
    text
}

fn table_row(row: &Row, counts: bool) -> String {
    let each = Figure { what: String::new(), unit: crate::rows::Unit::Share, rounds: row.each_round() };
    let sign = if row.less_is_better { "≤ " } else { "≥ " };
    format!(
        "| {} {} | **{:.2}** [{:.2} to {:.2}] | {sign}{} | {sign}{} | {} | {} | {} |\n",
        row.ratio.name(),
        row.title,
        row.value(),
        each.min(),
        each.max(),
        row.floor,
        row.aim,
        if counts { row.verdict() } else { "does not count" },
        with_spread(&row.ours),
        match &row.instead_of_theirs {
            Some((value, _)) => format!("{} (best ever)", row.theirs.show(*value)),
            None => with_spread(&row.theirs),
        }
    )
}

fn with_spread(figure: &Figure) -> String {
    let (min, max) = (figure.show(figure.min()), figure.show(figure.max()));
    format!("{} [{min} to {max}]", figure.show(figure.median()))
}

fn details(row: &Row) -> String {
    let mut text = format!("## {}: {}\n\n", row.ratio.name(), row.title);
    let _ = writeln!(text, "- ours: {}: {}", row.ours.what, with_spread(&row.ours));
    let _ = writeln!(text, "- theirs: {}: {}", row.theirs.what, with_spread(&row.theirs));
    if let Some((value, from)) = &row.instead_of_theirs {
        let _ = writeln!(text, "- divided by {}: {from}", row.theirs.show(*value));
    }
    for figure in &row.others {
        let _ = writeln!(text, "- {}: {}", figure.what, with_spread(figure));
    }
    for remark in &row.remarks {
        let _ = writeln!(text, "- {remark}");
    }
    text.push('\n');
    text
}

fn settings(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = String::from("## Settings\n\n");
    let mut line = |what: &str, value: &str| {
        let _ = writeln!(text, "- {what}: {value}");
    };
    line("commit", &machine.commit);
    line("date", &machine.date);
    line(
        "machine",
        &format!(
            "{}, {} cores, {:.0} GiB; it runs the load, the product and PostgreSQL",
            machine.cpu, machine.cores, machine.memory_gib
        ),
    );
    line("kernel", &format!("Linux {}", machine.kernel));
    line("PostgreSQL", &format!("{}; defaults, but {}", report.postgres, report.switches.join(", ")));
    line("compiler", &format!("{}, profile `release`", machine.rustc));
    line("product", "one process a role, every setting at its default; what it logs goes to /dev/null");
    for (side, durability) in [("the product's", &report.durability.0), ("pgbench's", &report.durability.1)] {
        line(
            &format!("{side} sessions see"),
            &format!(
                "fsync = {}, synchronous_commit = {}, full_page_writes = {}",
                durability.fsync, durability.synchronous_commit, durability.full_page_writes
            ),
        );
    }
    line("followers", FOLLOWERS_COMMITS);
    line("others", &format!("used {:.0}% of the machine before the busiest round", report.busiest * 100.0));
    line("checked", "after each phase the bookings stored are as many as the 201s received");
    if report.remarks.is_empty() {
        line("clean", "nothing was refused, dropped or left without an answer in any phase");
    } else {
        text += "\nPhases that were not clean:\n\n";
        for remark in &report.remarks {
            let _ = writeln!(text, "- {remark}");
        }
    }
    text
}

/// Wrapped at 120 characters.
fn paragraph(text: &str) -> String {
    const WIDTH: usize = 120;
    let mut wrapped = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count() + 1;
        if width > 0 {
            let separator = if width + length > WIDTH { '\n' } else { ' ' };
            wrapped.push(separator);
            width = if separator == '\n' { 0 } else { width };
        }
        wrapped.push_str(word);
        width += length;
    }
    wrapped + "\n\n"
}
