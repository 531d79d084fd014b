//! `events`: what hosts sell tickets to, with what is sold and held.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    ShowId, UserId,
    show::{NewTicketType, ShowDetails, ShowEvent, TicketLine},
};
use event_store::StoredEvent;
use sqlx::PgConnection;

use crate::{
    ApplyError, Projection,
    projection::{AppliedSql, applied_sql},
};

/// One row an event, one a ticket type.
#[derive(Debug, Clone, Copy)]
pub struct Events;

#[async_trait]
impl Projection for Events {
    fn name(&self) -> &'static str {
        "events"
    }

    fn stream_types(&self) -> &'static [&'static str] {
        &["event"]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["events", "event_ticket_types", "events_applied"]
    }

    fn rebuild_schema(&self) -> &'static str {
        "rebuild_events"
    }

    fn applied(&self) -> &'static AppliedSql {
        &applied_sql!("events_applied")
    }

    async fn apply_in_tx(&self, tx: &mut PgConnection, event: &StoredEvent) -> Result<(), ApplyError> {
        match event.decode()? {
            ShowEvent::EventCreated { event_id, host_id, details, ticket_types, at } => {
                insert_event(tx, event_id, host_id, &details, at).await?;
                insert_ticket_types(tx, event_id, &ticket_types).await?;
            }
            ShowEvent::TicketsSold { tickets, .. } => add_sold(tx, &event.stream.id, &tickets, 1).await?,
            ShowEvent::TicketsReleased { tickets, .. } => {
                add_sold(tx, &event.stream.id, &tickets, -1).await?
            }
        }
        Ok(())
    }
}

async fn insert_event(
    tx: &mut PgConnection,
    event_id: ShowId,
    host_id: UserId,
    details: &ShowDetails,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into events (id, host_id, title, description, venue, start_date_time, end_date_time,
                             sales_start, sales_end, time_zone, status, created_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'published', $11, 1)",
    )
    .bind(event_id.uuid())
    .bind(host_id.uuid())
    .bind(details.title.as_str())
    .bind(details.description.as_ref().map(|d| d.as_str()))
    .bind(details.venue.as_ref().map(|v| v.as_str()))
    .bind(details.schedule.start_date_time)
    .bind(details.schedule.end_date_time)
    .bind(details.schedule.sales_start)
    .bind(details.schedule.sales_end)
    .bind(details.time_zone.name())
    .bind(at)
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_ticket_types(
    tx: &mut PgConnection,
    event_id: ShowId,
    ticket_types: &[NewTicketType],
) -> Result<(), sqlx::Error> {
    for (place, ticket_type) in (0_i32..).zip(ticket_types) {
        sqlx::query(
            "insert into event_ticket_types (event_id, id, place, name, amount, currency, capacity)
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(event_id.uuid())
        .bind(ticket_type.id.uuid())
        .bind(place)
        .bind(ticket_type.name.as_str())
        .bind(ticket_type.price.amount)
        .bind(ticket_type.price.currency.code())
        .bind(i64::from(ticket_type.capacity))
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

async fn add_sold(
    tx: &mut PgConnection,
    event_id: &str,
    tickets: &[TicketLine],
    sign: i64,
) -> Result<(), sqlx::Error> {
    for line in tickets {
        sqlx::query("update event_ticket_types set sold = sold + $3 where event_id = $1::uuid and id = $2")
            .bind(event_id)
            .bind(line.ticket_type_id.uuid())
            .bind(sign * i64::from(line.quantity))
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}
