//! Makes it visible that sales have started: `SalesStarted` in the show's stream, when its `salesStart` has come.

use std::time::Duration;

use chrono::{DateTime, Utc};
use command_api::ShowOrder;
use domain::ShowId;
use event_store::StoredEvent;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{ProcessError, Processes, context};

/// How often to look for starts that have come.
const POLL: Duration = Duration::from_millis(500);
/// Most shows that are looked at in one round.
const MAX_SHOWS: i64 = 100;

impl Processes {
    /// One round. A show whose writer fails holds up none of the others.
    pub(crate) async fn start_sales(&self) -> Result<(), ProcessError> {
        let now = self.store.now().await?;
        let due: Vec<(Uuid, i64)> = sqlx::query_as(
            "select event_id, sequence from sale_starts where starts_at <= $1 order by starts_at, event_id limit $2",
        )
        .bind(now)
        .bind(MAX_SHOWS)
        .fetch_all(self.store.pool())
        .await?;
        let mut failed = Ok(());
        for (event_id, sequence) in &due {
            if let Err(error) = self.start_sale_of(ShowId::new(*event_id), *sequence).await {
                self.put_start_behind_the_others(*event_id, *sequence).await?;
                failed = Err(error);
            }
        }
        if due.is_empty() {
            tokio::time::sleep(POLL).await;
        }
        failed
    }

    /// One that fails is tried again after those that have come meanwhile.
    async fn put_start_behind_the_others(&self, event_id: Uuid, sequence: i64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update sale_starts set starts_at = clock_timestamp() where event_id = $1 and sequence = $2",
        )
        .bind(event_id)
        .bind(sequence)
        .execute(self.store.pool())
        .await?;
        Ok(())
    }

    /// The show itself says whether there is anything to notice: it may be a draft, or sold at another time by now. Then
    /// the note of that goes in behind this one, or is in its place already.
    async fn start_sale_of(&self, show_id: ShowId, sequence: i64) -> Result<(), ProcessError> {
        self.writers.submit(show_id, ShowOrder::StartSales, None, context("sale-starts", None)).await?;
        sqlx::query("delete from sale_starts where event_id = $1 and sequence = $2")
            .bind(show_id.uuid())
            .bind(sequence)
            .execute(self.store.pool())
            .await?;
        Ok(())
    }
}

/// Notes when the sale of a show starts, as this event of its stream says.
pub(crate) async fn note_in_tx(
    tx: &mut PgConnection,
    event: &StoredEvent,
    starts_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into sale_starts (event_id, starts_at, sequence) values ($1::uuid, $2, $3)
         on conflict (event_id) do update set starts_at = excluded.starts_at, sequence = excluded.sequence
         where sale_starts.sequence < excluded.sequence",
    )
    .bind(&event.stream.id)
    .bind(starts_at)
    .bind(event.sequence)
    .execute(tx)
    .await?;
    Ok(())
}

/// What is cancelled is never sold.
pub(crate) async fn forget_in_tx(tx: &mut PgConnection, event: &StoredEvent) -> Result<(), sqlx::Error> {
    sqlx::query("delete from sale_starts where event_id = $1::uuid and sequence < $2")
        .bind(&event.stream.id)
        .bind(event.sequence)
        .execute(tx)
        .await?;
    Ok(())
}
