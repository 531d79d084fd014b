//! Processes of the product, the database server and the broker: killed, stopped and continued.

use anyhow::Result;

use testkit::{free_port, process::Process};

use super::{Done, Nemesis};
use crate::dice::Dice;

impl Nemesis {
    pub(super) async fn kill(&self, kind: &'static str, dice: &mut Dice) -> Result<Done> {
        let roles = self.cluster.roles_of(kind);
        let role = roles[dice.below(roles.len())];
        let mut running = role.running.lock().await;
        running.process.kill_hard();
        self.outage(dice).await;
        self.cluster.respawn(role, &mut running, &[]);
        Ok(Done::Yes)
    }

    pub(super) async fn pause(&self, kind: &'static str, dice: &mut Dice) -> Result<Done> {
        let roles = self.cluster.roles_of(kind);
        let role = roles[self.leader_of(&roles).await.unwrap_or_else(|| dice.below(roles.len()))];
        let mut running = role.running.lock().await;
        running.process.pause();
        tokio::time::sleep(dice.millis(self.pace.pause.clone())).await;
        running.process.resume();
        Ok(Done::Yes)
    }

    /// The relay that leads: to stop the other one would prove nothing.
    async fn leader_of(&self, roles: &[&crate::cluster::Role]) -> Option<usize> {
        let holder: Option<String> = sqlx::query_scalar("select holder from relay_leader")
            .fetch_one(&self.cluster.write)
            .await
            .ok()?;
        let holder = holder?;
        for (place, role) in roles.iter().enumerate().filter(|(_, role)| role.kind == "relay") {
            if holder.starts_with(&format!("process {} ", role.running.lock().await.process.id())) {
                return Some(place);
            }
        }
        None
    }

    pub(super) async fn kill_postgres(&self, dice: &mut Dice) -> Result<Done> {
        let mut postgres = self.cluster.postgres.lock().await;
        postgres.kill_hard().await;
        self.outage(dice).await;
        postgres.restart().await;
        Ok(Done::Yes)
    }

    pub(super) async fn pause_postgres(&self, dice: &mut Dice) -> Result<Done> {
        let mut postgres = self.cluster.postgres.lock().await;
        postgres.pause();
        tokio::time::sleep(dice.millis(self.pace.pause.clone())).await;
        postgres.resume();
        Ok(Done::Yes)
    }

    pub(super) async fn kill_kafka(&self, dice: &mut Dice) -> Result<Done> {
        let mut kafka = self.cluster.kafka.lock().await;
        kafka.kill_hard();
        self.outage(dice).await;
        kafka.restart().await;
        Ok(Done::Yes)
    }

    pub(super) async fn pause_kafka(&self, dice: &mut Dice) -> Result<Done> {
        let mut kafka = self.cluster.kafka.lock().await;
        kafka.pause();
        tokio::time::sleep(dice.millis(self.pace.pause.clone())).await;
        kafka.resume();
        Ok(Done::Yes)
    }

    /// Leaves in good order or is killed, so that the group has to miss it.
    pub(super) async fn consumers_come_and_go(&self, dice: &mut Dice) -> Result<Done> {
        let mut command = self.cluster.command("projector");
        let mut further =
            Process::spawn(command.env("BOXOFFICE_LISTEN", format!("127.0.0.1:{}", free_port())));
        tokio::time::sleep(dice.millis(2_000..=5_000)).await;
        if dice.percent(50) {
            further.kill_hard();
        } else {
            further.terminate(crate::cluster::READY_DEADLINE).await;
        }
        Ok(Done::Yes)
    }
}
