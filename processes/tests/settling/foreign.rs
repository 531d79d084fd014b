//! Events that others have written, or a newer version: they hold up nobody but themselves.

use std::time::Duration;

use chrono::Utc;
use domain::{BookingId, ShowId, UserId, booking::BookingEvent};
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

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_stream_that_is_none_of_ours_is_parked_and_what_follows_is_noted() {
    let office = box_office().await;
    let store = &office.store;
    let (booking_id, event_id) = (BookingId::new(Uuid::now_v7()), ShowId::new(Uuid::now_v7()));
    let user_id = UserId::new(Uuid::now_v7());
    let cancelled = BookingEvent::BookingCancelled { booking_id, event_id, user_id, at: Utc::now() };
    let stream = StreamId { kind: "booking".to_owned(), id: "none-of-ours".to_owned() };
    let events = vec![NewEvent::from_domain(&cancelled, &Metadata::default())];
    let streams = vec![StreamAppend { stream, expected_sequence: 0, events }];
    store.append(&[Append { streams, receipt: None }]).await.unwrap();
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
    let parked: Vec<String> =
        sqlx::query_scalar("select aggregate_id from process_parked").fetch_all(store.pool()).await.unwrap();
    assert_eq!(parked, ["none-of-ours"]);
    running.stop().await;
}
