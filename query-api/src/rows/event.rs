//! Rows of events, with their ticket types.

use chrono::{DateTime, Utc};
use contract::{Event, Money, TicketType};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Row, postgres::PgRow, types::Json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::list::{Column, Key, Listed, Order, Sort};

/// The status is derived: what was published ends by itself.
macro_rules! columns {
    () => {
        "id, host_id, title, description, venue, start_date_time, end_date_time, time_zone, sales_start, sales_end, \
         case when status = 'published' and end_date_time <= now() then 'ended' else status end as status, \
         created_at, version, \
         (select coalesce(json_agg(t order by t.place), '[]') from event_ticket_types t where t.event_id = e.id) \
         as ticket_types"
    };
}

/// By what events can be sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum EventSort {
    /// Their start.
    #[default]
    Date,
    /// Their title.
    Title,
    /// When they were created.
    CreatedAt,
}

impl Sort for EventSort {
    fn column(self) -> Column {
        match self {
            Self::Date => Column::Time("start_date_time"),
            Self::Title => Column::Text("title"),
            Self::CreatedAt => Column::Time("created_at"),
        }
    }
}

impl Listed for Event {
    type Sort = EventSort;
    const ORDER: Order = Order::Asc;
    const COLUMNS: &'static str = columns!();
    const TABLES: &'static str = "events e";
    const ID: &'static str = "id";

    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        from_row(row)
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn key(&self, sort: EventSort) -> Key {
        match sort {
            EventSort::Date => Key::Time(self.start_date_time),
            EventSort::Title => Key::Text(self.title.clone()),
            EventSort::CreatedAt => Key::Time(self.created_at),
        }
    }
}

/// An event that everybody may see.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn find(pool: &PgPool, id: Uuid) -> Result<Option<Event>, sqlx::Error> {
    Ok(find_with_time(pool, id).await?.map(|(event, _)| event))
}

/// An event that everybody may see, and the time by the database's clock.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn find_with_time(
    pool: &PgPool,
    id: Uuid,
) -> Result<Option<(Event, DateTime<Utc>)>, sqlx::Error> {
    let sql =
        concat!("select ", columns!(), ", now() as as_of from events e where id = $1 and status <> 'draft'");
    let Some(row) = sqlx::query(sql).bind(id).fetch_optional(pool).await? else { return Ok(None) };
    Ok(Some((from_row(&row)?, row.try_get("as_of")?)))
}

/// A row of `event_ticket_types`, as JSON.
#[derive(Deserialize)]
struct TicketTypeRow {
    id: Uuid,
    name: String,
    amount: i64,
    currency: String,
    capacity: i64,
    sold: i64,
    held: i64,
}

fn from_row(row: &PgRow) -> Result<Event, sqlx::Error> {
    let Json(ticket_types): Json<Vec<TicketTypeRow>> = row.try_get("ticket_types")?;
    Ok(Event {
        id: row.try_get("id")?,
        host_id: row.try_get("host_id")?,
        title: row.try_get("title")?,
        description: row.try_get("description")?,
        venue: row.try_get("venue")?,
        start_date_time: row.try_get("start_date_time")?,
        end_date_time: row.try_get("end_date_time")?,
        time_zone: row.try_get("time_zone")?,
        sales_start: row.try_get("sales_start")?,
        sales_end: row.try_get("sales_end")?,
        status: row.try_get("status")?,
        capacity: ticket_types.iter().map(|t| t.capacity).sum(),
        number_of_attendees: ticket_types.iter().map(|t| t.sold).sum(),
        ticket_types: ticket_types.into_iter().map(ticket_type).collect(),
        created_at: row.try_get("created_at")?,
        version: row.try_get("version")?,
    })
}

fn ticket_type(row: TicketTypeRow) -> TicketType {
    TicketType {
        id: row.id,
        name: row.name,
        price: Money { amount: row.amount, currency: row.currency },
        capacity: row.capacity,
        sold: row.sold,
        held: row.held,
        available: (row.capacity - row.sold - row.held).max(0),
    }
}
