//! `bookings`: who booked what.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    BookingId, Money, SeatId, ShowId, UserId,
    booking::{BookingEvent, BookingStatus},
    show::TicketLine,
};
use event_store::StoredEvent;
use sqlx::PgConnection;

use crate::{
    ApplyError, Projection,
    projection::{AppliedSql, applied_sql, column},
};

/// One row a booking.
#[derive(Debug, Clone, Copy)]
pub struct Bookings;

#[async_trait]
impl Projection for Bookings {
    fn name(&self) -> &'static str {
        "bookings"
    }

    fn stream_types(&self) -> &'static [&'static str] {
        &["booking"]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["bookings", "bookings_applied"]
    }

    fn rebuild_schema(&self) -> &'static str {
        "rebuild_bookings"
    }

    fn applied(&self) -> &'static AppliedSql {
        &applied_sql!("bookings_applied")
    }

    async fn apply_in_tx(&self, tx: &mut PgConnection, events: &[StoredEvent]) -> Result<(), ApplyError> {
        let mut rows = Rows::default();
        for event in events {
            rows.fold(event.decode()?, event.sequence);
        }
        let (new, known): (Vec<_>, Vec<_>) = rows.whole.iter().partition(|(_, row)| row.is_new);
        write_whole_in_tx(tx, INSERT, &new).await?;
        write_whole_in_tx(tx, UPSERT, &known).await?;
        write_changes_in_tx(tx, &rows.changes).await?;
        Ok(())
    }
}

/// What events make of the table.
#[derive(Default)]
struct Rows {
    /// Of bookings about which an event here says everything.
    whole: BTreeMap<BookingId, Row>,
    /// Of others: what is new about them.
    changes: BTreeMap<BookingId, Change>,
}

struct Row {
    event_id: ShowId,
    user_id: UserId,
    status: BookingStatus,
    tickets: Vec<TicketLine>,
    seats: Vec<SeatId>,
    total: Money,
    held_until: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
    version: i64,
    /// Whether the table has nothing of it, so that there is nothing to look for.
    is_new: bool,
}

struct Change {
    /// If it is another one.
    status: Option<BookingStatus>,
    held: Held,
    version: i64,
}

/// What is new about how long a booking is held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    AsBefore,
    Until(DateTime<Utc>),
    NoLonger,
}

impl Held {
    fn until(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Until(held_until) => Some(held_until),
            Self::AsBefore | Self::NoLonger => None,
        }
    }
}

impl Rows {
    fn fold(&mut self, event: BookingEvent, version: i64) {
        match event {
            BookingEvent::BookingHeld {
                booking_id,
                event_id,
                user_id,
                tickets,
                seats,
                total,
                held_until,
                at,
            } => {
                let status = BookingStatus::Held;
                let held_until = Some(held_until);
                let is_new = version == 1;
                let row =
                    Row { event_id, user_id, status, tickets, seats, total, held_until, at, version, is_new };
                self.put(booking_id, row);
            }
            BookingEvent::BookingConfirmed { booking_id, event_id, user_id, tickets, seats, total, at } => {
                let status = BookingStatus::Confirmed;
                let held_until = None;
                let is_new = version == 1;
                let row =
                    Row { event_id, user_id, status, tickets, seats, total, held_until, at, version, is_new };
                self.put(booking_id, row);
            }
            BookingEvent::BookingExtended { booking_id, held_until, .. } => {
                self.change(booking_id, Change { status: None, held: Held::Until(held_until), version });
            }
            BookingEvent::BookingExpired { booking_id, .. } => {
                let status = Some(BookingStatus::Expired);
                self.change(booking_id, Change { status, held: Held::NoLonger, version });
            }
            BookingEvent::BookingCancelled { booking_id, .. } => {
                let status = Some(BookingStatus::Cancelled);
                self.change(booking_id, Change { status, held: Held::NoLonger, version });
            }
            // The tickets are the attendee's, even if the hold had lapsed; confirmed is it when the money has come.
            BookingEvent::PaymentAuthorised { of, .. } => {
                let status = Some(BookingStatus::Held);
                self.change(of.booking_id, Change { status, held: Held::NoLonger, version });
            }
            BookingEvent::PaymentStarted { of, .. }
            | BookingEvent::PaymentActionRequired { of, .. }
            | BookingEvent::PaymentDeclined { of, .. }
            | BookingEvent::PaymentCaptured { of, .. }
            | BookingEvent::PaymentCaptureFailed { of, .. }
            | BookingEvent::PaymentVoided { of, .. } => self.touch(of.booking_id, version),
            BookingEvent::RefundRequested { of, .. }
            | BookingEvent::RefundMade { of, .. }
            | BookingEvent::RefundFailed { of, .. }
            | BookingEvent::RefundResumed { of, .. } => self.touch(of.payment.booking_id, version),
        }
    }

