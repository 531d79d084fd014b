//! The rows of `notifications`, as far as each comes of one stream alone.

use chrono::{TimeDelta, Utc};
use domain::{
    BookingId, Money, TicketTypeName,
    booking::BookingEvent,
    show::{OfferedTicketType, ShowEvent, Taken},
};
use event_store::{Metadata, NewEvent, StreamId};
use uuid::Uuid;

use crate::{Databases, a_show, a_user, created, details, one_ticket, sold, ticket_type};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_sold_out_when_as_many_are_sold_as_it_has_now_whatever_was_held() {
    let databases = Databases::new().await;
    let following = databases.follow(None);
    let (show, at) = (a_show(), Utc::now());
    let (lapsing, released) = (one_ticket(show), one_ticket(show));
    let held_until = at + TimeDelta::minutes(15);
    let smaller = ShowEvent::EventChanged {
        details: Box::new(details("Engines")),
        ticket_types: vec![OfferedTicketType {
            id: ticket_type(show),
            name: TicketTypeName::parse("General admission").unwrap(),
            price: Money::FREE,
            capacity: 2,
        }],
        seating: vec![],
        at,
    };
    let events = [
        created(show),
        smaller,
        sold(show),
        ShowEvent::TicketsHeld { taken: lapsing.clone(), held_until, at },
        ShowEvent::HoldExpired { taken: lapsing, at },
        ShowEvent::TicketsHeld { taken: released.clone(), held_until, at },
        ShowEvent::HoldExtended { booking_id: released.booking_id, held_until, at },
        ShowEvent::TicketsReleased { taken: released, at },
        ShowEvent::TicketsHeld { taken: one_ticket(show), held_until, at },
    ];
    let stream = StreamId::new("event", show);
    databases.append(show, 0, &events).await;
    databases.until_applied("notifications", &stream, 9).await;
    let sold_out = "select count(*) from notifications where kind = 'event-sold-out'";
    let told: i64 = sqlx::query_scalar(sold_out).fetch_one(&databases.read).await.unwrap();
    assert_eq!(told, 0, "held is not sold");

    databases
        .append(show, 9, &[sold(show), ShowEvent::EventCancelled { at }, ShowEvent::EventDeleted { at }])
        .await;
    databases.until_applied("notifications", &stream, 12).await;
    let told: i64 = sqlx::query_scalar(sold_out).fetch_one(&databases.read).await.unwrap();
    assert_eq!(told, 1);
    drop(following);
    let tables = ["notifications", "notification_events", "notification_bookings", "notifications_applied"];
    databases.rebuild_gives_the_same("notifications", &tables).await;
}

fn changed(at: chrono::DateTime<Utc>) -> ShowEvent {
    ShowEvent::EventChanged {
        details: Box::new(details("Other engines")),
        ticket_types: vec![],
        seating: vec![],
        at,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_tickets_at_that_time_is_told_of_each_change_and_of_the_cancellation() {
    let databases = Databases::new().await;
    let following = databases.follow(None);
    let (show, at) = (a_show(), Utc::now());
    let [bought, held, extended, lapsed, released, expired] = [(); 6].map(|()| one_ticket(show));
    let hold = |taken: &Taken, minutes| ShowEvent::TicketsHeld {
        taken: taken.clone(),
        held_until: at + TimeDelta::minutes(minutes),
        at,
    };
    let later = at + TimeDelta::minutes(10);
    let events = [
        created(show),
        ShowEvent::TicketsSold { taken: bought.clone(), at },
        hold(&held, 15),
        hold(&extended, 5),
        ShowEvent::HoldExtended {
            booking_id: extended.booking_id,
            held_until: at + TimeDelta::minutes(11),
            at,
        },
        // Nobody has noticed it yet.
        hold(&lapsed, 10),
        ShowEvent::TicketsSold { taken: released.clone(), at },
        ShowEvent::TicketsReleased { taken: released.clone(), at },
        hold(&expired, 1),
        ShowEvent::HoldExpired { taken: expired.clone(), at: later },
        changed(later),
        changed(later),
        ShowEvent::EventCancelled { at: later + TimeDelta::minutes(2) },
        ShowEvent::TicketsReleased { taken: bought.clone(), at: later + TimeDelta::minutes(3) },
    ];
    databases.append(show, 0, &events).await;
    databases.until_all_is_told().await;
    let (updated, cancelled) = ("event-updated", "event-cancelled");
    for (taken, kinds) in [
        (bought, vec![cancelled, updated, updated]),
        (held, vec![cancelled, updated, updated]),
        (extended, vec![updated, updated]),
        (lapsed, vec![]),
        (released, vec![]),
        (expired, vec![]),
    ] {
        let told = databases.told(taken.attendee_id).await;
        assert_eq!(told.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), kinds);
    }
    drop(following);
    databases.rebuild_gives_the_same("notifications", &["notifications", "notification_bookings"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attendee_is_told_what_becomes_of_their_booking() {
    let databases = Databases::new().await;
    let _following = databases.follow(None);
    let (event_id, user_id, at) = (a_show(), a_user(), Utc::now());
    let [confirmed, expired] = [(); 2].map(|()| BookingId::new(Uuid::now_v7()));
    let held = |booking_id| BookingEvent::BookingHeld {
        booking_id,
        event_id,
        user_id,
        tickets: vec![],
        seats: vec![],
        total: Money::FREE,
        held_until: at,
        at,
    };
    let streams = [
        vec![
            held(confirmed),
            BookingEvent::BookingConfirmed {
                booking_id: confirmed,
                event_id,
                user_id,
                tickets: vec![],
                seats: vec![],
                total: Money::FREE,
                at,
            },
            BookingEvent::BookingCancelled { booking_id: confirmed, event_id, user_id, at },
        ],
        vec![held(expired), BookingEvent::BookingExpired { booking_id: expired, event_id, user_id, at }],
    ];
    for (booking_id, events) in [confirmed, expired].iter().zip(streams) {
        let events = events.iter().map(|event| NewEvent::from_domain(event, &Metadata::default())).collect();
        databases.append_to(StreamId::new("booking", *booking_id), 0, events).await;
    }
    databases.until_all_is_told().await;
    let told: Vec<(String, Uuid)> =
        sqlx::query_as("select kind, booking_id from notifications order by kind")
            .fetch_all(&databases.read)
            .await
            .unwrap();
    let expected = [
        ("booking-cancelled".to_owned(), confirmed.uuid()),
        ("booking-confirmed".to_owned(), confirmed.uuid()),
        ("booking-expired".to_owned(), expired.uuid()),
    ];
    assert_eq!(told, expected);
}
