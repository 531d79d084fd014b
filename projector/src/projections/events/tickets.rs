//! Ticket types with what is sold of them, and open holds.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use domain::{
    BookingId, ShowId, TicketTypeId,
    show::{OfferedTicketType, Taken, TicketLine},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Place;
use crate::projection::column;

/// What some events make of `event_ticket_types` and `event_holds`.
#[derive(Default)]
pub(super) struct Rows {
    offered: BTreeMap<ShowId, Vec<OfferedTicketType>>,
    /// How many more are sold, or fewer.
    sold: BTreeMap<(ShowId, TicketTypeId), i64>,
    held: BTreeMap<Booking, Hold>,
    /// Holds that are in the table already.
    extended: BTreeMap<Booking, DateTime<Utc>>,
    /// Bookings that were paid: what the table has as held of them is sold.
    paid: BTreeSet<Booking>,
    /// What bookings give back: a hold that is in the table, or else what was sold.
    freed: BTreeMap<Booking, Vec<TicketLine>>,
}

type Booking = (ShowId, BookingId);

struct Hold {
    tickets: Vec<TicketLine>,
    until: DateTime<Utc>,
}

impl Rows {
    /// What is offered from now on; types that stay keep what is sold of them.
    pub(super) fn offer(&mut self, place: Place, offered: Vec<OfferedTicketType>) {
        self.offered.insert(place.event_id, offered);
    }

    pub(super) fn hold(&mut self, place: Place, taken: &Taken, until: DateTime<Utc>) {
        let booking = (place.event_id, taken.booking_id);
        let hold = self.held.entry(booking).or_insert_with(|| Hold { tickets: vec![], until });
        // A booking takes tickets once. If it did so twice, the table's key must see it.
        hold.tickets.extend(&taken.tickets);
    }

    pub(super) fn extend(&mut self, place: Place, booking_id: BookingId, until: DateTime<Utc>) {
        let booking = (place.event_id, booking_id);
        match self.held.get_mut(&booking) {
            Some(hold) => hold.until = until,
            None => {
                self.extended.insert(booking, until);
            }
        }
    }

    /// What costs something was held before, and is held no more.
    pub(super) fn sell(&mut self, place: Place, taken: &Taken) {
        let booking = (place.event_id, taken.booking_id);
        if !taken.total().is_free() && self.held.remove(&booking).is_none() {
            self.paid.insert(booking);
        }
        self.add_sold(place.event_id, &taken.tickets, 1);
    }

    /// Tickets of a hold were not sold yet; those of any other booking were.
    pub(super) fn free(&mut self, place: Place, taken: &Taken) {
        let booking = (place.event_id, taken.booking_id);
        if self.held.remove(&booking).is_some() {
            return;
        }
        if self.paid.contains(&booking) {
            self.add_sold(place.event_id, &taken.tickets, -1);
        } else {
            self.freed.insert(booking, taken.tickets.clone());
        }
    }

    fn add_sold(&mut self, show: ShowId, tickets: &[TicketLine], sign: i64) {
        for line in tickets {
            *self.sold.entry((show, line.ticket_type_id)).or_default() += sign * i64::from(line.quantity);
        }
    }

    pub(super) async fn write_in_tx(mut self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        if !self.offered.is_empty() {
            self.write_offered_in_tx(tx).await?;
        }
        if !self.freed.is_empty() || !self.paid.is_empty() {
            let held = self.end_holds_in_tx(tx).await?;
            for ((show, booking), tickets) in std::mem::take(&mut self.freed) {
                if !held.contains(&(show.uuid(), booking.uuid())) {
                    self.add_sold(show, &tickets, -1);
                }
            }
        }
        if !self.extended.is_empty() {
            self.write_extended_in_tx(tx).await?;
        }
        if !self.held.is_empty() {
            self.write_held_in_tx(tx).await?;
        }
        if !self.sold.is_empty() {
            self.write_sold_in_tx(tx).await?;
        }
        Ok(())
    }

