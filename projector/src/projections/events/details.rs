//! What hosts say about events, and what becomes of those. Each change counts as a version.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{UserId, show::ShowDetails};
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::Place;
use crate::projection::column;

/// The rows of `events` that change.
pub(super) struct Rows(BTreeMap<Uuid, Row>);

struct Row {
    host_id: Uuid,
    title: String,
    description: Option<String>,
    venue: Option<String>,
    start_date_time: DateTime<Utc>,
    end_date_time: DateTime<Utc>,
    sales_start: Option<DateTime<Utc>>,
    sales_end: Option<DateTime<Utc>>,
    time_zone: String,
    max_tickets_per_booking: i64,
    hold_seconds: i64,
    status: String,
    published: bool,
    deleted: bool,
    created_at: DateTime<Utc>,
    version: i64,
    details_sequence: i64,
    seating_sequence: Option<i64>,
    cancelled_sequence: Option<i64>,
}

impl Rows {
    /// As they are now.
    pub(super) async fn known_in_tx(tx: &mut PgConnection, shows: &[Uuid]) -> Result<Self, sqlx::Error> {
        if shows.is_empty() {
            return Ok(Self(BTreeMap::new()));
        }
        let rows = sqlx::query("select * from events where id = any($1)").bind(shows).fetch_all(tx).await?;
        Ok(Self(rows.iter().map(read).collect::<Result<_, _>>()?))
    }

    pub(super) fn create(
        &mut self,
        place: Place,
        host_id: UserId,
        details: &ShowDetails,
        draft: bool,
        at: DateTime<Utc>,
    ) {
        let row = Row {
            host_id: host_id.uuid(),
            title: details.title.as_str().to_owned(),
            description: details.description.as_ref().map(|d| d.as_str().to_owned()),
            venue: details.venue.as_ref().map(|v| v.as_str().to_owned()),
            start_date_time: details.schedule.start_date_time,
            end_date_time: details.schedule.end_date_time,
            sales_start: details.schedule.sales_start,
            sales_end: details.schedule.sales_end,
            time_zone: details.time_zone.name().to_owned(),
            max_tickets_per_booking: details.max_tickets_per_booking.into(),
            hold_seconds: details.hold_seconds.into(),
            status: if draft { "draft" } else { "published" }.to_owned(),
            published: !draft,
            deleted: false,
            created_at: at,
            version: 1,
            details_sequence: place.sequence,
            seating_sequence: None,
            cancelled_sequence: None,
        };
        self.0.insert(place.event_id.uuid(), row);
    }

    pub(super) fn change(&mut self, place: Place, details: &ShowDetails) {
        self.next_version(place, |row| {
            details.title.as_str().clone_into(&mut row.title);
            row.description = details.description.as_ref().map(|d| d.as_str().to_owned());
            row.venue = details.venue.as_ref().map(|v| v.as_str().to_owned());
            row.start_date_time = details.schedule.start_date_time;
            row.end_date_time = details.schedule.end_date_time;
            row.sales_start = details.schedule.sales_start;
            row.sales_end = details.schedule.sales_end;
            details.time_zone.name().clone_into(&mut row.time_zone);
            row.max_tickets_per_booking = details.max_tickets_per_booking.into();
            row.hold_seconds = details.hold_seconds.into();
            row.details_sequence = place.sequence;
        });
    }

    pub(super) fn publish(&mut self, place: Place) {
        self.next_version(place, |row| {
            "published".clone_into(&mut row.status);
            row.published = true;
            row.details_sequence = place.sequence;
        });
    }

    pub(super) fn cancel(&mut self, place: Place) {
        self.next_version(place, |row| {
            "cancelled".clone_into(&mut row.status);
            row.cancelled_sequence = Some(place.sequence);
        });
    }

    pub(super) fn delete(&mut self, place: Place) {
        self.next_version(place, |row| row.deleted = true);
    }

