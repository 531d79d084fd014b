//! Rows of payments and refunds.

use chrono::{DateTime, Utc};
use contract::{BookingPayments, Money, Payment, Refund};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Row, postgres::PgRow};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    list::{Column, Key, Listed, Order, Sort},
    rows::ONE_STATE,
};

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RefundStatus {
    /// On its way.
    Requested,
    /// Done.
    Made,
    /// It needs a hand.
    Failed,
}

impl RefundStatus {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Made => "made",
            Self::Failed => "failed",
        }
    }
}

/// By what refunds can be sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum RefundSort {
    /// When they were requested.
    #[default]
    RequestedAt,
}

impl Sort for RefundSort {
    fn column(self) -> Column {
        match self {
            Self::RequestedAt => Column::Time("r.requested_at"),
        }
    }
}

macro_rules! refund_columns {
    () => {
        "r.id, r.payment_id, r.booking_id, r.event_id, r.amount, r.currency, r.status, r.cause, r.reason, \
         r.requested_at, r.changed_at"
    };
}

impl Listed for Refund {
    type Sort = RefundSort;
    const ORDER: Order = Order::Desc;
    const COLUMNS: &'static str = refund_columns!();
    const TABLES: &'static str = "refunds r";
    const ID: &'static str = "r.id";

    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        refund(row)
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn key(&self, sort: RefundSort) -> Key {
        match sort {
            RefundSort::RequestedAt => Key::Time(self.requested_at),
        }
    }
}

/// All that is known of a booking's money, at one moment.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn of_booking(pool: &PgPool, booking_id: Uuid) -> Result<BookingPayments, sqlx::Error> {
    let mut tx = pool.begin_with(ONE_STATE).await?;
    let payments = sqlx::query(
        "select id, amount, currency, status, reason, started_at, changed_at from payments
         where booking_id = $1 order by started_at, id",
    )
    .bind(booking_id)
    .fetch_all(&mut *tx)
    .await?;
    let refunds = sqlx::query(concat!(
        "select ",
        refund_columns!(),
        " from refunds r where r.booking_id = $1 order by r.requested_at, r.id"
    ))
    .bind(booking_id)
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let payments = payments.iter().map(payment).collect::<Result<_, _>>()?;
    let refunds = refunds.iter().map(refund).collect::<Result<_, _>>()?;
    Ok(BookingPayments { booking_id, payments, refunds })
}

/// What an event has earned of a ticket type on a day.
pub(crate) struct SalesRow {
    pub(crate) day: DateTime<Utc>,
    pub(crate) ticket_type_id: Uuid,
    pub(crate) ticket_type: Option<String>,
    pub(crate) currency: String,
    pub(crate) sold: i64,
    pub(crate) gross: i64,
    pub(crate) refunded: i64,
}

/// By day, then by ticket type as the event lists them.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn sales_of_event(pool: &PgPool, event_id: Uuid) -> Result<Vec<SalesRow>, sqlx::Error> {
    let rows = sqlx::query(
        "select s.day::timestamp at time zone 'utc' as day, s.ticket_type_id, t.name, s.currency, s.sold, s.gross, s.refunded
         from (select day, ticket_type_id, currency, sum(sold)::bigint as sold, sum(gross)::bigint as gross,
                      sum(refunded)::bigint as refunded
               from sale_lines where event_id = $1 group by day, ticket_type_id, currency) as s
         left join event_ticket_types t on t.event_id = $1 and t.id = s.ticket_type_id
         order by s.day, t.place, s.ticket_type_id, s.currency",
    )
    .bind(event_id)
    .fetch_all(pool)
    .await?;
    let sales = |row: &PgRow| {
        Ok(SalesRow {
            day: row.try_get("day")?,
            ticket_type_id: row.try_get("ticket_type_id")?,
            ticket_type: row.try_get("name")?,
            currency: row.try_get("currency")?,
            sold: row.try_get("sold")?,
            gross: row.try_get("gross")?,
            refunded: row.try_get("refunded")?,
        })
    };
    rows.iter().map(sales).collect()
}

fn payment(row: &PgRow) -> Result<Payment, sqlx::Error> {
    Ok(Payment {
        id: row.try_get("id")?,
        amount: Money { amount: row.try_get("amount")?, currency: row.try_get("currency")? },
        status: row.try_get("status")?,
        reason: row.try_get("reason")?,
        started_at: row.try_get("started_at")?,
        changed_at: row.try_get("changed_at")?,
    })
}

fn refund(row: &PgRow) -> Result<Refund, sqlx::Error> {
    Ok(Refund {
        id: row.try_get("id")?,
        payment_id: row.try_get("payment_id")?,
        booking_id: row.try_get("booking_id")?,
        event_id: row.try_get("event_id")?,
        amount: Money { amount: row.try_get("amount")?, currency: row.try_get("currency")? },
        status: row.try_get("status")?,
        cause: row.try_get("cause")?,
        reason: row.try_get("reason")?,
        requested_at: row.try_get("requested_at")?,
        changed_at: row.try_get("changed_at")?,
    })
}
