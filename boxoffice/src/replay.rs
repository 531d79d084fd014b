//! `boxoffice replay <projection>`: a read model anew from the event log; with `--dry-run` only a look at how the live
//! one differs from it. `progress` says how far it is.

mod differences;
mod progress;

use std::process::ExitCode;

use anyhow::{Context, bail};
use platform::{Config, Shutdown, postgres::Statements};
use projector::{
    Projection, projections,
    rebuild::{Outcome, Rebuild},
};
use tokio_util::sync::CancellationToken;

use self::progress::Telling;
use crate::databases::Databases;

/// What shells report of a process that Ctrl-C ended: 128 + SIGINT. Nothing is wrong, but nothing is done either.
const PAUSED: u8 = 130;
/// Most rows that a dry run shows.
const MAX_SHOWN: usize = 20;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replay {
    /// Rebuild, going on with what an earlier one has left.
    GoOn,
    /// Rebuild from the first event.
    FromStart,
    /// Compare.
    DryRun,
}

pub(crate) async fn replay(
    config: &Config,
    name: &str,
    how: Replay,
    shutdown: &Shutdown,
) -> anyhow::Result<ExitCode> {
    let projection = projection(name)?;
    shutdown.listen_for_signals()?;
    let databases = Databases::beside_up(config).await?;
    let store = databases.store(databases.write_pool("boxoffice replay", Statements::Writes).await?).await?;
    let live = databases.projector_pool(Statements::Patient).await?;
    let code = fingerprint().context("cannot read this program's file")?;
    let stop: &CancellationToken = shutdown.token();
    let rebuild = Rebuild { projection, live: &live, store: &store, code: &code, stop };
    let ended = match how {
        Replay::GoOn => build(&rebuild, false).await,
        Replay::FromStart => build(&rebuild, true).await,
        Replay::DryRun => compare(&rebuild).await,
    };
    databases.stop().await?;
    ended
}

/// The projection of this name.
pub(crate) fn projection(name: &str) -> anyhow::Result<&'static dyn Projection> {
    projections::named(name).with_context(|| {
        let names: Vec<&str> = projections::all().iter().map(|projection| projection.name()).collect();
        format!("there is no projection `{name}`; there are: {}", names.join(", "))
    })
}

async fn build(rebuild: &Rebuild<'_>, from_start: bool) -> anyhow::Result<ExitCode> {
    let name = rebuild.projection.name();
    let mut telling = Telling::new(name);
    let outcome = rebuild.run(from_start, |step| telling.tell(step)).await;
    telling.end();
    match outcome.with_context(|| format!("the live rows of `{name}` are as they were"))? {
        Outcome::Paused(at) => {
            println!(
                "Paused at {} of {}; the live rows of `{name}` are as they were. `boxoffice replay {name}` goes on \
                 there, with --from-start it begins anew.",
                at.position, at.head
            );
            Ok(ExitCode::from(PAUSED))
        }
        Outcome::Switched { position, parked_streams } => {
            println!("`{name}` is rebuilt from {position} events of the log.");
            if parked_streams > 0 {
                println!(
                    "{parked_streams} of its streams are parked: `boxoffice projector parked list {name}` says why."
                );
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn compare(rebuild: &Rebuild<'_>) -> anyhow::Result<ExitCode> {
    let name = rebuild.projection.name();
    let mut telling = Telling::new(name);
    let compared = rebuild.compare(MAX_SHOWN, |step| telling.tell(step)).await;
    telling.end();
    let Some(comparison) = compared.with_context(|| format!("the rows of `{name}` cannot be compared"))?
    else {
        println!("Stopped; nothing is left of it, and nothing was compared.");
        return Ok(ExitCode::from(PAUSED));
    };
    match differences::print(name, &comparison) {
        0 => Ok(ExitCode::SUCCESS),
        differ => bail!(
            "{differ} rows of `{name}` are not what the event log says; `boxoffice replay {name}` makes them anew"
        ),
    }
}

/// Of this very program. Any other may make other rows of the same events.
fn fingerprint() -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(std::env::current_exe()?)?)?;
    Ok(hasher.finalize().to_string())
}
