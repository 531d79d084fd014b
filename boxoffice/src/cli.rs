//! The command line.

use std::io::{self, Write};

use clap::{Parser, Subcommand};
use event_store::StreamId;

use crate::parked;

/// How many parked streams or events are listed without `--limit`.
const LISTED: u32 = 50;

/// Sells tickets to events without ever overselling, and can prove it.
#[derive(Debug, Parser)]
#[command(name = "boxoffice", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Settings are environment variables: `boxoffice settings` lists them.
#[derive(Debug, Subcommand)]
#[expect(clippy::enum_variant_names, reason = "`command-api` is the role's name everywhere")]
pub(crate) enum Command {
    /// Runs every role in this process, on an embedded PostgreSQL unless DATABASE_URL is set
    Up {
        /// Fills an empty box office with a few events and bookings
        #[arg(long)]
        demo: bool,
    },
    /// Serves commands over HTTP: everything but GET
    CommandApi,
    /// Serves queries over HTTP: GET
    QueryApi,
    /// Moves events from the outbox into the event log and on to Kafka; one process at a time leads
    Relay {
        #[command(subcommand)]
        command: Option<RelayCommand>,
    },
    /// Keeps the read models up to date
    Projector {
        #[command(subcommand)]
        command: Option<ProjectorCommand>,
    },
    /// Follows events and gives commands: ends holds that lapsed and bookings of cancelled events, notices that sales have
    /// started
    Processes {
        #[command(subcommand)]
        command: Option<ProcessesCommand>,
    },
    /// Creates or updates the tables of both databases, and the topics if KAFKA_BROKERS is set
    Migrate,
    /// Rebuilds a read model from the event log, beside the live one, and puts it in its place
    Replay {
        /// users, events, bookings, payments or notifications
        projection: String,
        /// Begins anew, where otherwise a rebuild that was paused or killed would go on
        #[arg(long, conflicts_with = "dry_run")]
        from_start: bool,
        /// Changes nothing: shows where the live rows differ from what the event log says, and fails if they do
        #[arg(long)]
        dry_run: bool,
    },
    /// Looks after administrators
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Looks after the keys that sign access tokens
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Erases a user: destroys what is known of the person, cancels what they offer and have, and reports it
    Erase {
        /// The user's id
        user_id: uuid::Uuid,
    },
    /// Lists all settings: environment variables, defaults, meanings
    Settings,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Creates an administrator; prints a password unless one comes on the standard input
    Create {
        /// What they sign in with
        #[arg(long)]
        email: String,
        /// What they are called
        #[arg(long, default_value = "Administrator")]
        name: String,
        /// Reads the password from the first line of the standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RelayCommand {
    /// Compares the event log with Kafka and publishes again what Kafka has lost; relays may run meanwhile
    Reconcile {
        /// Only says what is missing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectorCommand {
    /// Looks after events that a projection could not apply; their streams wait
    Parked {
        #[command(subcommand)]
        command: ProjectorParked,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectorParked {
    /// Lists the streams that wait, those that wait longest first
    List {
        /// Only those of users, events, bookings, payments or notifications
        projection: Option<String>,
        /// How many at the most
        #[arg(long, default_value_t = LISTED, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Shows the parked events of a stream and why they are parked; personal data stays sealed
    Show {
        /// users, events, bookings, payments or notifications
        projection: String,
        /// The stream: its type and its id, with a slash between
        #[arg(value_parser = parked::stream)]
        stream: StreamId,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Tries the parked events of a stream again, and what came after; fails if any stays parked
    Resume {
        /// users, events, bookings, payments or notifications
        projection: String,
        /// The stream: its type and its id, with a slash between; without it every one that the projection has parked
        #[arg(value_parser = parked::stream)]
        stream: Option<StreamId>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProcessesCommand {
    /// Looks after events that the process managers could not understand; later ones went on
    Parked {
        #[command(subcommand)]
        command: ProcessesParked,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProcessesParked {
    /// Lists the events, those that wait longest first
    List {
        /// How many at the most
        #[arg(long, default_value_t = LISTED, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Shows the parked events of a stream and why they are parked; personal data stays sealed
    Show {
        /// The stream: its type and its id, with a slash between
        #[arg(value_parser = parked::stream)]
        stream: StreamId,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Tries parked events again; fails if any stays parked
    Resume {
        /// The stream: its type and its id, with a slash between; without it all of them
        #[arg(value_parser = parked::stream)]
        stream: Option<StreamId>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Makes a new key; tokens that the old one signed stay good until they expire
    Rotate,
    /// Lists all keys that there have been, newest first
    List,
}

/// One paragraph a setting. Who reads only the first lines (`| head`) is no error.
pub(crate) fn print_settings() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let printed = platform::config::settings().iter().try_for_each(|setting| {
        let default = setting.default.unwrap_or("none");
        writeln!(out, "{}\n    {}", setting.name, setting.meaning)?;
        writeln!(out, "    allowed: {}; default: {default}", setting.allowed)
    });
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}
