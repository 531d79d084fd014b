//! The rows of `events`: what the domain says of a show is what they say, event by event.

use chrono::{DateTime, TimeDelta, Utc};
use contract::seat_id;
use domain::{
    SeatId, TicketTypeId, TicketTypeName, Title,
    show::{ShowCommand, TicketTypeChange, Wanted},
};
use uuid::Uuid;

use crate::{
    Databases, a_show,
    stream::{Stream, attendee_of, eur, hall},
};

const TABLES: [&str; 4] = ["events", "event_ticket_types", "event_holds", "events_applied"];
const SEAT_TABLES: [&str; 2] = ["event_seat_blocks", "event_seats"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_follow_general_admission_through_everything() {
    let databases = Databases::new().await;
    let following = databases.follow(None);
    let mut stream = Stream::new(&databases);
    stream.create(None, true).await;
    stream.run(ShowCommand::Publish { at: stream.now }).await;
    assert_eq!(stream.sequences().await, (2, None, None));
    let (floor, balcony) = (stream.ticket_type("Floor"), stream.ticket_type("Balcony"));

    let sold = stream.take(Wanted::Quantities(vec![(floor, 3)])).await;
    let held = stream.take(Wanted::Quantities(vec![(floor, 2), (balcony, 4)])).await;
    let lapsing = stream.take(Wanted::Quantities(vec![(balcony, 5)])).await;
    assert_eq!(stream.held_until(lapsing).await, [stream.now + TimeDelta::seconds(900)]);
    stream.now += TimeDelta::seconds(60);
    stream
        .run(ShowCommand::ExtendHold { booking_id: held, attendee_id: attendee_of(held), at: stream.now })
        .await;
    assert_eq!(stream.held_until(held).await, [stream.now + TimeDelta::seconds(900)]);
    assert_eq!(stream.sequences().await, (2, None, None), "tickets are no details");

    stream.now += TimeDelta::seconds(860);
    assert_eq!(stream.run(ShowCommand::ExpireHolds { limit: 10, at: stream.now }).await, 1);
    stream
        .run(ShowCommand::ReleaseTickets { booking_id: sold, attendee_id: attendee_of(sold), at: stream.now })
        .await;
    stream
        .run(ShowCommand::ReleaseTickets { booking_id: held, attendee_id: attendee_of(held), at: stream.now })
        .await;
    let last = stream.take(Wanted::Quantities(vec![(balcony, 1)])).await;

    stream
        .change(|change| {
            change.details.title = Some(Title::parse("Other engines").unwrap());
            let kept = TicketTypeChange {
                id: balcony,
                is_new: false,
                name: TicketTypeName::parse("Gallery").unwrap(),
                price: eur(3_000),
                capacity: 9,
            };
            let new = TicketTypeChange {
                id: TicketTypeId::new(Uuid::now_v7()),
                is_new: true,
                name: TicketTypeName::parse("Pit").unwrap(),
                price: eur(100),
                capacity: 1,
            };
            change.ticket_types = Some(vec![new, kept]);
        })
        .await;
    let names: Vec<String> = sqlx::query_scalar("select name from event_ticket_types order by place")
        .fetch_all(&databases.read)
        .await
        .unwrap();
    assert_eq!(names, ["Pit", "Gallery"], "what is left out vanishes, in the order of the host");
    let (changed, ..) = stream.sequences().await;
    assert_eq!(changed, stream.sequence);

    assert_eq!(stream.run(ShowCommand::Delete { at: stream.now }).await, 2);
    assert_eq!(stream.sequences().await, (changed, None, Some(stream.sequence - 1)));
    drop(following);
    databases.rebuild_gives_the_same("events", &TABLES).await;

    let _following = databases.follow(None);
    assert_eq!(stream.run(ShowCommand::ReleaseCancelled { limit: 10, at: stream.now }).await, 1);
    assert!(stream.held_until(last).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_follow_numbered_seats_through_everything() {
    let databases = Databases::new().await;
    let following = databases.follow(None);
    let mut stream = Stream::new(&databases);
    stream.create(Some(hall(2, 5, 1_000)), false).await;
    assert_eq!(stream.sequences().await, (1, Some(1), None));
    let seats =
        |stream: &Stream, indexes: &[u32]| Wanted::Seats(indexes.iter().map(|i| stream.seat(*i)).collect());

    let lapsing = stream.take(seats(&stream, &[0, 1])).await;
    let extended = stream.take(seats(&stream, &[4, 5])).await;
    let released = stream.take(seats(&stream, &[8])).await;
    stream.now += TimeDelta::seconds(60);
    stream
        .run(ShowCommand::ExtendHold {
            booking_id: extended,
            attendee_id: attendee_of(extended),
            at: stream.now,
        })
        .await;
    assert_eq!(stream.held_until(extended).await, [stream.now + TimeDelta::seconds(900)]);
    stream
        .run(ShowCommand::ReleaseTickets {
            booking_id: released,
            attendee_id: attendee_of(released),
            at: stream.now,
        })
        .await;
    stream.now += TimeDelta::seconds(870);
    // Whoever takes one of its seats makes the lapsed hold visible.
    let taker = stream.take(seats(&stream, &[1, 2])).await;
    assert!(stream.held_until(lapsing).await.is_empty());
    assert_eq!(stream.held_until(taker).await, [stream.now + TimeDelta::seconds(900)]);

    let blocks = databases.rows("event_seat_blocks").await;
    stream.change(|change| change.details.title = Some(Title::parse("Other engines").unwrap())).await;
    assert_eq!(stream.sequences().await, (stream.sequence, Some(1), None), "the seats are as they were");
    assert_eq!(databases.rows("event_seat_blocks").await, blocks);
    stream.change(|change| change.seating = Some(hall(3, 6, 0))).await;
    assert_eq!(stream.sequences().await, (stream.sequence, Some(stream.sequence), None));
    let seats_in_all: i64 = sqlx::query_scalar("select sum(seats)::bigint from event_seat_blocks")
        .fetch_one(&databases.read)
        .await
        .unwrap();
    assert_eq!(seats_in_all, 18);
    let free_of_charge = stream.take(seats(&stream, &[17])).await;
    let until: Option<DateTime<Utc>> =
        sqlx::query_scalar("select held_until from event_seats where booking_id = $1")
            .bind(free_of_charge.uuid())
            .fetch_one(&databases.read)
            .await
            .unwrap();
    assert_eq!(until, None, "sold, not held");
    drop(following);
    databases.rebuild_gives_the_same("events", &[&TABLES[..], &SEAT_TABLES[..]].concat()).await;
}

#[test]
fn the_contract_and_the_domain_make_the_same_seat_ids() {
    let show = a_show();
    for index in [0, 1, 7, 99_999, u32::MAX - 1, u32::MAX] {
        assert_eq!(seat_id(show.uuid(), index), SeatId::of(show, index).uuid());
    }
}
