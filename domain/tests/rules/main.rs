//! The rules of the domain: given facts, when a command, then facts or an exact error.

mod attempts;
mod booking;
mod changes;
mod facts;
mod holds;
mod hosting;
mod inbox;
mod interest;
mod money;
mod paid_holds;
mod payments;
mod sales;
mod seat_ids;
mod seating_changes;
mod seats;
mod show_model;
mod show_properties;
mod snapshots;
mod stored_events;
mod texts;
mod tickets;
mod user;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{BookingId, SeatId, ShowId, UserId};
use uuid::Uuid;

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// Long before the show.
fn early() -> DateTime<Utc> {
    time("2027-01-01T12:00:00Z")
}

/// So many minutes later.
fn minute(minutes: i64) -> DateTime<Utc> {
    early() + TimeDelta::minutes(minutes)
}

fn show_id() -> ShowId {
    ShowId::new(Uuid::from_u128(1 << 64))
}

fn host_id() -> UserId {
    UserId::new(Uuid::from_u128(2))
}

/// Some share a part of the show's bookings.
fn attendee(number: u128) -> UserId {
    UserId::new(Uuid::from_u128(((1_000 + number) << 8) + number % 3))
}

fn booking(number: u128) -> BookingId {
    BookingId::new(Uuid::from_u128(1_000_000 + number))
}

/// A seat of the show, by its index.
fn seat(index: u32) -> SeatId {
    SeatId::of(show_id(), index)
}
