//! R1 to R3: bookings over HTTP.

use anyhow::Result;
use platform::tokens::MAX_VERIFIED_TOKENS;

use crate::{
    denominators::Script,
    load::Pace,
    rows::{Figure, Ratio, Row, Unit},
    run::Run,
    trial::{Outcome, Trial},
};

/// Clients of R1 and R2.
const CLIENTS: usize = 64;
const CROWD: usize = 512;
const FEW: usize = 16;
/// Attendees of R1: each books many events, so that all of their tokens are known.
const REGULARS: usize = if MAX_VERIFIED_TOKENS < 5_000 { MAX_VERIFIED_TOKENS } else { 5_000 };

pub(crate) fn r1(events: usize) -> Row {
    Row {
        ratio: Ratio::R1,
        title: "Bookings of many events",
        sides: ("bookings", "pgbench appends"),
        ours: Figure::new(
            format!("POST /bookings, {events} events in turn, {CLIENTS} clients; 201s"),
            Unit::PerSecond,
        ),
        theirs: Figure::new("pgbench append.sql, -c 64 -j 2 -M prepared", Unit::PerSecond),
        floor: 0.4,
        aim: 0.8,
        less_is_better: false,
        instead_of_theirs: None,
        others: vec![Figure::new("p99 of our bookings", Unit::Milliseconds)],
        remarks: vec![format!("{REGULARS} attendees, whose tokens were seen before")],
    }
}

pub(crate) fn r2() -> Row {
    Row {
        ratio: Ratio::R2,
        title: "Bookings of one event",
        sides: ("bookings", "pgbench row lock"),
        ours: Figure::new(format!("POST /bookings, one event, {CLIENTS} clients; 201s"), Unit::PerSecond),
        theirs: Figure::new("pgbench row-lock.sql, -c 64 -j 2 -M prepared", Unit::PerSecond),
        floor: 6.0,
        aim: 12.0,
        less_is_better: false,
        instead_of_theirs: None,
        others: vec![
            Figure::new("p99 of our bookings", Unit::Milliseconds),
            Figure::new("cold: each booking is the first request of its token", Unit::PerSecond),
            Figure::new("share of the machine that making our load took", Unit::Share),
        ],
        remarks: vec![format!(
            "before the sale buyers have shown their tokens; the product remembers {MAX_VERIFIED_TOKENS} of them"
        )],
    }
}

pub(crate) fn r3() -> Row {
    Row {
        ratio: Ratio::R3,
        title: "It grows with the crowd",
        sides: ("512 clients", "16 clients"),
        ours: Figure::new(format!("POST /bookings, one event, {CROWD} clients; 201s"), Unit::PerSecond),
        theirs: Figure::new(format!("the same, {FEW} clients"), Unit::PerSecond),
        floor: 1.2,
        aim: 2.0,
        less_is_better: false,
        instead_of_theirs: None,
        others: vec![
            Figure::new(format!("p99 at {CROWD} clients"), Unit::Milliseconds),
            Figure::new(format!("p99 at {FEW} clients"), Unit::Milliseconds),
        ],
        remarks: vec![],
    }
}

pub(crate) async fn measure_r1(run: &Run, row: &mut Row, ours_first: bool) -> Result<()> {
    let name = "R1 bookings of many events";
    if !ours_first {
        row.theirs.rounds.push(run.pgbench.run(Script::Append, run.duration).await?);
    }
    let outcome = book(run, name, run.stage.events.len(), REGULARS, CLIENTS, false).await?;
    if ours_first {
        row.theirs.rounds.push(run.pgbench.run(Script::Append, run.duration).await?);
    }
    row.ours.rounds.push(outcome.summary.rate());
    row.others[0].rounds.push(milliseconds(&outcome));
    Ok(())
}

pub(crate) async fn measure_r2(run: &Run, row: &mut Row, ours_first: bool) -> Result<()> {
    let (name, everybody) = ("R2 bookings of one event", run.stage.attendees.len());
    if !ours_first {
        row.theirs.rounds.push(run.pgbench.run(Script::RowLock, run.duration).await?);
    }
    let outcome = book(run, name, 1, everybody, CLIENTS, false).await?;
    if ours_first {
        row.theirs.rounds.push(run.pgbench.run(Script::RowLock, run.duration).await?);
    }
    let cold = book(run, "R2 the same, cold", 1, everybody, CLIENTS, true).await?;
    row.ours.rounds.push(outcome.summary.rate());
    row.others[0].rounds.push(milliseconds(&outcome));
    row.others[1].rounds.push(cold.summary.rate());
    row.others[2].rounds.push(outcome.load_share);
    Ok(())
}

pub(crate) async fn measure_r3(run: &Run, row: &mut Row, ours_first: bool) -> Result<()> {
    let everybody = run.stage.attendees.len();
    for is_crowd in [ours_first, !ours_first] {
        let clients = if is_crowd { CROWD } else { FEW };
        let name = format!("R3 one event, {clients} clients");
        let outcome = book(run, &name, 1, everybody, clients, false).await?;
        let side = if is_crowd { &mut row.ours } else { &mut row.theirs };
        side.rounds.push(outcome.summary.rate());
        row.others[usize::from(!is_crowd)].rounds.push(milliseconds(&outcome));
    }
    Ok(())
}

async fn book(
    run: &Run,
    name: &str,
    events: usize,
    attendees: usize,
    clients: usize,
    is_cold: bool,
) -> Result<Outcome> {
    let trial = Trial {
        name,
        events: &run.stage.events[..events],
        attendees,
        pace: Pace::Closed { clients },
        duration: run.duration,
        is_cold,
        command_apis: 1,
    };
    let outcome = trial.run(&run.servers, &run.stage).await?;
    run.note(name, &outcome.summary);
    Ok(outcome)
}

fn milliseconds(outcome: &Outcome) -> f64 {
    outcome.summary.p99.as_secs_f64() * 1e3
}
