//! What happens to an event: followers learn of it, its host that it is sold out, who has tickets of it what becomes of
//! it.
//!
//! Who has tickets is in the event's own stream, so nothing here depends on another one.

use chrono::{DateTime, Utc};
use domain::{
    BookingId, ShowId, UserId,
    notification::NotificationKind,
    show::{OfferedTicketType, ShowEvent, Taken},
};
use event_store::StoredEvent;
use serde::de::Error as _;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    subscriptions,
    telling::{Cause, MAX_TOLD, News, tell_in_tx},
};
use crate::ApplyError;

pub(super) async fn apply_in_tx(tx: &mut PgConnection, event: &StoredEvent) -> Result<(), ApplyError> {
    let show = event.stream.id.parse().map_err(serde_json::Error::custom)?;
    match event.decode()? {
        ShowEvent::EventCreated { host_id, ticket_types, draft, at, .. } => {
            create_in_tx(tx, show, host_id, capacity(&ticket_types)).await?;
            if !draft {
                subscriptions::publish_in_tx(tx, show, host_id, Cause::new(event, at)).await?;
            }
        }
        ShowEvent::EventPublished { at } => {
            let host_id = host_in_tx(tx, show).await?;
            subscriptions::publish_in_tx(tx, show, host_id, Cause::new(event, at)).await?;
        }
        ShowEvent::SalesStarted { at } => {
            subscriptions::start_sale_in_tx(tx, show, Cause::new(event, at)).await?;
        }
        ShowEvent::EventChanged { ticket_types, at, .. } => {
            resize_in_tx(tx, show, capacity(&ticket_types)).await?;
            let because = Cause::new(event, at);
            tell_bookers_in_tx(tx, show, NotificationKind::EventUpdated, because).await?;
        }
        ShowEvent::EventCancelled { at } => {
            let because = Cause::new(event, at);
            tell_bookers_in_tx(tx, show, NotificationKind::EventCancelled, because).await?;
        }
        ShowEvent::TicketsHeld { taken, held_until, .. } => {
            take_in_tx(tx, show, &taken, Some(held_until)).await?;
        }
        ShowEvent::HoldExtended { booking_id, held_until, .. } => {
            extend_in_tx(tx, show, booking_id, held_until).await?;
        }
        ShowEvent::TicketsSold { taken, at } => {
            take_in_tx(tx, show, &taken, None).await?;
            if let Some(host_id) = add_sold_in_tx(tx, show, count(&taken)).await? {
                tell_host_in_tx(tx, show, host_id, Cause::new(event, at)).await?;
            }
        }
        ShowEvent::HoldExpired { taken, .. } | ShowEvent::TicketsReleased { taken, .. } => {
            if was_sold_in_tx(tx, show, taken.booking_id).await? {
                add_sold_in_tx(tx, show, -count(&taken)).await?;
            }
        }
        ShowEvent::EventDeleted { .. } => {}
    }
    Ok(())
}

fn capacity(ticket_types: &[OfferedTicketType]) -> i64 {
    ticket_types.iter().map(|t| i64::from(t.capacity)).sum()
}

fn count(taken: &Taken) -> i64 {
    taken.tickets.iter().map(|line| i64::from(line.quantity)).sum()
}

async fn create_in_tx(
    tx: &mut PgConnection,
    show: ShowId,
    host_id: UserId,
    capacity: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("insert into notification_events (event_id, host_id, capacity) values ($1, $2, $3)")
        .bind(show.uuid())
        .bind(host_id.uuid())
        .bind(capacity)
        .execute(tx)
        .await?;
    Ok(())
}

async fn host_in_tx(tx: &mut PgConnection, show: ShowId) -> Result<UserId, sqlx::Error> {
    let sql = "select host_id from notification_events where event_id = $1";
    sqlx::query_scalar(sql).bind(show.uuid()).fetch_one(tx).await.map(UserId::new)
}

