//! The rows of `bookings`.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    BookingId, SeatId, TicketTypeId, UserId,
    booking::{Booking, BookingCommand, BookingEvent, PlaceBooking, RefundCause},
    show::{Taken, TicketLine},
};
use event_store::{Metadata, NewEvent, StreamId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Databases, a_show};

/// What led to a booking, command by command.
fn history(commands: impl IntoIterator<Item = BookingCommand>) -> Vec<BookingEvent> {
    let (mut booking, mut all) = (Booking::default(), Vec::new());
    for command in commands {
        for event in booking.decide(command).unwrap() {
            booking.evolve(event.clone());
            all.push(event);
        }
    }
    all
}

async fn append(databases: &Databases, id: BookingId, events: &[BookingEvent]) {
    let new = events.iter().map(|event| NewEvent::from_domain(event, &Metadata::default())).collect();
    databases.append_to(StreamId::new("booking", id), 0, new).await;
    let sequence = i64::try_from(events.len()).unwrap();
    databases.until_applied("bookings", &StreamId::new("booking", id), sequence).await;
}

async fn row(databases: &Databases, id: BookingId) -> Value {
    sqlx::query_scalar("select to_jsonb(b) from bookings b where id = $1")
        .bind(id.uuid())
        .fetch_one(&databases.read)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_follow_bookings_through_everything() {
    let databases = Databases::new().await;
    let following = databases.follow(None);
    let (show, user) = (a_show(), UserId::new(Uuid::now_v7()));
    let at = DateTime::from_timestamp(Utc::now().timestamp(), 0).unwrap();
    let (until, later) = (at + TimeDelta::minutes(15), at + TimeDelta::minutes(20));
    let line = TicketLine {
        ticket_type_id: TicketTypeId::new(Uuid::now_v7()),
        quantity: 2,
        price: domain::Price::parse(2_500, "EUR").unwrap().money(),
    };
    let place = |held_until| {
        let id = BookingId::new(Uuid::now_v7());
        let seats = vec![SeatId::of(show, 0), SeatId::of(show, 1)];
        let taken = Taken { booking_id: id, attendee_id: user, tickets: vec![line], seats };
        (id, BookingCommand::Place(PlaceBooking { event_id: show, taken, held_until, at }))
    };

    let (held, command) = place(Some(until));
    append(&databases, held, &history([command])).await;
    let seen = row(&databases, held).await;
    assert_eq!((&seen["status"], &seen["amount"]), (&json!("held"), &json!(5_000)));
    assert_eq!(seen["seats"], json!([SeatId::of(show, 0).uuid(), SeatId::of(show, 1).uuid()]));
    assert_eq!(seen["tickets"][0]["quantity"], 2);
    assert_eq!(seen["held_until"].as_str().unwrap().parse(), Ok(until));

    let (extended, command) = place(Some(until));
    append(&databases, extended, &history([command, BookingCommand::Extend { held_until: later, at }])).await;
    let seen = row(&databases, extended).await;
    assert_eq!((&seen["status"], &seen["version"]), (&json!("held"), &json!(2)));
    assert_eq!(seen["held_until"].as_str().unwrap().parse(), Ok(later));

    let (confirmed, command) = place(None);
    append(&databases, confirmed, &history([command])).await;
    let seen = row(&databases, confirmed).await;
    assert_eq!((&seen["status"], &seen["held_until"]), (&json!("confirmed"), &Value::Null));

    for (command, status) in [
        (BookingCommand::Expire { at: later }, "expired"),
        (BookingCommand::Cancel { cause: RefundCause::BookingCancelled, at: later }, "cancelled"),
    ] {
        let (id, place) = place(Some(until));
        append(&databases, id, &history([place, command])).await;
        let seen = row(&databases, id).await;
        assert_eq!((&seen["status"], &seen["held_until"]), (&json!(status), &Value::Null));
        assert_eq!(seen["version"], 2);
    }

    // As a payment will do it.
    let (paid, place) = place(Some(until));
    let mut events = history([place]);
    events.push(BookingEvent::BookingConfirmed {
        booking_id: paid,
        event_id: show,
        user_id: user,
        tickets: vec![line],
        seats: vec![],
        total: line.price,
        at: later,
    });
    append(&databases, paid, &events).await;
    let seen = row(&databases, paid).await;
    assert_eq!((&seen["status"], &seen["held_until"]), (&json!("confirmed"), &Value::Null));
    assert_eq!(seen["created_at"].as_str().unwrap().parse(), Ok(at), "it was placed when it was held");

    drop(following);
    databases.rebuild_gives_the_same("bookings", &["bookings", "bookings_applied"]).await;
}
