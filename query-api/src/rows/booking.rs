//! Rows of bookings.

use contract::{Booking, BookingTicket, Money};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Row, postgres::PgRow, types::Json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::list::{Column, Key, Listed, Order, Sort};

/// A hold whose time is over has expired, whether or not that is in the row.
macro_rules! columns {
    () => {
        "b.id, b.event_id, b.user_id, b.tickets, b.seats, b.amount, b.currency, b.created_at, b.version, \
         case when b.status = 'held' and b.held_until <= now() then 'expired' else b.status end as status, \
         case when b.held_until > now() then b.held_until end as held_until"
    };
}

/// What has become of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BookingStatus {
    /// The tickets are set aside.
    Held,
    /// The tickets are given.
    Confirmed,
    /// The hold's time is over.
    Expired,
    /// The tickets were given back.
    Cancelled,
}

impl BookingStatus {
    /// The bookings with this status, in SQL.
    pub(crate) const fn condition(self) -> &'static str {
        match self {
            // Without a time it does not lapse: it is paid, and the money is on its way.
            Self::Held => "b.status = 'held' and (b.held_until > now() or b.held_until is null)",
            Self::Confirmed => "b.status = 'confirmed'",
            Self::Expired => "(b.status = 'expired' or b.status = 'held' and b.held_until <= now())",
            Self::Cancelled => "b.status = 'cancelled'",
        }
    }
}

/// By what bookings can be sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum BookingSort {
    /// When they were placed.
    #[default]
    CreatedAt,
}

impl Sort for BookingSort {
    fn column(self) -> Column {
        match self {
            Self::CreatedAt => Column::Time("b.created_at"),
        }
    }
}

impl Listed for Booking {
    type Sort = BookingSort;
    const ORDER: Order = Order::Desc;
    const COLUMNS: &'static str = columns!();
    const TABLES: &'static str = "bookings b";
    const ID: &'static str = "b.id";

    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        from_row(row)
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn key(&self, sort: BookingSort) -> Key {
        match sort {
            BookingSort::CreatedAt => Key::Time(self.created_at),
        }
    }
}

/// A booking.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn find(pool: &PgPool, id: Uuid) -> Result<Option<Booking>, sqlx::Error> {
    let sql = concat!("select ", columns!(), " from bookings b where b.id = $1");
    sqlx::query(sql).bind(id).fetch_optional(pool).await?.as_ref().map(from_row).transpose()
}

/// An element of `bookings.tickets`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TicketsRow {
    ticket_type_id: Uuid,
    quantity: i64,
    price: PriceRow,
}

#[derive(Deserialize)]
struct PriceRow {
    amount: i64,
    currency: String,
}

fn from_row(row: &PgRow) -> Result<Booking, sqlx::Error> {
    let Json(tickets): Json<Vec<TicketsRow>> = row.try_get("tickets")?;
    Ok(Booking {
        id: row.try_get("id")?,
        event_id: row.try_get("event_id")?,
        user_id: row.try_get("user_id")?,
        status: row.try_get("status")?,
        tickets: tickets.into_iter().map(tickets_of_one_type).collect(),
        seats: row.try_get("seats")?,
        total: Money { amount: row.try_get("amount")?, currency: row.try_get("currency")? },
        held_until: row.try_get("held_until")?,
        created_at: row.try_get("created_at")?,
        version: row.try_get("version")?,
    })
}

fn tickets_of_one_type(row: TicketsRow) -> BookingTicket {
    let price = Money { amount: row.price.amount, currency: row.price.currency };
    BookingTicket { ticket_type_id: row.ticket_type_id, quantity: row.quantity, price }
}