    /// A booking that was held before keeps the time at which it was placed.
    fn put(&mut self, id: BookingId, mut row: Row) {
        if let Some(before) = self.whole.get(&id) {
            row.at = before.at;
            row.is_new = before.is_new;
        }
        self.changes.remove(&id);
        self.whole.insert(id, row);
    }

    /// What becomes of the money stands elsewhere, in `payments`.
    fn touch(&mut self, id: BookingId, version: i64) {
        self.change(id, Change { status: None, held: Held::AsBefore, version });
    }

    fn change(&mut self, id: BookingId, change: Change) {
        if let Some(row) = self.whole.get_mut(&id) {
            row.status = change.status.unwrap_or(row.status);
            if change.held != Held::AsBefore {
                row.held_until = change.held.until();
            }
            row.version = change.version;
            return;
        }
        let (mut status, mut held) = (change.status, change.held);
        if let Some(before) = self.changes.get(&id) {
            status = status.or(before.status);
            if held == Held::AsBefore {
                held = before.held;
            }
        }
        self.changes.insert(id, Change { status, held, version: change.version });
    }
}

macro_rules! insert_sql {
    ($on_conflict:literal) => {
        concat!(
            "insert into bookings (id, event_id, user_id, status, tickets, seats, amount, currency, held_until,
                                   created_at, version)
             select id, event_id, user_id, status, tickets::jsonb, seats::uuid[], amount, currency, held_until,
                    created_at, version
             from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[],
                         $8::text[], $9::timestamptz[], $10::timestamptz[], $11::bigint[])
                  as row (id, event_id, user_id, status, tickets, seats, amount, currency, held_until, created_at,
                          version)
             ",
            $on_conflict
        )
    };
}

const INSERT: &str = insert_sql!("");
const UPSERT: &str = insert_sql!(
    "on conflict (id) do update
     set status = excluded.status, tickets = excluded.tickets, seats = excluded.seats, amount = excluded.amount,
         currency = excluded.currency, held_until = excluded.held_until, version = excluded.version"
);

async fn write_whole_in_tx(
    tx: &mut PgConnection,
    sql: &'static str,
    rows: &[(&BookingId, &Row)],
) -> Result<(), ApplyError> {
    if rows.is_empty() {
        return Ok(());
    }
    let tickets = rows.iter().map(|(_, row)| serde_json::to_string(&row.tickets));
    let tickets: Vec<String> = tickets.collect::<Result<_, _>>()?;
    sqlx::query(sql)
        .bind(column(rows, |(id, _)| id.uuid()))
        .bind(column(rows, |(_, row)| row.event_id.uuid()))
        .bind(column(rows, |(_, row)| row.user_id.uuid()))
        .bind(column(rows, |(_, row)| row.status.name()))
        .bind(tickets)
        .bind(column(rows, |(_, row)| array(&row.seats)))
        .bind(column(rows, |(_, row)| row.total.amount))
        .bind(column(rows, |(_, row)| row.total.currency.code()))
        .bind(column(rows, |(_, row)| row.held_until))
        .bind(column(rows, |(_, row)| row.at))
        .bind(column(rows, |(_, row)| row.version))
        .execute(tx)
        .await?;
    Ok(())
}

async fn write_changes_in_tx(
    tx: &mut PgConnection,
    changes: &BTreeMap<BookingId, Change>,
) -> Result<(), sqlx::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update bookings b
         set status = coalesce(change.status, b.status), version = change.version,
             held_until = case when change.is_held_as_before then b.held_until else change.held_until end
         from unnest($1::uuid[], $2::text[], $3::bool[], $4::timestamptz[], $5::bigint[])
              as change (id, status, is_held_as_before, held_until, version)
         where b.id = change.id",
    )
    .bind(column(changes.keys(), |id| id.uuid()))
    .bind(column(changes.values(), |change| change.status.map(BookingStatus::name)))
    .bind(column(changes.values(), |change| change.held == Held::AsBefore))
    .bind(column(changes.values(), |change| change.held.until()))
    .bind(column(changes.values(), |change| change.version))
    .execute(tx)
    .await?;
    Ok(())
}

/// PostgreSQL's text of a `uuid[]`: `unnest` would take an array of arrays apart.
fn array(seats: &[SeatId]) -> String {
    let ids: Vec<String> = seats.iter().map(|seat| seat.uuid().to_string()).collect();
    format!("{{{}}}", ids.join(","))
}
