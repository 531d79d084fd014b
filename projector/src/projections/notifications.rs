//! `notifications`: who is to be told what, once a person and cause. Rows only; delivering them is not done here.

use async_trait::async_trait;
use domain::{
    BookingId, UserId,
    booking::BookingEvent,
    show::{OfferedTicketType, ShowEvent, Taken},
};
use event_store::StoredEvent;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    ApplyError, Projection,
    projection::{AppliedSql, applied_sql},
};

/// One row a notification, and what must be known of events to make them.
#[derive(Debug, Clone, Copy)]
pub struct Notifications;

/// What a notification is about.
struct News<'a> {
    kind: &'static str,
    to: UserId,
    cause: &'a str,
    event_id: Uuid,
    booking_id: Option<Uuid>,
}

#[async_trait]
impl Projection for Notifications {
    fn name(&self) -> &'static str {
        "notifications"
    }

    fn stream_types(&self) -> &'static [&'static str] {
        &["event", "booking"]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["notifications", "notification_events", "notification_holds", "notifications_applied"]
    }

    fn rebuild_schema(&self) -> &'static str {
        "rebuild_notifications"
    }

    fn applied(&self) -> &'static AppliedSql {
        &applied_sql!("notifications_applied")
    }

    async fn apply_in_tx(&self, tx: &mut PgConnection, event: &StoredEvent) -> Result<(), ApplyError> {
        if event.stream.kind == "booking" {
            apply_booking_event(tx, event).await
        } else {
            apply_show_event(tx, event).await
        }
    }
}

async fn apply_booking_event(tx: &mut PgConnection, event: &StoredEvent) -> Result<(), ApplyError> {
    match event.decode()? {
        BookingEvent::BookingConfirmed { booking_id, event_id, user_id, .. } => {
            let news = News {
                kind: "booking-confirmed",
                to: user_id,
                cause: &event.stream.id,
                event_id: event_id.uuid(),
                booking_id: Some(booking_id.uuid()),
            };
            tell(tx, event, &news).await?;
        }
        BookingEvent::BookingHeld { .. }
        | BookingEvent::BookingExtended { .. }
        | BookingEvent::BookingExpired { .. }
        | BookingEvent::BookingCancelled { .. } => {}
    }
    Ok(())
}

async fn apply_show_event(tx: &mut PgConnection, event: &StoredEvent) -> Result<(), ApplyError> {
    let event_id = &event.stream.id;
    match event.decode()? {
        ShowEvent::EventCreated { host_id, ticket_types, .. } => {
            let sql =
                "insert into notification_events (event_id, host_id, capacity) values ($1::uuid, $2, $3)";
            let capacity = capacity(&ticket_types);
            sqlx::query(sql).bind(event_id).bind(host_id.uuid()).bind(capacity).execute(tx).await?;
        }
        ShowEvent::EventChanged { ticket_types, .. } => {
            let sql = "update notification_events set capacity = $2 where event_id = $1::uuid";
            sqlx::query(sql).bind(event_id).bind(capacity(&ticket_types)).execute(tx).await?;
        }
        ShowEvent::TicketsHeld { taken, .. } => {
            let sql = "insert into notification_holds (event_id, booking_id) values ($1::uuid, $2)";
            sqlx::query(sql).bind(event_id).bind(taken.booking_id.uuid()).execute(tx).await?;
        }
        ShowEvent::TicketsSold { taken, .. } => {
            if let Some((event_id, host_id)) = add_sold(tx, event_id, count(&taken)).await? {
                let cause = &event.stream.id;
                let to = UserId::new(host_id);
                let news = News { kind: "event-sold-out", to, cause, event_id, booking_id: None };
                tell(tx, event, &news).await?;
            }
        }
        ShowEvent::HoldExpired { taken, .. } | ShowEvent::TicketsReleased { taken, .. } => {
            if !end_hold(tx, event_id, taken.booking_id).await? {
                add_sold(tx, event_id, -count(&taken)).await?;
            }
        }
        ShowEvent::EventPublished { .. }
        | ShowEvent::EventCancelled { .. }
        | ShowEvent::EventDeleted { .. }
        | ShowEvent::HoldExtended { .. } => {}
    }
    Ok(())
}

fn capacity(ticket_types: &[OfferedTicketType]) -> i64 {
    ticket_types.iter().map(|t| i64::from(t.capacity)).sum()
}

fn count(taken: &Taken) -> i64 {
    taken.tickets.iter().map(|line| i64::from(line.quantity)).sum()
}

/// Whether there was one.
async fn end_hold(tx: &mut PgConnection, event_id: &str, booking_id: BookingId) -> Result<bool, sqlx::Error> {
    let sql = "delete from notification_holds where event_id = $1::uuid and booking_id = $2";
    let ended = sqlx::query(sql).bind(event_id).bind(booking_id.uuid()).execute(tx).await?;
    Ok(ended.rows_affected() > 0)
}

/// Counts; answers with event and host if the event is sold out now.
async fn add_sold(
    tx: &mut PgConnection,
    event_id: &str,
    tickets: i64,
) -> Result<Option<(Uuid, Uuid)>, sqlx::Error> {
    let row: Option<(Uuid, Uuid, bool)> = sqlx::query_as(
        "update notification_events set sold = sold + $2 where event_id = $1::uuid
         returning event_id, host_id, sold >= capacity",
    )
    .bind(event_id)
    .bind(tickets)
    .fetch_optional(tx)
    .await?;
    Ok(row.filter(|(_, _, sold_out)| *sold_out).map(|(event_id, host_id, _)| (event_id, host_id)))
}

async fn tell(tx: &mut PgConnection, event: &StoredEvent, news: &News<'_>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into notifications (id, user_id, kind, event_id, booking_id, created_at, cause)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (user_id, kind, cause) do nothing",
    )
    .bind(notification_id(event, news.to))
    .bind(news.to.uuid())
    .bind(news.kind)
    .bind(news.event_id)
    .bind(news.booking_id)
    .bind(event.recorded_at)
    .bind(news.cause)
    .execute(tx)
    .await?;
    Ok(())
}

/// A UUID version 7 that is the same in every rebuild: the event's time, and bits of the event's and the person's ids.
fn notification_id(event: &StoredEvent, to: UserId) -> Uuid {
    let mut bits = [0; 10];
    let (event_id, person_id) = (event.event_id, to.uuid());
    let ids = event_id.as_bytes()[6..].iter().zip(&person_id.as_bytes()[6..]);
    for (bit, (of_event, of_person)) in bits.iter_mut().zip(ids) {
        *bit = of_event ^ of_person.rotate_left(3);
    }
    let millis = event.recorded_at.timestamp_millis().unsigned_abs();
    uuid::Builder::from_unix_timestamp_millis(millis, &bits).into_uuid()
}
