//! Follows events and notes what is to be done.

use std::convert::identity;

use cqrs_es::Aggregate;
use domain::{
    booking::Booking,
    show::{ShowEvent, Taken},
};
use event_store::{StoredEvent, event_log::LoggedEvent};
use feed::{Batch, FollowerConnection, SharedLog, Source, answered, blames_the_data, dealt_with};
use sqlx::{Connection, PgConnection};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{FOLLOWING, ProcessError, Processes, RETRY_PAUSE, payments, sale_starts};

const NAME: &str = "processes";
const STREAM_TYPES: &[&str] = &["event", "booking"];

impl Processes {
    /// Follows until the source ends or it is told to stop.
    pub(crate) async fn follow(&self, shutdown: &CancellationToken) -> Result<(), ProcessError> {
        let mut write = FollowerConnection::open(self.store.pool()).await?;
        let checkpoint = answered(checkpoint(&mut write)).await?;
        let mut source = match &self.brokers {
            None => Source::log(SharedLog::new(self.store.clone()), STREAM_TYPES, checkpoint),
            Some(brokers) => {
                Source::kafka(brokers, NAME, self.store.clone(), STREAM_TYPES, checkpoint).await?
            }
        };
        self.goes_on(FOLLOWING);
        tokio::select! {
            ended = self.note_all(&mut source, &mut write) => ended,
            () = shutdown.cancelled() => {
                // With the locks of the batch in hand, which others will want next.
                drop(write);
                source.leave().await;
                Ok(())
            }
        }
    }