    async fn write_offered_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        let offered = || self.offered.iter().flat_map(|(show, types)| types.iter().map(move |t| (*show, t)));
        let shows: Vec<Uuid> = offered().map(|(show, _)| show.uuid()).collect();
        let ids: Vec<Uuid> = offered().map(|(_, t)| t.id.uuid()).collect();
        sqlx::query(
            "delete from event_ticket_types t
             where event_id = any($1)
                   and not exists (select from unnest($2::uuid[], $3::uuid[]) as offered (event_id, id)
                                   where offered.event_id = t.event_id and offered.id = t.id)",
        )
        .bind(column(self.offered.keys(), |show| show.uuid()))
        .bind(&shows)
        .bind(&ids)
        .execute(&mut *tx)
        .await?;
        let places = self.offered.values().flat_map(|types| 1..=types.len() as i64);
        sqlx::query(
            "insert into event_ticket_types (event_id, id, place, name, amount, currency, capacity)
             select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[], $6::text[],
                                  $7::bigint[])
             on conflict (event_id, id) do update
             set place = excluded.place, name = excluded.name, amount = excluded.amount,
                 currency = excluded.currency, capacity = excluded.capacity",
        )
        .bind(&shows)
        .bind(&ids)
        .bind(places.collect::<Vec<_>>())
        .bind(offered().map(|(_, t)| t.name.as_str()).collect::<Vec<_>>())
        .bind(offered().map(|(_, t)| t.price.amount).collect::<Vec<_>>())
        .bind(offered().map(|(_, t)| t.price.currency.code()).collect::<Vec<_>>())
        .bind(offered().map(|(_, t)| i64::from(t.capacity)).collect::<Vec<_>>())
        .execute(tx)
        .await?;
        Ok(())
    }

    /// Ends holds; which of them there were.
    async fn end_holds_in_tx(&self, tx: &mut PgConnection) -> Result<HashSet<(Uuid, Uuid)>, sqlx::Error> {
        let ended: BTreeSet<&Booking> = self.freed.keys().chain(&self.paid).collect();
        let held: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "delete from event_holds h using unnest($1::uuid[], $2::uuid[]) as ended (event_id, booking_id)
             where h.event_id = ended.event_id and h.booking_id = ended.booking_id
             returning h.event_id, h.booking_id",
        )
        .bind(column(ended.iter().copied(), |(show, _)| show.uuid()))
        .bind(column(ended.iter().copied(), |(_, booking)| booking.uuid()))
        .fetch_all(tx)
        .await?;
        Ok(held.into_iter().collect())
    }

    async fn write_extended_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update event_holds h set held_until = extended.until
             from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as extended (event_id, booking_id, until)
             where h.event_id = extended.event_id and h.booking_id = extended.booking_id",
        )
        .bind(column(self.extended.keys(), |(show, _)| show.uuid()))
        .bind(column(self.extended.keys(), |(_, booking)| booking.uuid()))
        .bind(column(self.extended.values(), |until| *until))
        .execute(tx)
        .await?;
        Ok(())
    }

    async fn write_held_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        let rows: Vec<(Booking, &TicketLine, DateTime<Utc>)> = self
            .held
            .iter()
            .flat_map(|(booking, hold)| hold.tickets.iter().map(|line| (*booking, line, hold.until)))
            .collect();
        sqlx::query(
            "insert into event_holds (event_id, booking_id, ticket_type_id, quantity, held_until)
             select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[])",
        )
        .bind(column(&rows, |((show, _), ..)| show.uuid()))
        .bind(column(&rows, |((_, booking), ..)| booking.uuid()))
        .bind(column(&rows, |(_, line, _)| line.ticket_type_id.uuid()))
        .bind(column(&rows, |(_, line, _)| i64::from(line.quantity)))
        .bind(column(&rows, |(.., until)| *until))
        .execute(tx)
        .await?;
        Ok(())
    }

    async fn write_sold_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update event_ticket_types t set sold = t.sold + more.sold
             from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as more (event_id, id, sold)
             where t.event_id = more.event_id and t.id = more.id",
        )
        .bind(column(self.sold.keys(), |(show, _)| show.uuid()))
        .bind(column(self.sold.keys(), |(_, id)| id.uuid()))
        .bind(column(self.sold.values(), |sold| *sold))
        .execute(tx)
        .await?;
        Ok(())
    }
}
