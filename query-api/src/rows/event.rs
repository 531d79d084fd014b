//! Rows of events, with their ticket types.

use chrono::{DateTime, Utc};
use contract::{Event, Money, TicketType};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow, types::Json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::list::{Column, Key, Listed, Order, Sort};

/// What the time decides is derived: what was published ends by itself, and so does a hold.
macro_rules! columns {
    () => {
        "id, host_id, title, description, venue, start_date_time, end_date_time, time_zone, sales_start, sales_end, \
         max_tickets_per_booking, hold_seconds, \
         case when status = 'published' and end_date_time <= now() then 'ended' else status end as status, \
         created_at, version, \
         (select coalesce(json_agg(t order by t.place), '[]') \
          from (select t.*, coalesce(h.held, 0) as held \
                from event_ticket_types t \
                left join (select ticket_type_id, sum(quantity)::bigint as held from event_holds \
                           where event_id = e.id and held_until > now() group by ticket_type_id) h \
                     on h.ticket_type_id = t.id \
                where t.event_id = e.id) t) as ticket_types"
    };
}

/// Whether a reader may know of an event: what never was public is its host's alone. The reader's id, or null, is
/// parameter 2.
macro_rules! visible {
    () => {
        "(published or host_id = $2)"
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

/// An event that the reader may know of, and the time by the database's clock.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn find_with_time(
    pool: &PgPool,
    id: Uuid,
    reader: Option<Uuid>,
) -> Result<Option<(Event, DateTime<Utc>)>, sqlx::Error> {
    let sql = concat!("select ", columns!(), ", now() as as_of from events e where id = $1 and ", visible!());
    let Some(row) = sqlx::query(sql).bind(id).bind(reader).fetch_optional(pool).await? else {
        return Ok(None);
    };
    Ok(Some((from_row(&row)?, row.try_get("as_of")?)))
}

/// The host of an event that the reader may know of.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn host(pool: &PgPool, id: Uuid, reader: Option<Uuid>) -> Result<Option<Uuid>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    host_in_tx(&mut connection, id, reader).await
}

/// The same, in a transaction.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn host_in_tx(
    tx: &mut PgConnection,
    id: Uuid,
    reader: Option<Uuid>,
) -> Result<Option<Uuid>, sqlx::Error> {
    let sql = concat!("select host_id from events where id = $1 and ", visible!());
    sqlx::query_scalar(sql).bind(id).bind(reader).fetch_optional(tx).await
}

/// An event at a moment: what live streams need to tell what has changed since another.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(crate) event: Event,
    /// By the database's clock.
    pub(crate) as_of: DateTime<Utc>,
    /// How far the event's stream has been applied.
    pub(crate) sequence: i64,
    /// Where in the stream details, numbered seats and status last became others.
    pub(crate) details_sequence: i64,
    pub(crate) seating_sequence: Option<i64>,
    pub(crate) cancelled_sequence: Option<i64>,
    /// When the next hold lapses.
    pub(crate) next_lapse: Option<DateTime<Utc>>,
}

/// An event now, whoever may know of it.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn moment_in_tx(tx: &mut PgConnection, id: Uuid) -> Result<Option<Moment>, sqlx::Error> {
    let sql = concat!(
        "select ",
        columns!(),
        ", now() as as_of, details_sequence, seating_sequence, cancelled_sequence, \
         coalesce((select sequence from events_applied where stream_type = 'event' and stream_id = e.id::text), 0) \
         as sequence, \
         (select min(held_until) from event_holds where event_id = e.id and held_until > now()) as next_lapse \
         from events e where id = $1"
    );
    let Some(row) = sqlx::query(sql).bind(id).fetch_optional(tx).await? else { return Ok(None) };
    Ok(Some(Moment {
        event: from_row(&row)?,
        as_of: row.try_get("as_of")?,
        sequence: row.try_get("sequence")?,
        details_sequence: row.try_get("details_sequence")?,
        seating_sequence: row.try_get("seating_sequence")?,
        cancelled_sequence: row.try_get("cancelled_sequence")?,
        next_lapse: row.try_get("next_lapse")?,
    }))
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
        max_tickets_per_booking: row.try_get("max_tickets_per_booking")?,
        hold_seconds: row.try_get("hold_seconds")?,
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
