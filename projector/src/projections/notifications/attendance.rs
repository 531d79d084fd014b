//! Who has tickets of an event, and how many are sold.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::{
    BookingId, ShowId, UserId,
    show::{ShowEvent, Taken},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::projection::column;

/// The rows of `notification_events` and `notification_bookings` that events are about.
#[derive(Default)]
pub(super) struct Attendance {
    shows: BTreeMap<ShowId, Show>,
    bookings: BTreeMap<(ShowId, BookingId), Booking>,
    /// What is not written yet.
    changed_shows: BTreeSet<ShowId>,
    changed_bookings: BTreeSet<(ShowId, BookingId)>,
}

struct Show {
    host_id: UserId,
    capacity: i64,
    sold: i64,
}

struct Booking {
    user_id: Uuid,
    /// Without it the tickets are theirs for good.
    held_until: Option<DateTime<Utc>>,
}

impl Attendance {
    /// As it is before these events.
    pub(super) async fn known_in_tx<'a>(
        tx: &mut PgConnection,
        events: impl Iterator<Item = (ShowId, &'a ShowEvent)>,
    ) -> Result<Self, sqlx::Error> {
        let (mut shows, mut bookings) = (BTreeSet::new(), BTreeSet::new());
        for (show, event) in events {
            shows.insert(show);
            bookings.extend(changed_booking(event).map(|booking| (show, booking)));
        }
        let mut attendance = Self::default();
        if !shows.is_empty() {
            let rows: Vec<(Uuid, Uuid, i64, i64)> = sqlx::query_as(
                "select event_id, host_id, capacity, sold from notification_events where event_id = any($1)",
            )
            .bind(column(&shows, |show| show.uuid()))
            .fetch_all(&mut *tx)
            .await?;
            let show = |(id, host_id, capacity, sold)| {
                (ShowId::new(id), Show { host_id: UserId::new(host_id), capacity, sold })
            };
            attendance.shows = rows.into_iter().map(show).collect();
        }
        if !bookings.is_empty() {
            let rows: Vec<(Uuid, Uuid, Uuid, Option<DateTime<Utc>>)> = sqlx::query_as(
                "select b.event_id, b.booking_id, b.user_id, b.held_until
                 from unnest($1::uuid[], $2::uuid[]) as changed (event_id, booking_id)
                 join notification_bookings b
                      on b.event_id = changed.event_id and b.booking_id = changed.booking_id",
            )
            .bind(column(&bookings, |(show, _)| show.uuid()))
            .bind(column(&bookings, |(_, booking)| booking.uuid()))
            .fetch_all(tx)
            .await?;
            let booking = |(show, booking, user_id, held_until)| {
                ((ShowId::new(show), BookingId::new(booking)), Booking { user_id, held_until })
            };
            attendance.bookings = rows.into_iter().map(booking).collect();
        }
        Ok(attendance)
    }

    pub(super) fn create(&mut self, show: ShowId, host_id: UserId, capacity: i64) {
        self.shows.insert(show, Show { host_id, capacity, sold: 0 });
        self.changed_shows.insert(show);
    }

    pub(super) fn host_of(&self, show: ShowId) -> Option<UserId> {
        self.shows.get(&show).map(|show| show.host_id)
    }

    pub(super) fn resize(&mut self, show: ShowId, capacity: i64) {
        if let Some(known) = self.shows.get_mut(&show) {
            known.capacity = capacity;
            self.changed_shows.insert(show);
        }
    }

    /// Tickets that are sold after they were held are theirs for good.
    pub(super) fn take(&mut self, show: ShowId, taken: &Taken, held_until: Option<DateTime<Utc>>) {
        let booking = (show, taken.booking_id);
        self.bookings.insert(booking, Booking { user_id: taken.attendee_id.uuid(), held_until });
        self.changed_bookings.insert(booking);
    }

    pub(super) fn extend(&mut self, show: ShowId, booking_id: BookingId, held_until: DateTime<Utc>) {
        let booking = (show, booking_id);
        if let Some(known) = self.bookings.get_mut(&booking) {
            known.held_until = Some(held_until);
            self.changed_bookings.insert(booking);
        }
    }

