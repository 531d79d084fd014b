//! What happens to an event: followers learn of it, its host that it is sold out, who has tickets of it what becomes of
//! it.
//!
//! Who has tickets is in the event's own stream, so nothing here depends on another one. `attendance` counts.

use domain::{
    ShowId, UserId,
    notification::NotificationKind,
    show::{OfferedTicketType, ShowEvent, Taken},
};
use event_store::StoredEvent;
use serde::de::Error as _;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    attendance::Attendance,
    subscriptions,
    telling::{Cause, MAX_TOLD, News, tell_each_in_tx, tell_in_tx},
};
use crate::ApplyError;

pub(super) async fn apply_in_tx(
    tx: &mut PgConnection,
    events: impl Iterator<Item = &StoredEvent>,
) -> Result<(), ApplyError> {
    let mut decoded = Vec::new();
    for event in events {
        let show: ShowId = event.stream.id.parse().map_err(serde_json::Error::custom)?;
        decoded.push((show, event, event.decode()?));
    }
    let mut attendance = Attendance::known_in_tx(tx, decoded.iter().map(|(show, _, e)| (*show, e))).await?;
    let mut sold_out = Vec::new();
    for (show, event, decoded) in decoded {
        apply_one_in_tx(tx, &mut attendance, &mut sold_out, show, event, decoded).await?;
    }
    attendance.write_in_tx(tx).await?;
    let told: Vec<(&News, UserId)> = sold_out.iter().map(|(news, host)| (news, *host)).collect();
    tell_each_in_tx(tx, &told).await?;
    Ok(())
}

async fn apply_one_in_tx(
    tx: &mut PgConnection,
    attendance: &mut Attendance,
    sold_out: &mut Vec<(News, UserId)>,
    show: ShowId,
    event: &StoredEvent,
    decoded: ShowEvent,
) -> Result<(), sqlx::Error> {
    match decoded {
        ShowEvent::EventCreated { host_id, ticket_types, draft, at, .. } => {
            attendance.create(show, host_id, capacity(&ticket_types));
            if !draft {
                subscriptions::publish_in_tx(tx, show, host_id, Cause::new(event, at)).await?;
            }
        }
        ShowEvent::EventPublished { at } => {
            let host_id = attendance.host_of(show).ok_or(sqlx::Error::RowNotFound)?;
            subscriptions::publish_in_tx(tx, show, host_id, Cause::new(event, at)).await?;
        }
        ShowEvent::SalesStarted { at } => {
            subscriptions::start_sale_in_tx(tx, show, Cause::new(event, at)).await?;
        }
        ShowEvent::EventChanged { ticket_types, at, .. } => {
            attendance.resize(show, capacity(&ticket_types));
            attendance.write_in_tx(tx).await?;
            let because = Cause::new(event, at);
            tell_bookers_in_tx(tx, show, NotificationKind::EventUpdated, because).await?;
        }
        ShowEvent::EventCancelled { at } => {
            attendance.write_in_tx(tx).await?;
            let because = Cause::new(event, at);
            tell_bookers_in_tx(tx, show, NotificationKind::EventCancelled, because).await?;
        }
        ShowEvent::TicketsHeld { taken, held_until, .. } => attendance.take(show, &taken, Some(held_until)),
        ShowEvent::HoldExtended { booking_id, held_until, .. } => {
            attendance.extend(show, booking_id, held_until);
        }
        ShowEvent::TicketsSold { taken, at } => {
            attendance.take(show, &taken, None);
            if let Some(host_id) = attendance.sell(show, count(&taken)) {
                sold_out.push((news_of_selling_out(show, Cause::new(event, at)), host_id));
            }
        }
        ShowEvent::HoldExpired { taken, .. } | ShowEvent::TicketsReleased { taken, .. } => {
            attendance.release(show, taken.booking_id, count(&taken));
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

/// Once an event, however often it sells out.
fn news_of_selling_out(show: ShowId, because: Cause) -> News {
    let kind = NotificationKind::EventSoldOut;
    News { kind, because, once_of: show.to_string(), event_id: show.uuid(), booking_id: None }
}

/// Tells everybody who has tickets at that time. A hold that has lapsed is none, noticed or not.
async fn tell_bookers_in_tx(
    tx: &mut PgConnection,
    show: ShowId,
    kind: NotificationKind,
    because: Cause,
) -> Result<(), sqlx::Error> {
    let once_of = because.id.to_string();
    let news = News { kind, because, once_of, event_id: show.uuid(), booking_id: None };
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
