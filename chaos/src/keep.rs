//! Keeps what a run leaves, so that somebody can look at what was found.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{cluster::Cluster, journal::Entries};

/// Copies logs, data and journal into a folder of the run's own, and says where.
pub(crate) async fn everything(
    cluster: &Cluster,
    journal: &Entries,
    keep_in: &Path,
    seed: u64,
) -> Result<PathBuf> {
    let folder = keep_in.join(format!("seed-{seed}-{}", chrono::Utc::now().format("%Y%m%dT%H%M%S")));
    fs::create_dir_all(&folder)?;
    for role in &cluster.roles {
        let name = format!("{}.log", role.name.replace(' ', "-"));
        fs::write(folder.join(name), role.running.lock().await.process.output())?;
    }
    let attempts = journal.attempts.iter().map(|attempt| {
        let command = &journal.commands[attempt.command];
        format!("{} {} {:?} {attempt:?}\n", attempt.command, command.order.name(), command.order)
    });
    fs::write(folder.join("journal.txt"), attempts.collect::<String>())?;
    let kafka = cluster.kafka.lock().await;
    fs::write(folder.join("kafka.log"), kafka.log())?;
    copy(&kafka.data_dir(), &folder.join("kafka"))?;
    let mut postgres = cluster.postgres.lock().await;
    fs::write(folder.join("postgres.log"), postgres.log())?;
    // A copy of what a running server is writing would need its recovery; that is no harm.
    postgres.pause();
    let copied = copy(&postgres.data_dir(), &folder.join("postgres"));
    postgres.resume();
    copied?;
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).output().context("cp")?;
    anyhow::ensure!(done.status.success(), "cp: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
