//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::{load::Pace, rows::Ratio};

/// Measures Boxoffice. `bench/README.md` says how, and what the numbers mean.
#[derive(Debug, Parser)]
#[command(name = "bench", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Every ratio, interleaved, and the report: what `./dev bench` runs
    Run(RunOptions),
    /// Sells a hall of numbered seats to a crowd, to the last seat
    SellOut(SellOut),
    /// Bookings of a show with a long stream ÷ of one with an empty stream
    LongStream(LongStream),
    /// The write side with a past of many events ÷ without
    LargeLog(LargeLog),
    /// Bookings over HTTP, on a PostgreSQL and a `boxoffice command-api` that it starts
    Bookings(Bookings),
    /// GETs of one address of a server that runs already
    Get {
        /// Such as http://127.0.0.1:8080/api/v1/events/…
        url: String,
        #[command(flatten)]
        load: Load,
    },
    /// Serves a bare axum JSON answer: what R8 is measured against
    Bare {
        /// Where
        #[arg(long, default_value = "127.0.0.1:8090")]
        listen: SocketAddr,
    },
}

/// How hard, for how long.
#[derive(Debug, Clone, Args)]
pub(crate) struct Load {
    /// Clients with one request at a time each; with --rate: connections
    #[arg(long, default_value_t = 64)]
    pub(crate) clients: usize,
    /// Requests a second, whatever the server does; latencies count from when each was due
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// How long
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
}

impl Load {
    pub(crate) fn pace(&self) -> Pace {
        match self.rate {
            None => Pace::Closed { clients: self.clients },
            Some(per_second) => Pace::Open { per_second, connections: self.clients },
        }
    }

    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Bookings {
    #[command(flatten)]
    pub(crate) load: Load,
    /// How many events the bookings are spread over: 1 is one hot show
    #[arg(long, default_value_t = 1)]
    pub(crate) events: usize,
    /// How many attendees there are: the most bookings of one event
    #[arg(long, default_value_t = 300_000)]
    pub(crate) attendees: usize,
    /// How often, each time on a fresh copy of the database
    #[arg(long, default_value_t = 1)]
    pub(crate) rounds: usize,
    /// Each booking is the first request of its token
    #[arg(long)]
    pub(crate) cold: bool,
    /// How many processes take the commands
    #[arg(long, default_value_t = 1)]
    pub(crate) command_apis: usize,
    #[command(flatten)]
    pub(crate) product: Product,
}

#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// Which rows; all, if none is named
    #[arg(value_enum, ignore_case = true)]
    pub(crate) rows: Vec<Ratio>,
    /// Two short rounds, to try whether it works; no result counts
    #[arg(long)]
    pub(crate) quick: bool,
    /// At least 5
    #[arg(long, conflicts_with = "quick")]
    pub(crate) rounds: Option<usize>,
    /// Of each phase
    #[arg(long, conflicts_with = "quick")]
    pub(crate) seconds: Option<u64>,
    /// Where the report goes
    #[arg(long, default_value = "docs/benchmarks")]
    pub(crate) out: PathBuf,
    /// Where the best of the tree's history is kept
    #[arg(long, default_value = "bench/best.json")]
    pub(crate) best: PathBuf,
    #[command(flatten)]
    pub(crate) product: Product,
}

#[derive(Debug, Args)]
pub(crate) struct SellOut {
    /// Numbered seats
    #[arg(long, default_value_t = 100_000)]
    pub(crate) seats: u32,
    /// Buyers at the same time
    #[arg(long, default_value_t = 2_000)]
    pub(crate) buyers: usize,
    /// Processes that take the commands
    #[arg(long, default_value_t = 2)]
    pub(crate) command_apis: usize,
    #[command(flatten)]
    pub(crate) product: Product,
}

#[derive(Debug, Args)]
pub(crate) struct LongStream {
    /// Events in the long stream before the measurement
    #[arg(long, default_value_t = 200_000)]
    pub(crate) events: usize,
    #[arg(long, default_value_t = 64)]
    pub(crate) clients: usize,
    #[command(flatten)]
    pub(crate) repeats: Repeats,
}

#[derive(Debug, Args)]
pub(crate) struct LargeLog {
    /// Events of the past; a million takes about a gigabyte
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) events: u64,
    #[command(flatten)]
    pub(crate) repeats: Repeats,
}

/// How long each side of a comparison is loaded, and how often.
#[derive(Debug, Args)]
pub(crate) struct Repeats {
    /// Of each phase of bookings
    #[arg(long, default_value_t = 8)]
    pub(crate) seconds: u64,
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    #[command(flatten)]
    pub(crate) product: Product,
}

/// Which product.
#[derive(Debug, Clone, Args)]
pub(crate) struct Product {
    /// The binary; otherwise the one beside this one
    #[arg(long)]
    pub(crate) boxoffice: Option<PathBuf>,
    /// Keeps what the product logs in a file while it runs, instead of throwing it away
    #[arg(long)]
    pub(crate) logs: bool,
}
