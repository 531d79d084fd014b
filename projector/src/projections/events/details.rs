//! What hosts say about events, and what becomes of those. Each change counts as a version.

use chrono::{DateTime, Utc};
use domain::{UserId, show::ShowDetails};
use sqlx::PgConnection;

use super::Place;

pub(super) async fn insert_in_tx(
    tx: &mut PgConnection,
    place: Place,
    host_id: UserId,
    details: &ShowDetails,
    draft: bool,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into events (id, host_id, title, description, venue, start_date_time, end_date_time,
                             sales_start, sales_end, time_zone, max_tickets_per_booking, hold_seconds,
                             status, published, created_at, version, details_sequence)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 1, $16)",
    )
    .bind(place.event_id.uuid())
    .bind(host_id.uuid())
    .bind(details.title.as_str())
    .bind(details.description.as_ref().map(|d| d.as_str()))
    .bind(details.venue.as_ref().map(|v| v.as_str()))
    .bind(details.schedule.start_date_time)
    .bind(details.schedule.end_date_time)
    .bind(details.schedule.sales_start)
    .bind(details.schedule.sales_end)
    .bind(details.time_zone.name())
    .bind(i64::from(details.max_tickets_per_booking))
    .bind(i64::from(details.hold_seconds))
    .bind(if draft { "draft" } else { "published" })
    .bind(!draft)
    .bind(at)
    .bind(place.sequence)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn change_in_tx(
    tx: &mut PgConnection,
    place: Place,
    details: &ShowDetails,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update events
         set title = $2, description = $3, venue = $4, start_date_time = $5, end_date_time = $6,
             sales_start = $7, sales_end = $8, time_zone = $9, max_tickets_per_booking = $10,
             hold_seconds = $11, details_sequence = $12, version = version + 1
         where id = $1",
    )
    .bind(place.event_id.uuid())
    .bind(details.title.as_str())
    .bind(details.description.as_ref().map(|d| d.as_str()))
    .bind(details.venue.as_ref().map(|v| v.as_str()))
    .bind(details.schedule.start_date_time)
    .bind(details.schedule.end_date_time)
    .bind(details.schedule.sales_start)
    .bind(details.schedule.sales_end)
    .bind(details.time_zone.name())
    .bind(i64::from(details.max_tickets_per_booking))
    .bind(i64::from(details.hold_seconds))
    .bind(place.sequence)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn publish_in_tx(tx: &mut PgConnection, place: Place) -> Result<(), sqlx::Error> {
    let sql = "update events
               set status = 'published', published = true, details_sequence = $2, version = version + 1
               where id = $1";
    sqlx::query(sql).bind(place.event_id.uuid()).bind(place.sequence).execute(tx).await?;
    Ok(())
}

pub(super) async fn cancel_in_tx(tx: &mut PgConnection, place: Place) -> Result<(), sqlx::Error> {
    let sql = "update events set status = 'cancelled', cancelled_sequence = $2, version = version + 1 where id = $1";
    sqlx::query(sql).bind(place.event_id.uuid()).bind(place.sequence).execute(tx).await?;
    Ok(())
}

pub(super) async fn delete_in_tx(tx: &mut PgConnection, place: Place) -> Result<(), sqlx::Error> {
    let sql = "update events set deleted = true, version = version + 1 where id = $1";
    sqlx::query(sql).bind(place.event_id.uuid()).execute(tx).await?;
    Ok(())
}
