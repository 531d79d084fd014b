//! What was sold and given back, by ticket type and day. What never was a sale, because the money came for tickets that
//! were gone, is none when it goes back either.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use domain::{BookingId, Money, RefundId, ShowId, booking::OfRefund, show::TicketLine};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::projection::column;

/// What some events make of `sale_lines`.
#[derive(Default)]
pub(super) struct Rows {
    /// The lines of bookings that were sold, by ticket type; those of refunded ones as they are in the table, too.
    sold: BTreeMap<BookingId, Vec<Line>>,
    /// New lines, of bookings and of refunds.
    lines: BTreeMap<Uuid, Vec<Line>>,
    /// Refunds whose lines in the table count no more.
    taken_back: BTreeSet<RefundId>,
}

#[derive(Clone)]
struct Line {
    event_id: Uuid,
    ticket_type_id: Uuid,
    day: NaiveDate,
    currency: String,
    sold: i64,
    gross: i64,
    refunded: i64,
}

impl Rows {
    /// With what these bookings were sold for.
    pub(super) async fn known_in_tx(tx: &mut PgConnection, bookings: &[Uuid]) -> Result<Self, sqlx::Error> {
        let mut known = Self::default();
        if bookings.is_empty() {
            return Ok(known);
        }
        let rows: Vec<(Uuid, Uuid, Uuid, NaiveDate, String, i64, i64)> = sqlx::query_as(
            "select cause_id, event_id, ticket_type_id, day, currency, sold, gross from sale_lines
             where cause_id = any($1) order by cause_id, ticket_type_id",
        )
        .bind(bookings)
        .fetch_all(tx)
        .await?;
        for (booking, event_id, ticket_type_id, day, currency, sold, gross) in rows {
            let line = Line { event_id, ticket_type_id, day, currency, sold, gross, refunded: 0 };
            known.sold.entry(BookingId::new(booking)).or_default().push(line);
        }
        Ok(known)
    }

    pub(super) fn sell(
        &mut self,
        booking_id: BookingId,
        event_id: ShowId,
        tickets: &[TicketLine],
        at: DateTime<Utc>,
    ) {
        let line = |line: &TicketLine| Line {
            event_id: event_id.uuid(),
            ticket_type_id: line.ticket_type_id.uuid(),
            day: at.date_naive(),
            currency: line.price.currency.code().to_owned(),
            sold: i64::from(line.quantity),
            gross: line.price.amount * i64::from(line.quantity),
            refunded: 0,
        };
        let mut lines: Vec<Line> = tickets.iter().map(line).collect();
        lines.sort_by_key(|line| line.ticket_type_id);
        self.lines.insert(booking_id.uuid(), lines.clone());
        self.sold.insert(booking_id, lines);
    }

    /// Spread over the lines of the sale from the first one on, so that the parts are the whole to the cent.
    pub(super) fn refund(&mut self, of: OfRefund, amount: Money, at: DateTime<Utc>) {
        let mut left = amount.amount;
        let line = |sold: &Line| {
            let refunded = sold.gross.min(left);
            left -= refunded;
            Line { day: at.date_naive(), sold: 0, gross: 0, refunded, ..sold.clone() }
        };
        if let Some(sold) = self.sold.get(&of.payment.booking_id) {
            let lines = sold.iter().map(line).collect();
            self.lines.insert(of.refund_id.uuid(), lines);
        }
    }

    /// One that was made may still fail.
    pub(super) fn take_back(&mut self, of: OfRefund) {
        self.lines.remove(&of.refund_id.uuid());
        self.taken_back.insert(of.refund_id);
    }

    /// What counts no more goes first: a refund that failed may have been made since.
    pub(super) async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        if !self.taken_back.is_empty() {
            sqlx::query("delete from sale_lines where cause_id = any($1)")
                .bind(column(&self.taken_back, |id| id.uuid()))
                .execute(&mut *tx)
                .await?;
        }
        if !self.lines.is_empty() {
            self.write_lines_in_tx(tx).await?;
        }
        Ok(())
    }

    async fn write_lines_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        let lines: Vec<(Uuid, &Line)> =
            self.lines.iter().flat_map(|(cause, lines)| lines.iter().map(|line| (*cause, line))).collect();
        sqlx::query(
            "insert into sale_lines (event_id, cause_id, ticket_type_id, day, currency, sold, gross, refunded)
             select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::date[], $5::text[], $6::bigint[],
                                  $7::bigint[], $8::bigint[])",
        )
        .bind(column(&lines, |(_, line)| line.event_id))
        .bind(column(&lines, |(cause, _)| *cause))
        .bind(column(&lines, |(_, line)| line.ticket_type_id))
        .bind(column(&lines, |(_, line)| line.day))
        .bind(column(&lines, |(_, line)| line.currency.as_str()))
        .bind(column(&lines, |(_, line)| line.sold))
        .bind(column(&lines, |(_, line)| line.gross))
        .bind(column(&lines, |(_, line)| line.refunded))
        .execute(tx)
        .await?;
        Ok(())
    }
}