    /// Its numbered seats are others now; that comes with a change that is counted already.
    pub(super) fn rearrange(&mut self, place: Place) {
        if let Some(row) = self.0.get_mut(&place.event_id.uuid()) {
            row.seating_sequence = Some(place.sequence);
        }
    }

    fn next_version(&mut self, place: Place, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.0.get_mut(&place.event_id.uuid()) {
            change(row);
            row.version += 1;
        }
    }

    pub(super) async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let rows = || self.0.values();
        sqlx::query(
            "insert into events (id, host_id, title, description, venue, start_date_time, end_date_time,
                                 sales_start, sales_end, time_zone, max_tickets_per_booking, hold_seconds,
                                 status, published, deleted, created_at, version, details_sequence,
                                 seating_sequence, cancelled_sequence)
             select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
                                  $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::text[],
                                  $11::bigint[], $12::bigint[], $13::text[], $14::boolean[], $15::boolean[],
                                  $16::timestamptz[], $17::bigint[], $18::bigint[], $19::bigint[],
                                  $20::bigint[])
             on conflict (id) do update
             set title = excluded.title, description = excluded.description, venue = excluded.venue,
                 start_date_time = excluded.start_date_time, end_date_time = excluded.end_date_time,
                 sales_start = excluded.sales_start, sales_end = excluded.sales_end,
                 time_zone = excluded.time_zone,
                 max_tickets_per_booking = excluded.max_tickets_per_booking,
                 hold_seconds = excluded.hold_seconds, status = excluded.status,
                 published = excluded.published, deleted = excluded.deleted, version = excluded.version,
                 details_sequence = excluded.details_sequence, seating_sequence = excluded.seating_sequence,
                 cancelled_sequence = excluded.cancelled_sequence",
        )
        .bind(column(self.0.keys(), |id| *id))
        .bind(column(rows(), |row| row.host_id))
        .bind(column(rows(), |row| row.title.as_str()))
        .bind(column(rows(), |row| row.description.as_deref()))
        .bind(column(rows(), |row| row.venue.as_deref()))
        .bind(column(rows(), |row| row.start_date_time))
        .bind(column(rows(), |row| row.end_date_time))
        .bind(column(rows(), |row| row.sales_start))
        .bind(column(rows(), |row| row.sales_end))
        .bind(column(rows(), |row| row.time_zone.as_str()))
        .bind(column(rows(), |row| row.max_tickets_per_booking))
        .bind(column(rows(), |row| row.hold_seconds))
        .bind(column(rows(), |row| row.status.as_str()))
        .bind(column(rows(), |row| row.published))
        .bind(column(rows(), |row| row.deleted))
        .bind(column(rows(), |row| row.created_at))
        .bind(column(rows(), |row| row.version))
        .bind(column(rows(), |row| row.details_sequence))
        .bind(column(rows(), |row| row.seating_sequence))
        .bind(column(rows(), |row| row.cancelled_sequence))
        .execute(tx)
        .await?;
        Ok(())
    }
}

fn read(row: &PgRow) -> Result<(Uuid, Row), sqlx::Error> {
    let known = Row {
        host_id: row.try_get("host_id")?,
        title: row.try_get("title")?,
        description: row.try_get("description")?,
        venue: row.try_get("venue")?,
        start_date_time: row.try_get("start_date_time")?,
        end_date_time: row.try_get("end_date_time")?,
        sales_start: row.try_get("sales_start")?,
        sales_end: row.try_get("sales_end")?,
        time_zone: row.try_get("time_zone")?,
        max_tickets_per_booking: row.try_get("max_tickets_per_booking")?,
        hold_seconds: row.try_get("hold_seconds")?,
        status: row.try_get("status")?,
        published: row.try_get("published")?,
        deleted: row.try_get("deleted")?,
        created_at: row.try_get("created_at")?,
        version: row.try_get("version")?,
        details_sequence: row.try_get("details_sequence")?,
        seating_sequence: row.try_get("seating_sequence")?,
        cancelled_sequence: row.try_get("cancelled_sequence")?,
    };
    Ok((row.try_get("id")?, known))
}
