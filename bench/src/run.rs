//! One run: every row, side by side and interleaved, round by round.

use std::{cell::RefCell, time::Duration};

use anyhow::{Result, bail};
use tokio::sync::OnceCell;

use crate::{
    best::Best,
    cli::RunOptions,
    denominators::{Durability, Pgbench},
    machine::{self, Machine},
    progress::say,
    report::{self, Report},
    rows::{
        Ratio, Row, bookings, consumers, reads, rebuilds,
        relay::{self, Backlog},
        visibility,
    },
    servers::Servers,
    stage::{EVENTS, Stage},
    tally::Summary,
};

/// Fewest rounds of a run that counts.
const ROUNDS: usize = 5;
const SECONDS: u64 = 8;
/// More than can book one event in a phase.
const ATTENDEES: usize = 320_000;
/// To try whether it works.
const QUICK_ROUNDS: usize = 2;
const QUICK_SECONDS: u64 = 2;
const QUICK_ATTENDEES: usize = 80_000;

/// What all measurements of a run share.
pub(crate) struct Run {
    pub(crate) servers: Servers,
    pub(crate) stage: Stage,
    pub(crate) pgbench: Pgbench,
    /// Of each phase.
    pub(crate) duration: Duration,
    /// Of R5, made when it is first needed.
    pub(crate) backlog: OnceCell<Backlog>,
    /// What was not as it should be.
    remarks: RefCell<Vec<String>>,
}

impl Run {
    /// Shows how a phase went; what was not clean goes into the report too.
    pub(crate) fn note(&self, name: &str, summary: &Summary) {
        say(format!("    {name}: {summary}"));
        if !summary.is_clean() {
            self.remarks.borrow_mut().push(format!("{name}: {summary}"));
        }
    }
}

/// Measures and writes the report.
pub(crate) async fn run(options: RunOptions) -> Result<()> {
    let (rounds, seconds, attendees) = if options.quick {
        (QUICK_ROUNDS, QUICK_SECONDS, QUICK_ATTENDEES)
    } else {
        (options.rounds.unwrap_or(ROUNDS), options.seconds.unwrap_or(SECONDS), ATTENDEES)
    };
    if !options.quick && rounds < ROUNDS {
        bail!("{rounds} rounds: at least {ROUNDS}, or --quick");
    }
    let mut best = Best::read(&options.best)?;
    let servers = Servers::start(options.product.boxoffice, options.product.logs).await?;
    let stage = Stage::set(&servers, attendees).await?;
    let pgbench = Pgbench::prepare(&servers).await?;
    let durability = (Durability::of_the_product(&servers, "postgres").await?, pgbench.durability().await?);
    durability.0.insist()?;
    durability.1.insist()?;
    let duration = Duration::from_secs(seconds);
    let run =
        Run { servers, stage, pgbench, duration, backlog: OnceCell::new(), remarks: RefCell::default() };

    let chosen = if options.rows.is_empty() { Ratio::ALL.to_vec() } else { options.rows };
    let mut rows: Vec<Row> = chosen.into_iter().map(row).collect();
    let mut busiest: f64 = 0.0;
    for round in 1..=rounds {
        let others = machine::used_by_others().await?;
        busiest = busiest.max(others);
        say(format!("round {round} of {rounds}; others use {:.0}% of the machine", others * 100.0));
        for row in &mut rows {
            // Whoever comes first finds another machine than whoever comes second: in turn.
            measure(&run, row, round % 2 == 1).await?;
        }
    }
    let machine = Machine::read()?;
    for row in rows.iter_mut().filter(|row| row.ratio == Ratio::R3) {
        best.take_part(row, &machine, options.quick || busiest > machine::QUIET);
    }
    let report = Report {
        machine,
        postgres: run.servers.postgres_version().to_owned(),
        switches: run.servers.settings_that_differ().await?,
        durability,
        rounds,
        seconds,
        is_quick: options.quick,
        busiest,
        rows,
        remarks: run.remarks.into_inner(),
    };
    report::write(&report, &options.out)?;
    best.write(&options.best)
}

fn row(ratio: Ratio) -> Row {
    match ratio {
        Ratio::R1 => bookings::r1(EVENTS),
        Ratio::R2 => bookings::r2(),
        Ratio::R3 => bookings::r3(),
        Ratio::R4 => consumers::r4(),
        Ratio::R5 => relay::r5(),
        Ratio::R6 => visibility::r6(),
        Ratio::R7 => rebuilds::r7(EVENTS),
        Ratio::R8 => reads::r8(EVENTS),
    }
}

async fn measure(run: &Run, row: &mut Row, ours_first: bool) -> Result<()> {
    match row.ratio {
        Ratio::R1 => bookings::measure_r1(run, row, ours_first).await,
        Ratio::R2 => bookings::measure_r2(run, row, ours_first).await,
        Ratio::R3 => bookings::measure_r3(run, row, ours_first).await,
        Ratio::R4 => consumers::measure_r4(run, row, ours_first).await,
        Ratio::R5 => relay::measure_r5(run, row, ours_first).await,
        Ratio::R6 => visibility::measure_r6(run, row, ours_first).await,
        Ratio::R7 => rebuilds::measure_r7(run, row, ours_first).await,
        Ratio::R8 => reads::measure_r8(run, row, ours_first).await,
    }
}