async fn resize_in_tx(tx: &mut PgConnection, show: ShowId, capacity: i64) -> Result<(), sqlx::Error> {
    let sql = "update notification_events set capacity = $2 where event_id = $1";
    sqlx::query(sql).bind(show.uuid()).bind(capacity).execute(tx).await?;
    Ok(())
}

/// Tickets that are sold after they were held are theirs for good.
async fn take_in_tx(
    tx: &mut PgConnection,
    show: ShowId,
    taken: &Taken,
    held_until: Option<DateTime<Utc>>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into notification_bookings (event_id, booking_id, user_id, held_until) values ($1, $2, $3, $4)
         on conflict (event_id, booking_id) do update set held_until = excluded.held_until",
    )
    .bind(show.uuid())
    .bind(taken.booking_id.uuid())
    .bind(taken.attendee_id.uuid())
    .bind(held_until)
    .execute(tx)
    .await?;
    Ok(())
}

async fn extend_in_tx(
    tx: &mut PgConnection,
    show: ShowId,
    booking_id: BookingId,
    held_until: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query("update notification_bookings set held_until = $3 where event_id = $1 and booking_id = $2")
        .bind(show.uuid())
        .bind(booking_id.uuid())
        .bind(held_until)
        .execute(tx)
        .await?;
    Ok(())
}

/// Ends what a booking has; whether that was sold, and not only held.
async fn was_sold_in_tx(
    tx: &mut PgConnection,
    show: ShowId,
    booking_id: BookingId,
) -> Result<bool, sqlx::Error> {
    let was_sold: Option<bool> = sqlx::query_scalar(
        "delete from notification_bookings where event_id = $1 and booking_id = $2
         returning held_until is null",
    )
    .bind(show.uuid())
    .bind(booking_id.uuid())
    .fetch_optional(tx)
    .await?;
    Ok(was_sold.unwrap_or(false))
}

/// Counts; answers with the host if the event is sold out now.
async fn add_sold_in_tx(
    tx: &mut PgConnection,
    show: ShowId,
    tickets: i64,
) -> Result<Option<UserId>, sqlx::Error> {
    let row: Option<(Uuid, bool)> = sqlx::query_as(
        "update notification_events set sold = sold + $2 where event_id = $1
         returning host_id, sold >= capacity",
    )
    .bind(show.uuid())
    .bind(tickets)
    .fetch_optional(tx)
    .await?;
    Ok(row.filter(|(_, sold_out)| *sold_out).map(|(host_id, _)| UserId::new(host_id)))
}

/// Once an event, however often it sells out.
async fn tell_host_in_tx(
    tx: &mut PgConnection,
    show: ShowId,
    host_id: UserId,
    because: Cause,
) -> Result<(), sqlx::Error> {
    let kind = NotificationKind::EventSoldOut;
    let news = News { kind, because, once_of: &show.to_string(), event_id: show.uuid(), booking_id: None };
    tell_in_tx(tx, &news, &[host_id]).await
}

/// Tells everybody who has tickets at that time. A hold that has lapsed is none, noticed or not.
async fn tell_bookers_in_tx(
    tx: &mut PgConnection,
    show: ShowId,
    kind: NotificationKind,
    because: Cause,
) -> Result<(), sqlx::Error> {
    let once_of = because.id.to_string();
    let news = News { kind, because, once_of: &once_of, event_id: show.uuid(), booking_id: None };
    let mut told_last = Uuid::nil();
    loop {
        let people: Vec<Uuid> = sqlx::query_scalar(
            "select distinct user_id from notification_bookings
             where event_id = $1 and (held_until is null or held_until > $2) and user_id > $3
             order by user_id limit $4",
        )
        .bind(show.uuid())
        .bind(because.at)
        .bind(told_last)
        .bind(MAX_TOLD as i64)
        .fetch_all(&mut *tx)
        .await?;
        let Some(last) = people.last() else { return Ok(()) };
        told_last = *last;
        let people: Vec<UserId> = people.into_iter().map(UserId::new).collect();
        tell_in_tx(tx, &news, &people).await?;
    }
}
