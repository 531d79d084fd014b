//! Events that others have written, or a newer version: they hold up nobody but themselves.

use std::time::Duration;

use chrono::{TimeZone, Utc};
use domain::{BookingId, ShowId, UserId, booking::BookingEvent, show::ShowEvent};
use event_store::{Append, EventStore, Metadata, NewEvent, StreamAppend, StreamId};
use testkit::eventually;
use uuid::Uuid;

use crate::{
    DEADLINE, Running,
    refunding::{BoxOffice, Refunder, Refunds},
};

const LEASE: Duration = Duration::from_secs(10);

async fn box_office() -> BoxOffice {
    BoxOffice::through(&Refunder::whose(Refunds::AreMade)).await
}

/// A hold of this show has lapsed, so many seconds ago.
async fn note_lapsed(store: &EventStore, show: Uuid, seconds: f64) {
    sqlx::query(
        "insert into hold_deadlines (booking_id, event_id, held_until)
         values ($1, $2, clock_timestamp() - make_interval(secs => $3))",
    )
    .bind(Uuid::now_v7())
    .bind(show)
    .bind(seconds)
    .execute(store.pool())
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_show_that_cannot_be_read_holds_up_the_holds_of_no_other() {
    let office = box_office().await;
    let store = &office.store;
    let [unreadable, gone] = [(); 2].map(|()| Uuid::now_v7());
    sqlx::query(
        "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, event_id)
         values ('event', $1, 1, 'FromTheFuture', '1', '{}', '{}', $2)",
    )
    .bind(unreadable.to_string())
    .bind(Uuid::now_v7())
    .execute(store.pool())
    .await
    .unwrap();
    note_lapsed(store, unreadable, 20.0).await;
    note_lapsed(store, gone, 10.0).await;
    let running = Running::start(office.processes());
    eventually("the other show's hold is dealt with", DEADLINE, || async {
        let left = sqlx::query_scalar("select event_id from hold_deadlines").fetch_all(store.pool());
        let left: Vec<Uuid> = left.await.unwrap();
        (left == [unreadable]).then_some(())
    })
    .await;
    running.stop().await;
}

/// Appends an event.
async fn happens<E: cqrs_es::DomainEvent>(store: &EventStore, kind: &str, id: String, event: E) {
    let stream = StreamId { kind: kind.to_owned(), id };
    let events = vec![NewEvent::from_domain(&event, &Metadata::default())];
    let streams = vec![StreamAppend { stream, expected_sequence: 0, events }];
    store.append(&[Append { streams, receipt: None }]).await.unwrap();
}

/// Notes all events there are; the ids of the streams of those that were parked.
async fn parked_when_all_is_noted(office: &BoxOffice) -> Vec<String> {
    let store = &office.store;
    let running = Running::start(office.processes());
    let epoch = store.try_lead("test", LEASE).await.unwrap().unwrap();
    store.number_outbox(epoch, LEASE, 1_000).await.unwrap();
    let head = store.head().await.unwrap().global_position;
    eventually("all of the event log is noted", DEADLINE, || async {
        let position = sqlx::query_scalar("select position from process_checkpoints");
        let position: Option<i64> = position.fetch_optional(store.pool()).await.unwrap();
        (position == Some(head)).then_some(())
    })
    .await;
    running.stop().await;
    sqlx::query_scalar("select aggregate_id from process_parked").fetch_all(store.pool()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_stream_that_is_none_of_ours_is_parked_and_what_follows_is_noted() {
    let office = box_office().await;
    let (booking_id, event_id) = (BookingId::new(Uuid::now_v7()), ShowId::new(Uuid::now_v7()));
    let user_id = UserId::new(Uuid::now_v7());
    let cancelled = BookingEvent::BookingCancelled { booking_id, event_id, user_id, at: Utc::now() };
    happens(&office.store, "booking", "none-of-ours".to_owned(), cancelled).await;
    assert_eq!(parked_when_all_is_noted(&office).await, ["none-of-ours"]);
}

/// PostgreSQL's times begin in 4713 BC.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_database_refuses_is_parked_and_what_is_beside_it_is_noted() {
    let office = box_office().await;
    let store = &office.store;
    let ids = [(); 3].map(|()| Uuid::now_v7());
    let too_early = Utc.with_ymd_and_hms(-9_999, 1, 1, 0, 0, 0).unwrap();
    for (id, held_until) in ids.into_iter().zip([Utc::now(), too_early, Utc::now()]) {
        let extended = ShowEvent::HoldExtended { booking_id: BookingId::new(id), held_until, at: Utc::now() };
        happens(store, "event", id.to_string(), extended).await;
    }
    assert_eq!(parked_when_all_is_noted(&office).await, [ids[1].to_string()]);
    let resumed = processes::parked::resume(store, &StreamId::new("event", ids[1])).await.unwrap();
    assert_eq!((resumed.noted, resumed.parked.len()), (0, 1), "{resumed:?}");
}
