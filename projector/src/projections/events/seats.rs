//! Numbered seats: the plan in blocks, and a row for each seat that was ever taken.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::{
    BookingId, ShowId,
    show::{SeatBlock, Taken},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Place;
use crate::projection::column;

/// A row of `event_seat_blocks`: first index, section, row, ticket type, first number, seats.
type Block = (i64, String, String, Uuid, i64, i64);

/// What some events make of `event_seat_blocks` and `event_seats`.
pub(super) struct Rows {
    plans: BTreeMap<Uuid, Vec<Block>>,
    /// Whose plan is another one.
    rearranged: BTreeSet<Uuid>,
    seats: BTreeMap<(ShowId, i64), Seat>,
    /// Until when bookings have their seats, and since which sequence, where the table knows those.
    extended: BTreeMap<(ShowId, BookingId), (DateTime<Utc>, i64)>,
}

/// Free without a booking.
struct Seat {
    booking: Option<BookingId>,
    held_until: Option<DateTime<Utc>>,
    sequence: i64,
}

impl Rows {
    /// With the plans as they are now.
    pub(super) async fn known_in_tx(tx: &mut PgConnection, shows: &[Uuid]) -> Result<Self, sqlx::Error> {
        let mut plans: BTreeMap<Uuid, Vec<Block>> = BTreeMap::new();
        if !shows.is_empty() {
            let rows: Vec<(Uuid, i64, String, String, Uuid, i64, i64)> = sqlx::query_as(
                r#"select event_id, first_index, section, "row", ticket_type_id, first_number, seats
                   from event_seat_blocks where event_id = any($1) order by event_id, first_index"#,
            )
            .bind(shows)
            .fetch_all(tx)
            .await?;
            for (show, first_index, section, row, ticket_type, first_number, seats) in rows {
                let block = (first_index, section, row, ticket_type, first_number, seats);
                plans.entry(show).or_default().push(block);
            }
        }
        Ok(Self { plans, rearranged: BTreeSet::new(), seats: BTreeMap::new(), extended: BTreeMap::new() })
    }

    /// The plan from now on; whether it is another one.
    pub(super) fn arrange(&mut self, place: Place, seating: &[SeatBlock]) -> bool {
        let show = place.event_id.uuid();
        let mut plan: Vec<Block> = seating.iter().map(block).collect();
        plan.sort_by_key(|block| block.0);
        let before = self.plans.entry(show).or_default();
        if *before == plan {
            return false;
        }
        *before = plan;
        self.rearranged.insert(show);
        true
    }

    /// Held until a time, or for good.
    pub(super) fn take(&mut self, place: Place, taken: &Taken, held_until: Option<DateTime<Utc>>) {
        self.put(place, taken, Some(taken.booking_id), held_until);
    }

    pub(super) fn free(&mut self, place: Place, taken: &Taken) {
        self.put(place, taken, None, None);
    }

    fn put(
        &mut self,
        place: Place,
        taken: &Taken,
        booking: Option<BookingId>,
        held_until: Option<DateTime<Utc>>,
    ) {
        for index in taken.seats.iter().filter_map(|seat| seat.index_in(place.event_id)) {
            let seat = Seat { booking, held_until, sequence: place.sequence };
            self.seats.insert((place.event_id, index.into()), seat);
        }
    }

    /// A reader may have seen the seats as free already, when the hold had lapsed before this was applied; so this counts
    /// as a change of them.
    pub(super) fn extend(&mut self, place: Place, booking: BookingId, until: DateTime<Utc>) {
        let show = place.event_id;
        for (_, seat) in self.seats.range_mut((show, 0)..=(show, i64::MAX)) {
            if seat.booking == Some(booking) {
                seat.held_until = Some(until);
                seat.sequence = place.sequence;
            }
        }
        self.extended.insert((show, booking), (until, place.sequence));
    }

    /// Bookings are extended before seats go to others.
    pub(super) async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        if !self.rearranged.is_empty() {
            self.write_plans_in_tx(tx).await?;
        }
        if !self.extended.is_empty() {
            self.write_extended_in_tx(tx).await?;
        }
        if !self.seats.is_empty() {
            self.write_seats_in_tx(tx).await?;
        }
        Ok(())
    }

    async fn write_plans_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query("delete from event_seat_blocks where event_id = any($1)")
            .bind(column(&self.rearranged, |show| *show))
            .execute(&mut *tx)
            .await?;
        let plans = self.rearranged.iter().filter_map(|show| Some((*show, self.plans.get(show)?)));
        let blocks: Vec<(Uuid, &Block)> =
            plans.flat_map(|(show, plan)| plan.iter().map(move |block| (show, block))).collect();
        sqlx::query(
            r#"insert into event_seat_blocks (event_id, first_index, section, "row", ticket_type_id, first_number,
                                              seats)
               select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::bigint[],
                                    $7::bigint[])"#,
        )
        .bind(column(&blocks, |(show, _)| *show))
        .bind(column(&blocks, |(_, block)| block.0))
        .bind(column(&blocks, |(_, block)| block.1.as_str()))
        .bind(column(&blocks, |(_, block)| block.2.as_str()))
        .bind(column(&blocks, |(_, block)| block.3))
        .bind(column(&blocks, |(_, block)| block.4))
        .bind(column(&blocks, |(_, block)| block.5))
        .execute(tx)
        .await?;
        Ok(())
    }

    async fn write_extended_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update event_seats s set held_until = extended.until, sequence = extended.sequence
             from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bigint[])
                  as extended (event_id, booking_id, until, sequence)
             where s.event_id = extended.event_id and s.booking_id = extended.booking_id",
        )
        .bind(column(self.extended.keys(), |(show, _)| show.uuid()))
        .bind(column(self.extended.keys(), |(_, booking)| booking.uuid()))
        .bind(column(self.extended.values(), |(until, _)| *until))
        .bind(column(self.extended.values(), |(_, sequence)| *sequence))
        .execute(tx)
        .await?;
        Ok(())
    }

    async fn write_seats_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into event_seats (event_id, seat_index, booking_id, held_until, sequence)
             select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::timestamptz[], $5::bigint[])
             on conflict (event_id, seat_index) do update
             set booking_id = excluded.booking_id, held_until = excluded.held_until,
                 sequence = excluded.sequence",
        )
        .bind(column(self.seats.keys(), |(show, _)| show.uuid()))
        .bind(column(self.seats.keys(), |(_, index)| *index))
        .bind(column(self.seats.values(), |seat| seat.booking.map(BookingId::uuid)))
        .bind(column(self.seats.values(), |seat| seat.held_until))
        .bind(column(self.seats.values(), |seat| seat.sequence))
        .execute(tx)
        .await?;
        Ok(())
    }
}

fn block(block: &SeatBlock) -> Block {
    (
        block.first_index.into(),
        block.section.as_str().to_owned(),
        block.row.as_str().to_owned(),
        block.ticket_type_id.uuid(),
        block.first_number.into(),
        block.seats.into(),
    )
}
