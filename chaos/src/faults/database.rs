//! Transactions that others have to live with, ended backends, and events that nobody understands.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Done, Nemesis};
use crate::{dice::Dice, journal::Planted};

/// Events of a poisoned stream: later ones wait behind the first.
const POISONED_EVENTS: i64 = 2;
const STREAM_TYPES: [&str; 3] = ["user", "event", "booking"];

impl Nemesis {
    pub(super) async fn terminate_backends(&self, dice: &mut Dice) -> Result<Done> {
        let mut backends: Vec<i32> = sqlx::query_scalar(
            "select pid from pg_stat_activity where application_name like 'boxoffice%' order by backend_start, pid",
        )
        .fetch_all(&self.cluster.write)
        .await?;
        if backends.is_empty() {
            bail!("the product has no backends");
        }
        dice.shuffle(&mut backends);
        backends.truncate(backends.len().div_ceil(2));
        sqlx::query("select pg_terminate_backend(pid) from unnest($1::int[]) as pid")
            .bind(&backends)
            .execute(&self.cluster.write)
            .await?;
        Ok(Done::Yes)
    }

    /// A show of nobody's, like one that is there, in a stream of its own.
    pub(super) async fn late_commit(&self, dice: &mut Dice) -> Result<Done> {
        let mut payload: Value = sqlx::query_scalar(
            "select payload from events where event_type = 'EventCreated' order by position limit 1",
        )
        .fetch_one(&self.cluster.write)
        .await?;
        let id = Uuid::now_v7();
        payload["eventId"] = json!(id);
        payload["title"] = json!("An evening that came late");
        let stream = ("event".to_owned(), id.to_string());
        let planted = Planted { stream, events: 1, acknowledged: false, poison: false };
        let place = self.plant(planted);
        let mut tx = self.cluster.write.begin().await?;
        sqlx::query(
            "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
             values ('event', $1, 1, 'EventCreated', '1', $2, '{}')",
        )
        .bind(id.to_string())
        .bind(&payload)
        .execute(&mut *tx)
        .await?;
        tokio::time::sleep(dice.millis(self.pace.transaction.clone())).await;
        tx.commit().await.context("another fault ended the transaction")?;
        self.journal.entries().planted[place].acknowledged = true;
        Ok(Done::Yes)
    }

    pub(super) async fn idle_transaction_elsewhere(&self, dice: &mut Dice) -> Result<Done> {
        let mut tx = self.cluster.other_database.begin().await?;
        sqlx::query("create table written_and_forgotten (id bigint)").execute(&mut *tx).await?;
        tokio::time::sleep(dice.millis(self.pace.transaction.clone())).await;
        tx.rollback().await.context("another fault ended the transaction")?;
        Ok(Done::Yes)
    }

    pub(super) async fn poison(&self, dice: &mut Dice) -> Result<Done> {
        let stream_type = STREAM_TYPES[dice.below(STREAM_TYPES.len())];
        let id = Uuid::now_v7().to_string();
        let stream = (stream_type.to_owned(), id.clone());
        let planted = Planted { stream, events: POISONED_EVENTS, acknowledged: false, poison: true };
        let place = self.plant(planted);
        sqlx::query(
            "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
             select $1, $2, sequence, 'NeverHeardOf', '1', '{\"type\":\"NeverHeardOf\"}', '{}'
             from generate_series(1, $3) as sequence",
        )
        .bind(stream_type)
        .bind(id)
        .bind(POISONED_EVENTS)
        .execute(&self.cluster.write)
        .await?;
        self.journal.entries().planted[place].acknowledged = true;
        Ok(Done::Yes)
    }

    /// Its place in the journal.
    fn plant(&self, planted: Planted) -> usize {
        let mut entries = self.journal.entries();
        entries.planted.push(planted);
        entries.planted.len() - 1
    }
}