    /// Ends what a booking has. What was only held has not been sold.
    pub(super) fn release(&mut self, show: ShowId, booking_id: BookingId, tickets: i64) {
        let booking = (show, booking_id);
        let before = self.bookings.remove(&booking);
        self.changed_bookings.insert(booking);
        if before.is_some_and(|before| before.held_until.is_none()) {
            self.sell(show, -tickets);
        }
    }

    /// Counts; answers with the host if the event is sold out now.
    pub(super) fn sell(&mut self, show: ShowId, tickets: i64) -> Option<UserId> {
        let known = self.shows.get_mut(&show)?;
        known.sold += tickets;
        self.changed_shows.insert(show);
        (known.sold >= known.capacity).then_some(known.host_id)
    }

    /// Writes what has changed since the last time.
    pub(super) async fn write_in_tx(&mut self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        let changed = std::mem::take(&mut self.changed_shows);
        let shows: Vec<(Uuid, &Show)> =
            changed.iter().filter_map(|show| Some((show.uuid(), self.shows.get(show)?))).collect();
        put_shows_in_tx(tx, &shows).await?;
        let changed = std::mem::take(&mut self.changed_bookings);
        let (there, gone): (Vec<_>, Vec<_>) = changed.iter().partition(|key| self.bookings.contains_key(key));
        let there: Vec<((ShowId, BookingId), &Booking)> =
            there.into_iter().map(|key: (ShowId, BookingId)| (key, &self.bookings[&key])).collect();
        put_bookings_in_tx(tx, &there).await?;
        end_bookings_in_tx(tx, &gone).await
    }
}

/// Whose row must be known.
fn changed_booking(event: &ShowEvent) -> Option<BookingId> {
    match event {
        ShowEvent::HoldExtended { booking_id, .. } => Some(*booking_id),
        ShowEvent::HoldExpired { taken, .. } | ShowEvent::TicketsReleased { taken, .. } => {
            Some(taken.booking_id)
        }
        ShowEvent::EventCreated { .. }
        | ShowEvent::EventPublished { .. }
        | ShowEvent::EventChanged { .. }
        | ShowEvent::EventCancelled { .. }
        | ShowEvent::EventDeleted { .. }
        | ShowEvent::SalesStarted { .. }
        | ShowEvent::TicketsHeld { .. }
        | ShowEvent::TicketsSold { .. } => None,
    }
}

async fn put_shows_in_tx(tx: &mut PgConnection, shows: &[(Uuid, &Show)]) -> Result<(), sqlx::Error> {
    if shows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into notification_events (event_id, host_id, capacity, sold)
         select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[])
         on conflict (event_id) do update set capacity = excluded.capacity, sold = excluded.sold",
    )
    .bind(column(shows, |(id, _)| *id))
    .bind(column(shows, |(_, show)| show.host_id.uuid()))
    .bind(column(shows, |(_, show)| show.capacity))
    .bind(column(shows, |(_, show)| show.sold))
    .execute(tx)
    .await?;
    Ok(())
}

async fn put_bookings_in_tx(
    tx: &mut PgConnection,
    bookings: &[((ShowId, BookingId), &Booking)],
) -> Result<(), sqlx::Error> {
    if bookings.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into notification_bookings (event_id, booking_id, user_id, held_until)
         select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[])
         on conflict (event_id, booking_id) do update set held_until = excluded.held_until",
    )
    .bind(column(bookings, |((show, _), _)| show.uuid()))
    .bind(column(bookings, |((_, booking), _)| booking.uuid()))
    .bind(column(bookings, |(_, booking)| booking.user_id))
    .bind(column(bookings, |(_, booking)| booking.held_until))
    .execute(tx)
    .await?;
    Ok(())
}

async fn end_bookings_in_tx(
    tx: &mut PgConnection,
    bookings: &[(ShowId, BookingId)],
) -> Result<(), sqlx::Error> {
    if bookings.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "delete from notification_bookings b using unnest($1::uuid[], $2::uuid[]) as ended (event_id, booking_id)
         where b.event_id = ended.event_id and b.booking_id = ended.booking_id",
    )
    .bind(column(bookings, |(show, _)| show.uuid()))
    .bind(column(bookings, |(_, booking)| booking.uuid()))
    .execute(tx)
    .await?;
    Ok(())
}
