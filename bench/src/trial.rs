//! One trial of bookings: a fresh copy of the stage, the product on it, one phase of load, and a look whether the
//! database holds exactly what was acknowledged.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use platform::tokens::MAX_VERIFIED_TOKENS;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::{
    buyers::{Bookings, FirstRequests},
    load::{Pace, Phase},
    machine,
    servers::{Running, Servers},
    stage::Stage,
    tally::Summary,
};

/// How long a relay may take to number everything.
const NUMBERING_DEADLINE: Duration = Duration::from_secs(600);
const NUMBERING_POLL: Duration = Duration::from_millis(20);

/// Clients that show their tokens before a sale.
const ARRIVING_CLIENTS: usize = 64;
/// Longest that they may take.
const ARRIVAL_DEADLINE: Duration = Duration::from_secs(300);

/// What is tried.
pub(crate) struct Trial<'a> {
    pub(crate) name: &'a str,
    pub(crate) events: &'a [Uuid],
    /// How many of the stage's attendees take part.
    pub(crate) attendees: usize,
    pub(crate) pace: Pace,
    pub(crate) duration: Duration,
    /// Whether each booking is the first request of its token.
    pub(crate) is_cold: bool,
    pub(crate) command_apis: usize,
}

/// What it led to.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) summary: Summary,
    /// The share of the machine that making the load took.
    pub(crate) load_share: f64,
    /// The share of the machine that the product's processes took.
    pub(crate) product_share: f64,
    pub(crate) peak_memory_mib: f64,
}

impl Trial<'_> {
    /// Runs it on a copy of its own.
    pub(crate) async fn run(&self, servers: &Servers, stage: &Stage) -> Result<Outcome> {
        const DATABASE: &str = "trial";
        stage.copy(servers, DATABASE).await?;
        let mut processes = Vec::new();
        for _ in 0..self.command_apis {
            processes.push(servers.role("command-api", DATABASE).await?);
        }
        let attendees = stage.some_attendees(self.attendees);
        if !self.is_cold {
            show_tokens(&addresses(&processes), &attendees).await?;
        }
        let outcome = self.measure(&processes, Bookings::of(self.events, &attendees)).await?;
        for process in processes {
            process.stop().await;
        }
        check_counts(servers, DATABASE, self.name, outcome.summary.accepted).await?;
        servers.drop(DATABASE).await?;
        Ok(outcome)
    }

    /// One phase of load on processes that run already.
    pub(crate) async fn measure(&self, processes: &[Running], bookings: Bookings) -> Result<Outcome> {
        let addresses = addresses(processes);
        let phase = Phase { name: self.name, servers: &addresses, pace: self.pace, duration: self.duration };
        let own_before = machine::cpu_seconds(std::process::id())?;
        let product_before = cpu_seconds(processes)?;
        let started = Instant::now();
        let summary = phase.run(bookings).await?;
        let elapsed = started.elapsed();
        let own = machine::cpu_seconds(std::process::id())? - own_before;
        let product = cpu_seconds(processes)? - product_before;
        let mut peak_memory_mib: f64 = 0.0;
        for process in processes {
            peak_memory_mib = peak_memory_mib.max(process.peak_memory_mib()?);
        }
        Ok(Outcome {
            summary,
            load_share: machine::share(own, elapsed)?,
            product_share: machine::share(product, elapsed)?,
            peak_memory_mib,
        })
    }
}

pub(crate) fn addresses(processes: &[Running]) -> Vec<SocketAddr> {
    processes.iter().map(|process| process.address).collect()
}

fn cpu_seconds(processes: &[Running]) -> Result<f64> {
    processes.iter().map(Running::cpu_seconds).sum()
}

/// What a buyer does before a sale: something for which the token is checked. Of more tokens than the product remembers
/// the first ones only, or those that come later would push them out.
pub(crate) async fn show_tokens(servers: &[SocketAddr], attendees: &Arc<Vec<Box<str>>>) -> Result<()> {
    let first: Vec<Box<str>> = attendees.iter().take(MAX_VERIFIED_TOKENS).cloned().collect();
    let count = first.len();
    let first = Arc::new(first);
    for server in servers {
        let phase = Phase {
            name: "buyers arrive",
            servers: std::slice::from_ref(server),
            pace: Pace::Closed { clients: ARRIVING_CLIENTS },
            duration: ARRIVAL_DEADLINE,
        };
        let arrived = phase.run(FirstRequests::of(&first)).await?;
        if arrived.statuses.get(&422).copied() != Some(count as u64) {
            bail!("not every token was accepted: {arrived}");
        }
    }
    Ok(())
}

/// Looks on this connection do not slow down what is looked at: PostgreSQL would read the whole of a table that it still takes
/// for empty, and compile what it takes for costly.
pub(crate) async fn look_by_keys(connection: &mut PgConnection) -> Result<()> {
    sqlx::raw_sql("set enable_seqscan = off; set jit = off").execute(connection).await?;
    Ok(())
}

/// Waits until a relay has given every event its place in the log.
pub(crate) async fn all_are_numbered(connection: &mut PgConnection) -> Result<()> {
    let started = Instant::now();
    look_by_keys(connection).await?;
    // For the newest: whoever looks for any passes over every pointer that has gone.
    let waits = "select exists (select from (select from outbox order by position desc limit 1) newest)";
    while sqlx::query_scalar(waits).fetch_one(&mut *connection).await? {
        if started.elapsed() > NUMBERING_DEADLINE {
            bail!("not every event had its place after {NUMBERING_DEADLINE:?}");
        }
        tokio::time::sleep(NUMBERING_POLL).await;
    }
    Ok(())
}

/// That there are as many bookings as were acknowledged; if requests broke, at least as many.
pub(crate) async fn check_counts(servers: &Servers, database: &str, name: &str, accepted: u64) -> Result<()> {
    let mut connection = PgConnection::connect(&servers.url(database)).await?;
    let stored: i64 = sqlx::query_scalar(
        "select count(*) from events
         where aggregate_type = 'booking' and event_type in ('BookingConfirmed', 'BookingHeld')",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    if u64::try_from(stored)? != accepted {
        bail!("{name}: {accepted} bookings were acknowledged and {stored} are stored");
    }
    Ok(())
}
