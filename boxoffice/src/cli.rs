//! The command line.

use std::io::{self, Write};

use clap::{Parser, Subcommand};

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
    Relay,
    /// Keeps the read models up to date
    Projector,
    /// Follows events and gives commands: ends holds that lapsed and bookings of cancelled events, notices that sales have
    /// started
    Processes,
    /// Creates or updates the tables of both databases, and the topics if KAFKA_BROKERS is set
    Migrate,
    /// Rebuilds a read model from the event log, beside the live one, and puts it in its place
    Replay {
        /// users, events, bookings, payments or notifications
        projection: String,
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
