//! No room on PostgreSQL's disk.

use anyhow::Result;

use super::{Done, Nemesis};
use crate::dice::Dice;

/// What is left, in kibibytes: not enough for long.
const LEFT: u64 = 256;

impl Nemesis {
    pub(super) async fn full_disk(&self, dice: &mut Dice) -> Result<Done> {
        let disk = match &self.cluster.disk {
            Ok(disk) => disk,
            Err(why) => return Ok(Done::Skipped(format!("no disk can be mounted for PostgreSQL: {why}"))),
        };
        let mut postgres = self.cluster.postgres.lock().await;
        disk.fill_up_to(LEFT)?;
        tokio::time::sleep(dice.millis(2_000..=5_000)).await;
        disk.make_room()?;
        // Without room for its log it stops: an operator starts it again.
        if !postgres.is_running() {
            postgres.restart().await;
        }
        Ok(Done::Yes)
    }
}
