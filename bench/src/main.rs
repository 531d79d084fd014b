//! Measures Boxoffice: a load generator, and the ratios that the project wants to be judged by.
//!
//! - `http`, `load`, `pacing`, `tally`: the load generator. It knows nothing of tickets.
//! - `buyers`: what is requested.
//! - `servers`, `stage`, `trial`: PostgreSQL and the product as processes, prepared databases, one trial on them.
//! - `denominators`, `bare`, `kafka`: the other sides.
//! - `run`, `rows`, `best`: all ratios, interleaved; `report`, `chart`: what is written of them.
//! - `sell_out`, `seat_plan`, `long_stream`: two trials of their own.
//!
//! It uses the product's crates to prepare data and to sign tokens, and is never part of the product. `bench/README.md`
//! says what is measured and why so.

mod bare;
mod best;
mod buyers;
mod chart;
mod cli;
mod denominators;
mod http;
mod kafka;
mod large_log;
mod load;
mod long_stream;
mod machine;
mod pacing;
mod progress;
mod report;
mod rows;
mod run;
mod seat_plan;
mod sell_out;
mod servers;
mod stage;
mod tally;
mod trial;

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::runtime::Builder;

use crate::{
    buyers::Gets,
    cli::{Cli, Command, Load},
    load::Phase,
    progress::say,
    servers::Servers,
    stage::{EVENTS, Stage},
    trial::Trial,
};

fn main() -> Result<()> {
    let cli = Cli::parse();
    // The load comes from one thread: it needs no more, and what it takes is taken from the server.
    let one_thread = || Builder::new_current_thread().enable_all().build();
    match cli.command {
        Command::Bookings(options) => one_thread()?.block_on(bookings(options)),
        Command::Run(options) => one_thread()?.block_on(run::run(options)),
        Command::SellOut(options) => one_thread()?.block_on(sell_out::sell_out(options)),
        Command::LargeLog(options) => one_thread()?.block_on(large_log::large_log(options)),
        Command::LongStream(options) => one_thread()?.block_on(long_stream::long_stream(options)),
        Command::Get { url, load } => one_thread()?.block_on(get(&url, &load)),
        Command::Bare { listen } => bare::serve(listen),
    }
}

async fn bookings(options: cli::Bookings) -> Result<()> {
    if !(1..=EVENTS).contains(&options.events) {
        bail!("{} events: 1 to {EVENTS} are possible", options.events);
    }
    let servers = Servers::start(options.product.boxoffice, options.product.logs).await?;
    let stage = Stage::set(&servers, options.attendees).await?;
    for round in 1..=options.rounds {
        let trial = Trial {
            name: "bookings",
            events: &stage.events[..options.events],
            attendees: options.attendees,
            pace: options.load.pace(),
            duration: options.load.duration(),
            is_cold: options.cold,
            command_apis: options.command_apis,
        };
        let outcome = trial.run(&servers, &stage).await?;
        say(format!("round {round}: {}", outcome.summary));
        say(format!(
            "         of the machine: {:.0}% making the load, {:.0}% the product; its peak memory {:.0} MiB",
            outcome.load_share * 100.0,
            outcome.product_share * 100.0,
            outcome.peak_memory_mib
        ));
    }
    Ok(())
}

async fn get(url: &str, load: &Load) -> Result<()> {
    let rest = url.strip_prefix("http://").context("a URL that begins with http://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let server: SocketAddr = authority.parse().context("an address and a port")?;
    let phase = Phase { name: "GET", servers: &[server], pace: load.pace(), duration: load.duration() };
    say(phase.run(Gets::of(vec![format!("/{path}")])).await?.to_string());
    Ok(())
}
