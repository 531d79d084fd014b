//! The one binary of Boxoffice: every role as a subcommand, and `up`, which runs them all.

mod admin;
mod cli;
mod databases;
mod demo;
mod erase;
mod keys;
mod migrate;
mod parked;
mod reconcile;
mod replay;
mod roles;
mod run;
mod up;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use platform::{Config, Shutdown, telemetry};

use crate::{
    cli::{AdminCommand, Cli, Command, KeysCommand, ProcessesCommand, ProjectorCommand, RelayCommand},
    replay::Replay,
};

/// Returns to the system what hashing passwords took, and is faster where threads allocate for each other. Not for C, where
/// librdkafka would gain by it (the crate's feature `override`): the process would not start under libfaketime, which shows
/// what a wrong clock does.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match start(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("boxoffice: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider was installed first"))?;
    if let Command::Settings = cli.command {
        cli::print_settings()?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load()?;
    telemetry::init(&config)?;
    let shutdown = Shutdown::new();
    match cli.command {
        Command::Up { demo } => up::up(config, demo, shutdown).await,
        Command::CommandApi => run::role(roles::command_api, config, shutdown).await,
        Command::QueryApi => run::role(roles::query_api, config, shutdown).await,
        Command::Relay { command: None } => run::role(roles::relay, config, shutdown).await,
        Command::Relay { command: Some(RelayCommand::Reconcile { dry_run }) } => {
            reconcile::reconcile(&config, dry_run).await
        }
        Command::Projector { command: None } => run::role(roles::projector, config, shutdown).await,
        Command::Projector { command: Some(ProjectorCommand::Parked { command }) } => {
            parked::of_projector(&config, command).await
        }
        Command::Processes { command: None } => run::role(roles::processes, config, shutdown).await,
        Command::Processes { command: Some(ProcessesCommand::Parked { command }) } => {
            parked::of_processes(&config, command).await
        }
        Command::Migrate => migrate::migrate(&config).await,
        Command::Replay { projection, from_start, dry_run } => {
            let how = match (from_start, dry_run) {
                (_, true) => Replay::DryRun,
                (true, false) => Replay::FromStart,
                (false, false) => Replay::GoOn,
            };
            return replay::replay(&config, &projection, how, &shutdown).await;
        }
        Command::Admin { command: AdminCommand::Create { email, name, password_stdin } } => {
            admin::create(&config, &email, &name, password_stdin).await
        }
        Command::Keys { command: KeysCommand::Rotate } => keys::rotate(&config).await,
        Command::Keys { command: KeysCommand::List } => keys::list(&config).await,
        Command::Erase { user_id } => erase::erase(&config, user_id).await,
        Command::Settings => Ok(()),
    }?;
    Ok(ExitCode::SUCCESS)
}