    /// Notes until the source ends or the connection is lost. What else fails is tried again, from the same place.
    async fn note_all(
        &self,
        source: &mut Source,
        write: &mut FollowerConnection,
    ) -> Result<(), ProcessError> {
        loop {
            let batch = match source.next().await {
                Err(error) if !error.ends_the_source() => {
                    self.fails(FOLLOWING, &error);
                    tokio::time::sleep(RETRY_PAUSE).await;
                    continue;
                }
                batch => batch?,
            };
            while let Err(error) = dealt_with(note_or_park(write, &batch), identity).await {
                self.fails(FOLLOWING, &error);
                // With the connection the last batches may be lost: they come again, from a new source.
                write.after_failure().await?;
                // Nothing behind this batch may overtake it.
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            match source.done() {
                Ok(()) => self.goes_on(FOLLOWING),
                Err(error) => self.fails(FOLLOWING, &error),
            }
        }
    }
}

/// One batch. An event that PostgreSQL refuses is parked, or nothing behind it would ever be noted.
async fn note_or_park(write: &mut FollowerConnection, batch: &Batch) -> Result<(), sqlx::Error> {
    match note(write, batch, Savepoints::None).await {
        Err(error) if blames_the_data(&error) => note(write, batch, Savepoints::EachEvent).await,
        noted => noted,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Savepoints {
    None,
    /// So that the event that is at fault can be told from the others.
    EachEvent,
}

/// One batch, in one transaction with the checkpoint.
async fn note(
    write: &mut FollowerConnection,
    batch: &Batch,
    savepoints: Savepoints,
) -> Result<(), sqlx::Error> {
    let mut tx = write.begin(format!("begin; {}", batch.durability())).await?;
    for LoggedEvent { event, .. } in &batch.events {
        let noted = match savepoints {
            Savepoints::None => note_in_tx(&mut tx, event).await,
            Savepoints::EachEvent => note_by_itself_in_tx(&mut tx, event).await,
        };
        match noted {
            Ok(()) => {}
            Err(NotNoted::Database(error)) => return Err(error),
            Err(NotNoted::NotUnderstood(reason)) => park_in_tx(&mut tx, event, &reason).await?,
        }
    }
    if let Some(checkpoint) = batch.checkpoint {
        sqlx::query("update process_checkpoints set position = greatest(position, $2) where process = $1")
            .bind(NAME)
            .bind(checkpoint)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await
}

async fn checkpoint(write: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query("insert into process_checkpoints (process) values ($1) on conflict do nothing")
        .bind(NAME)
        .execute(&mut *write)
        .await?;
    sqlx::query_scalar("select position from process_checkpoints where process = $1")
        .bind(NAME)
        .fetch_one(write)
        .await
}

/// Why nothing was noted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotNoted {
    /// The event, or the id of its stream; why.
    #[error("the event cannot be understood: {0}")]
    NotUnderstood(String),
    #[error("the write database failed")]
    Database(#[from] sqlx::Error),
}

impl From<serde_json::Error> for NotNoted {
    fn from(error: serde_json::Error) -> Self {
        // Never a value of the event: some are personal data.
        Self::NotUnderstood(format!(
            "its payload is not what its type promises, at column {}",
            error.column()
        ))
    }
}

impl From<uuid::Error> for NotNoted {
    fn from(error: uuid::Error) -> Self {
        Self::NotUnderstood(format!("the stream's id: {error}"))
    }
}

/// With a savepoint, so that what PostgreSQL refuses is taken back and no more.
pub(crate) async fn note_by_itself_in_tx(tx: &mut PgConnection, event: &StoredEvent) -> Result<(), NotNoted> {
    let mut savepoint = tx.begin().await?;
    match note_in_tx(&mut savepoint, event).await {
        Err(NotNoted::Database(error)) if blames_the_data(&error) => {
            savepoint.rollback().await?;
            let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
            Err(NotNoted::NotUnderstood(format!("the write database refuses what it says: SQLSTATE {code}")))
        }
        Err(error) => Err(error),
        Ok(()) => Ok(savepoint.commit().await?),
    }
}

/// Each note may be made twice, and an old one after a newer one: what is done about it looks at the stream itself.
pub(crate) async fn note_in_tx(tx: &mut PgConnection, event: &StoredEvent) -> Result<(), NotNoted> {
    // Here an id is a UUID, and PostgreSQL must read it as one.
    let id: Uuid = event.stream.id.parse()?;
    if id.to_string() != event.stream.id {
        return Err(NotNoted::NotUnderstood("the stream's id is not written as ours are".to_owned()));
    }
    if event.stream.kind == Booking::TYPE {
        payments::note_in_tx(tx, event, &event.decode()?).await?;
    } else {
        note_show_in_tx(tx, event, event.decode()?).await?;
    }
    Ok(())
}

async fn note_show_in_tx(
    tx: &mut PgConnection,
    event: &StoredEvent,
    decoded: ShowEvent,
) -> Result<(), sqlx::Error> {
    match decoded {
        ShowEvent::TicketsHeld { taken, held_until, .. } => {
            note_deadline_in_tx(tx, event, taken.booking_id.uuid(), held_until).await?;
        }
        ShowEvent::HoldExtended { booking_id, held_until, .. } => {
            note_deadline_in_tx(tx, event, booking_id.uuid(), held_until).await?;
        }
        ShowEvent::HoldExpired { taken, .. } | ShowEvent::TicketsReleased { taken, .. } => {
            forget_deadline_in_tx(tx, &taken).await?;
        }
        ShowEvent::EventCancelled { .. } => {
            sqlx::query(
                "insert into cascades (cause_id, kind, subject_id) values ($1, 'event-cancelled', $2::uuid)
                 on conflict do nothing",
            )
            .bind(event.event_id)
            .bind(&event.stream.id)
            .execute(&mut *tx)
            .await?;
            sale_starts::forget_in_tx(tx, event).await?;
        }
        ShowEvent::EventCreated { details, at, .. } => {
            if let Some(start) = details.schedule.sales_start.filter(|start| *start > at) {
                sale_starts::note_in_tx(tx, event, start).await?;
            }
        }
        // Without a start, or with one that has passed, the sale has started by this change, if it had not before.
        ShowEvent::EventChanged { details, at, .. } => {
            let start = details.schedule.sales_start.map_or(at, |start| start.max(at));
            sale_starts::note_in_tx(tx, event, start).await?;
        }
        // The start of a draft's sale is noted already. Where it has passed, the sale starts with the publication.
        ShowEvent::EventPublished { .. }
        | ShowEvent::EventDeleted { .. }
        | ShowEvent::SalesStarted { .. }
        | ShowEvent::TicketsSold { .. } => {}
    }
    Ok(())
}

/// Loudly: somebody must look at it.
async fn park_in_tx(tx: &mut PgConnection, event: &StoredEvent, reason: &str) -> Result<(), sqlx::Error> {
    tracing::error!(reason, stream = %event.stream, sequence = event.sequence, "an event cannot be understood; parked");
    sqlx::query(
        "insert into process_parked (aggregate_type, aggregate_id, sequence, reason) values ($1, $2, $3, $4)
         on conflict do nothing",
    )
    .bind(&event.stream.kind)
    .bind(&event.stream.id)
    .bind(event.sequence)
    .bind(reason)
    .execute(tx)
    .await?;
    Ok(())
}

async fn note_deadline_in_tx(
    tx: &mut PgConnection,
    event: &StoredEvent,
    booking_id: Uuid,
    held_until: chrono::DateTime<chrono::Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into hold_deadlines (booking_id, event_id, held_until) values ($1, $2::uuid, $3)
         on conflict (booking_id) do update set held_until = greatest(hold_deadlines.held_until, excluded.held_until)",
    )
    .bind(booking_id)
    .bind(&event.stream.id)
    .bind(held_until)
    .execute(tx)
    .await?;
    Ok(())
}

async fn forget_deadline_in_tx(tx: &mut PgConnection, taken: &Taken) -> Result<(), sqlx::Error> {
    sqlx::query("delete from hold_deadlines where booking_id = $1")
        .bind(taken.booking_id.uuid())
        .execute(tx)
        .await?;
    Ok(())
}
