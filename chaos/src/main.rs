//! `./dev chaos`: breaks a running Boxoffice and checks what is left.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, bail};
use chaos::{
    Options,
    faults::{ALL, Pace},
};
use clap::Parser;

const SECONDS_A_MINUTE: f64 = 60.0;
const SETTLE_DEADLINE: Duration = Duration::from_secs(180);

/// Breaks a running Boxoffice by every means, and checks what is left against its invariants. `chaos/README.md` says how.
#[derive(Debug, Parser)]
#[command(name = "chaos", version, about)]
struct Cli {
    /// Repeats a run: the same commands and faults, as far as time lets them; otherwise one of the moment
    #[arg(long)]
    seed: Option<u64>,
    /// How long commands and faults come
    #[arg(long, default_value_t = 8.0)]
    minutes: f64,
    /// Clients that book at the same time
    #[arg(long, default_value_t = 12)]
    clients: usize,
    /// The binary; otherwise the one beside this one
    #[arg(long)]
    boxoffice: Option<PathBuf>,
    /// Where data and logs are kept when something was found
    #[arg(long, default_value = "target/chaos")]
    keep_in: PathBuf,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let boxoffice = match cli.boxoffice {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name("boxoffice"),
    };
    if !boxoffice.is_file() {
        bail!("there is no {}: cargo build --release --package boxoffice", boxoffice.display());
    }
    let options = Options {
        seed: cli.seed.unwrap_or_else(seed_of_the_moment),
        duration: Duration::from_secs_f64(cli.minutes * SECONDS_A_MINUTE),
        settle_deadline: SETTLE_DEADLINE,
        boxoffice,
        faults: ALL.to_vec(),
        pace: Pace::full(),
        clients: cli.clients,
        planted_bug: None,
        keep_in: Some(cli.keep_in),
    };
    println!("chaos: seed {}, {} minutes", options.seed, cli.minutes);
    let report = chaos::run(&options).await?;
    println!("{report}");
    Ok(if report.is_clean() && report.shortcomings().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn seed_of_the_moment() -> u64 {
    const SEEDS: u128 = 1_000_000;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    (since % SEEDS) as u64
}
