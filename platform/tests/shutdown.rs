//! A real signal; alone in its process, because the signal is for the process.

use std::process::{self, Command};
use std::time::Duration;

use anyhow::{Result, ensure};
use platform::Shutdown;

#[tokio::test]
async fn sigterm_asks_every_part_to_stop() -> Result<()> {
    let shutdown = Shutdown::new();
    let part = shutdown.child();
    shutdown.listen_for_signals()?;
    ensure!(Command::new("kill").args(["-TERM", &process::id().to_string()]).status()?.success());
    tokio::time::timeout(Duration::from_secs(10), part.requested()).await?;
    ensure!(shutdown.is_requested());
    Ok(())
}
