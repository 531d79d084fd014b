//! A rebuild while events come and readers read: they never see less than before.

use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::StatusCode;
use sqlx::PgPool;
use testkit::eventually;

use crate::{
    harness::{BoxOffice, DEADLINE, Person, both_sources},
    long_log::sell_by_hand,
};

const REPLAYS: usize = 2;
/// So that a rebuild takes a while.
const SALES: i64 = 1_500;
/// More than book during the rebuilds.
const ATTENDEES: usize = 250;

/// Books one ticket after the other until told to stop; how many were booked.
async fn book_on(office: &BoxOffice, event_id: &str, attendees: &[Person], stop: &AtomicBool) -> u64 {
    let mut booked = 0;
    for attendee in attendees {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        office.book(attendee, event_id).await.expect(StatusCode::CREATED);
        booked += 1;
    }
    booked
}

/// Reads until told to stop: the events are all there, and what was sold of one never becomes less.
async fn read_on(office: &BoxOffice, event_id: &str, stop: &AtomicBool) -> usize {
    let path = format!("/api/v1/events/{event_id}");
    let (mut sold, mut listed, mut reads) = (0, 0, 0);
    while !stop.load(Ordering::Relaxed) {
        let seen = office.get(&path, None).await;
        let now = seen.expect(StatusCode::OK).body["numberOfAttendees"].as_u64().expect("a number");
        assert!(now >= sold, "{now} tickets after {sold}");
        sold = now;
        let list = office.get("/api/v1/events?limit=5", None).await;
        let total = list.expect(StatusCode::OK).body["total"].as_u64().expect("a number");
        assert!(total >= listed.max(2), "{total} events after {listed}");
        listed = total;
        assert!(!list.body["items"].as_array().expect("an array").is_empty());
        reads += 1;
    }
    reads
}

async fn table_oid(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select 'read_model.events'::regclass::oid::bigint")
        .fetch_one(pool)
        .await
        .expect("a table")
}

async fn replay(office: &BoxOffice) {
    let mut command = office.command("replay events");
    let replay = tokio::task::spawn_blocking(move || command.output()).await.expect("joins").expect("runs");
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
}

both_sources! {
    async fn readers_see_nothing_of_a_rebuild_that_is_switched_in_under_load(office: &BoxOffice) {
        let pool = PgPool::connect(office.database.url()).await.expect("connects");
        sell_by_hand(office, &pool, SALES).await;
        let (_, event) = office.event(1_000).await;
        let event_id = event.text("/id");
        office.get_after(&format!("/api/v1/events/{event_id}"), None, &event).await.expect(StatusCode::OK);
        let attendees = office.register_many("attendee", ATTENDEES).await;
        let stop = AtomicBool::new(false);
        let replays = async {
            for _ in 0..REPLAYS {
                let before = table_oid(&pool).await;
                replay(office).await;
                assert_ne!(table_oid(&pool).await, before, "the tables are others");
            }
            stop.store(true, Ordering::Relaxed);
        };
        let (booked, reads, ()) = tokio::join!(
            book_on(office, &event_id, &attendees, &stop),
            read_on(office, &event_id, &stop),
            replays
        );
        assert!(booked > 0 && reads > 0, "{booked} bookings, {reads} reads");
        let path = format!("/api/v1/events/{event_id}");
        eventually("every booking is counted", DEADLINE, || async {
            let seen = office.get(&path, None).await;
            (seen.body["numberOfAttendees"] == booked).then_some(())
        })
        .await;
    }
}
