//! One run: start, drive and break, let it come to rest, check.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::{
    check::{self, Findings},
    cluster::Cluster,
    dice::Dice,
    drive::{Clients, Crowd, Stop},
    faults::{Fault, Nemesis, Pace},
    journal::{Journal, seconds},
    keep, monitor,
    report::Report,
    settle,
};

/// Between two lines that say how far it is.
const PROGRESS: Duration = Duration::from_secs(10);
/// Commands go on for so long after the last fault.
const AFTERWARDS: Duration = Duration::from_secs(2);
/// How long clients may take to end: a few answers that do not come.
const CLIENTS_DEADLINE: Duration = Duration::from_secs(60);

/// What a run is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything random comes from it.
    pub seed: u64,
    /// How long commands and faults come.
    pub duration: Duration,
    /// How long everything may take to come to rest.
    pub settle_deadline: Duration,
    /// The binary.
    pub boxoffice: PathBuf,
    /// Which faults.
    pub faults: Vec<Fault>,
    /// How long they last.
    pub pace: Pace,
    /// Clients that book, each with some accounts.
    pub clients: usize,
    /// Which bug of a test build is switched on.
    pub planted_bug: Option<String>,
    /// Where data and logs are kept when something was found, if anywhere.
    pub keep_in: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// When it could not be brought to an end: a server does not start, a check cannot be made.
pub async fn run(options: &Options) -> Result<Report> {
    let journal = Arc::new(Journal::default());
    let dice = Dice::new(options.seed);
    let cluster = Cluster::start(options.boxoffice.clone(), options.planted_bug.clone()).await?;
    let cluster = Arc::new(cluster);
    let crowd = Crowd { hosts: 2, clients: options.clients, accounts_a_client: 3 };
    let clients = Clients::prepare(&cluster, journal.clone(), crowd, &dice).await?;

    let started = Instant::now();
    let nemesis =
        Nemesis::new(cluster.clone(), journal.clone(), &options.faults, options.pace.clone(), &dice);
    let mut background = JoinSet::new();
    let supervised = cluster.clone();
    background.spawn(async move { supervised.supervise().await });
    background.spawn(monitor::watch(cluster.clone(), journal.clone()));
    let stop = Stop::default();
    let mut running = clients.start(&dice, &stop);
    tokio::select! {
        () = nemesis.run_until(started + options.duration) => {}
        () = tell_progress(&journal, &nemesis, started) => {}
    }
    tokio::time::sleep(AFTERWARDS).await;
    stop.now();
    let ended = async { while running.join_next().await.is_some() {} };
    tokio::time::timeout(CLIENTS_DEADLINE, ended).await.context("the clients do not end")?;

    let mut findings = Findings::default();
    let settled = come_to_rest(&cluster, options.settle_deadline, &mut findings).await;
    background.shutdown().await;
    let driven = started.elapsed();
    let entries = journal.take();
    check::everything(&cluster, &entries, &mut findings).await?;
    let mut report = Report::new(options, &entries, &nemesis, findings);
    report.driven = driven;
    report.settled = settled;
    report.ended_by_themselves = cluster.ended_by_themselves().await;
    if let Some(keep_in) = options.keep_in.as_deref().filter(|_| !report.is_clean()) {
        report.kept = Some(keep::everything(&cluster, &entries, keep_in, options.seed).await?);
    }
    Ok(report)
}

/// How long that took, if it did come to rest.
async fn come_to_rest(cluster: &Cluster, deadline: Duration, findings: &mut Findings) -> Option<Duration> {
    if let Err(error) = cluster.await_ready().await {
        findings.violation("I6", format!("{error:#}"));
    }
    match settle::wait(cluster, deadline).await {
        Ok(settled) => Some(settled),
        Err(lags) => {
            let lags: Vec<String> = lags.iter().map(|(what, lag)| format!("{what}: {lag}")).collect();
            findings
                .violation("I6", format!("after {} still behind: {}", seconds(deadline), lags.join("; ")));
            None
        }
    }
}

/// Never returns.
async fn tell_progress(journal: &Journal, nemesis: &Nemesis, started: Instant) {
    loop {
        tokio::time::sleep(PROGRESS).await;
        let attempts = journal.entries().attempts.len();
        let faults: u64 = nemesis.counts().values().sum();
        eprintln!("chaos: {:>4} s, {attempts} requests, {faults} faults", started.elapsed().as_secs());
    }
}
