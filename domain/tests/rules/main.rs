//! The rules of the domain: given facts, when a command, then facts or an exact error.

mod booking;
mod show;
mod show_properties;
mod stored_events;
mod texts;
mod user;

use chrono::{DateTime, Utc};
use domain::{
    BookingId, Money, ShowId, TicketTypeId, TicketTypeName, TimeZone, Title, UserId,
    show::{NewTicketType, Schedule, ShowDetails, ShowEvent, TicketLine},
};
use uuid::Uuid;

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// Long before the show.
fn early() -> DateTime<Utc> {
    time("2027-01-01T12:00:00Z")
}

fn show_id() -> ShowId {
    ShowId::new(Uuid::from_u128(1))
}

fn host_id() -> UserId {
    UserId::new(Uuid::from_u128(2))
}

fn ticket_type_id() -> TicketTypeId {
    TicketTypeId::new(Uuid::from_u128(3))
}

fn attendee(number: u128) -> UserId {
    UserId::new(Uuid::from_u128(1_000 + number))
}

fn booking(number: u128) -> BookingId {
    BookingId::new(Uuid::from_u128(1_000_000 + number))
}

fn details() -> ShowDetails {
    ShowDetails {
        title: Title::parse("An evening of engines").expect("a title"),
        description: None,
        venue: None,
        schedule: Schedule::parse(time("2027-06-01T18:00:00Z"), time("2027-06-01T21:00:00Z"), None, None)
            .expect("a schedule"),
        time_zone: TimeZone::UTC,
    }
}

fn created(capacity: u32) -> ShowEvent {
    created_with(details(), capacity)
}

fn created_with(details: ShowDetails, capacity: u32) -> ShowEvent {
    ShowEvent::EventCreated {
        event_id: show_id(),
        host_id: host_id(),
        details: Box::new(details),
        ticket_types: vec![NewTicketType {
            id: ticket_type_id(),
            name: TicketTypeName::parse("General admission").expect("a name"),
            price: Money::FREE,
            capacity,
        }],
        at: early(),
    }
}

fn one_ticket() -> Vec<TicketLine> {
    vec![TicketLine { ticket_type_id: ticket_type_id(), quantity: 1, price: Money::FREE }]
}

fn sold(number: u128) -> ShowEvent {
    ShowEvent::TicketsSold {
        booking_id: booking(number),
        attendee_id: attendee(number),
        tickets: one_ticket(),
        at: early(),
    }
}

fn released(number: u128) -> ShowEvent {
    ShowEvent::TicketsReleased {
        booking_id: booking(number),
        attendee_id: attendee(number),
        tickets: one_ticket(),
        at: early(),
    }
}
