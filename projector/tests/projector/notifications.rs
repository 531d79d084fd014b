//! The rows of `notifications`.

use chrono::{TimeDelta, Utc};
use domain::{
    Money, TicketTypeName,
    show::{OfferedTicketType, ShowEvent},
};
use event_store::StreamId;

use crate::{Databases, a_show, created, details, one_ticket, sold, ticket_type};

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
    assert_eq!(databases.rows("notifications").await, [""; 0], "held is not sold");

    databases
        .append(show, 9, &[sold(show), ShowEvent::EventCancelled { at }, ShowEvent::EventDeleted { at }])
        .await;
    databases.until_applied("notifications", &stream, 12).await;
    let kinds: Vec<String> =
        sqlx::query_scalar("select kind from notifications").fetch_all(&databases.read).await.unwrap();
    assert_eq!(kinds, ["event-sold-out"]);
    drop(following);
    let tables = ["notifications", "notification_events", "notification_holds", "notifications_applied"];
    databases.rebuild_gives_the_same("notifications", &tables).await;
}
