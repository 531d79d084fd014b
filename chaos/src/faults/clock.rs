//! A process whose clock is an hour off, by libfaketime (<https://github.com/wolfcw/libfaketime>).

use std::{fs, path::PathBuf};

use anyhow::{Result, bail};

use super::{Done, Nemesis};
use crate::dice::Dice;

const KINDS: [&str; 4] = ["command-api", "relay", "projector", "processes"];

impl Nemesis {
    pub(super) async fn clock_off(&self, dice: &mut Dice) -> Result<Done> {
        let Some(library) = library() else {
            return Ok(Done::Skipped("libfaketime is not installed (Debian's package faketime)".to_owned()));
        };
        let roles = self.cluster.roles_of(KINDS[dice.below(KINDS.len())]);
        let role = roles[dice.below(roles.len())];
        let offset = if dice.percent(50) { "+1h" } else { "-1h" };
        let mut running = role.running.lock().await;
        running.process.kill_hard();
        let environment = [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME", offset.to_owned()),
            // Timeouts last as long as they do; only the time of day is another one.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        self.cluster.respawn(role, &mut running, &environment);
        tokio::time::sleep(dice.millis(6_000..=10_000)).await;
        let ended = running.process.exit_status();
        running.process.kill_hard();
        self.cluster.respawn(role, &mut running, &[]);
        match ended {
            None => Ok(Done::Yes),
            Some(status) => bail!("a {} with the wrong clock ended by itself: {status}", role.kind),
        }
    }
}

/// Where Debian puts it.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let places = folders.filter_map(|folder| Some(folder.ok()?.path().join("faketime/libfaketimeMT.so.1")));
    places.filter(|place| place.exists()).min()
}
