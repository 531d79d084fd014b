//! R8: how long reading an event takes at 80% of what can be read, beside a bare axum answer at the same rate.

use std::{
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use testkit::{free_port, process::Process};

use crate::{
    buyers::Gets,
    http::{self, Connection},
    load::{Pace, Phase, Requests},
    rows::{Figure, Ratio, Row, Unit, consumers::unprojected},
    run::Run,
    tally::Summary,
};

/// Clients that find out the peak.
const CLIENTS: usize = 64;
/// Connections of the open loop.
const CONNECTIONS: usize = 256;
/// The load of the ratio, as a share of the peak.
const LOAD: f64 = 0.8;
const DATABASE: &str = "r8";
const READY_DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

pub(crate) fn r8(events: usize) -> Row {
    Row {
        ratio: Ratio::R8,
        title: "Reading an event",
        sides: ("p99 of ours", "p99 of bare axum"),
        ours: Figure::new(
            format!("p99 of GET /events/{{id}}, {events} events in turn, open loop at 80% of its peak"),
            Unit::Milliseconds,
        ),
        theirs: Figure::new("p99 of a bare axum JSON answer at the same rate", Unit::Milliseconds),
        floor: 3.0,
        aim: 1.5,
        less_is_better: true,
        instead_of_theirs: None,
        others: vec![
            Figure::new(
                format!("peak of GET /events/{{id}}, closed loop, {CLIENTS} clients"),
                Unit::PerSecond,
            ),
            Figure::new("rate of both sides, as wanted", Unit::PerSecond),
            Figure::new("rate of ours, as answered", Unit::PerSecond),
            Figure::new("p50 of ours", Unit::Milliseconds),
            Figure::new("p50 of theirs", Unit::Milliseconds),
        ],
        remarks: vec!["latencies count from when each request was due".to_owned()],
    }
}

pub(crate) async fn measure_r8(run: &Run, row: &mut Row, _: bool) -> Result<()> {
    run.stage.copy(&run.servers, DATABASE).await?;
    let mut processes = Vec::new();
    for role in ["relay", "projector", "query-api"] {
        processes.push(run.servers.role(role, DATABASE).await?);
    }
    let deadline = Instant::now() + READY_DEADLINE;
    while unprojected(&run.servers, DATABASE).await? > 0 {
        if Instant::now() > deadline {
            bail!("the events were not projected within {READY_DEADLINE:?}");
        }
        tokio::time::sleep(POLL).await;
    }
    let query_api = processes[2].address;
    let events = || Gets::of_events(&run.stage.events);
    let peak = load(run, "R8 peak", query_api, Pace::Closed { clients: CLIENTS }, events()).await?;
    let rate = peak.rate() * LOAD;
    let pace = Pace::Open { per_second: rate, connections: CONNECTIONS };
    let ours = load(run, "R8 at 80%", query_api, pace, events()).await?;
    for process in processes {
        process.stop().await;
    }
    run.servers.drop(DATABASE).await?;

    let (_bare, address) = start_bare().await?;
    let theirs = load(run, "R8 bare axum", address, pace, Gets::of(vec!["/".to_owned()])).await?;

    let milliseconds = |latency: Duration| latency.as_secs_f64() * 1e3;
    row.ours.rounds.push(milliseconds(ours.p99));
    row.theirs.rounds.push(milliseconds(theirs.p99));
    let others = [peak.rate(), rate, ours.rate(), milliseconds(ours.p50), milliseconds(theirs.p50)];
    for (figure, value) in row.others.iter_mut().zip(others) {
        figure.rounds.push(value);
    }
    Ok(())
}

async fn load(
    run: &Run,
    name: &str,
    server: SocketAddr,
    pace: Pace,
    requests: impl Requests,
) -> Result<Summary> {
    let summary = Phase { name, servers: &[server], pace, duration: run.duration }.run(requests).await?;
    run.note(name, &summary);
    Ok(summary)
}

/// This binary again, as the server.
async fn start_bare() -> Result<(Process, SocketAddr)> {
    let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let mut command = Command::new(std::env::current_exe()?);
    let process = Process::spawn(command.args(["bare", "--listen", &address.to_string()]));
    let mut request = Vec::new();
    http::write_get(&mut request, "/");
    let deadline = Instant::now() + READY_DEADLINE;
    loop {
        if let Ok(mut connection) = Connection::open(address).await
            && connection.exchange(&request).await.is_ok_and(|answer| answer.status == 200)
        {
            return Ok((process, address));
        }
        if Instant::now() > deadline {
            bail!("the bare server does not start:\n{}", process.output_end());
        }
        tokio::time::sleep(POLL).await;
    }
}
