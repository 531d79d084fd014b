//! The event log: dense, in stream order, complete whatever commits late, and chained.

use std::time::Duration;

use event_store::{
    EventStore,
    event_log::{Epoch, NumberingError, entry_hash},
};

use crate::{lines, store, without_receipt};

const LEASE: Duration = Duration::from_secs(10);

async fn lead(store: &EventStore) -> Epoch {
    store.try_lead("test", LEASE).await.unwrap().expect("nobody else leads")
}

async fn append(store: &EventStore, id: &str, expected: i64, texts: &[&str]) {
    store.append(&[without_receipt(vec![lines(id, expected, texts)])]).await.unwrap();
}

async fn logged(store: &EventStore) -> Vec<(i64, String, i64)> {
    let page = store.read_log(0, 10_000, &[]).await.unwrap();
    page.events
        .into_iter()
        .map(|entry| (entry.global_position, entry.event.stream.id, entry.event.sequence))
        .collect()
}

#[tokio::test]
async fn events_get_dense_places_in_stream_order() {
    let store = store().await;
    append(&store, "a", 0, &["1", "2"]).await;
    append(&store, "b", 0, &["1"]).await;
    append(&store, "a", 2, &["3"]).await;
    let epoch = lead(&store).await;
    let mut numbered = 0;
    while numbered < 4 {
        numbered += store.number_outbox(epoch, LEASE, 3).await.unwrap().events.len();
    }
    let expected = [("a", 1), ("a", 2), ("b", 1), ("a", 3)];
    let expected: Vec<_> = expected
        .iter()
        .zip(1..)
        .map(|((id, sequence), place)| (place, (*id).to_owned(), *sequence))
        .collect();
    assert_eq!(logged(&store).await, expected);
    assert_eq!(store.backlog().await.unwrap().outbox, 0);
}

/// A poller that passes positions would lose the late one for ever.
#[tokio::test]
async fn a_commit_that_comes_late_is_not_lost() {
    let store = store().await;
    let epoch = lead(&store).await;
    let mut late = store.pool().begin().await.unwrap();
    store.append_in_tx(&mut late, &[without_receipt(vec![lines("late", 0, &["x"])])]).await.unwrap();
    for number in 0..50 {
        append(&store, &format!("early {number}"), 0, &["x"]).await;
    }
    store.number_outbox(epoch, LEASE, 1_000).await.unwrap();
    assert_eq!(logged(&store).await.len(), 50);
    late.commit().await.unwrap();
    store.number_outbox(epoch, LEASE, 1_000).await.unwrap();
    let log = logged(&store).await;
    assert_eq!(log.last(), Some(&(51, "late".to_owned(), 1)));
}

/// The delete must name the claimed rows: one by position would take a late row along, unnumbered.
#[tokio::test]
async fn a_row_that_becomes_visible_during_a_round_waits_for_the_next() {
    let store = store().await;
    let epoch = lead(&store).await;
    for round in 0..20 {
        let mut late = store.pool().begin().await.unwrap();
        let stream = format!("late {round}");
        store.append_in_tx(&mut late, &[without_receipt(vec![lines(&stream, 0, &["x"])])]).await.unwrap();
        append(&store, &format!("early {round}"), 0, &["x"]).await;
        let (numbered, committed) = tokio::join!(store.number_outbox(epoch, LEASE, 1_000), late.commit());
        numbered.unwrap();
        committed.unwrap();
    }
    store.number_outbox(epoch, LEASE, 1_000).await.unwrap();
    assert_eq!(logged(&store).await.len(), 40);
}

#[tokio::test]
async fn what_was_rolled_back_is_never_logged() {
    let store = store().await;
    let epoch = lead(&store).await;
    let mut doomed = store.pool().begin().await.unwrap();
    store.append_in_tx(&mut doomed, &[without_receipt(vec![lines("doomed", 0, &["x"])])]).await.unwrap();
    doomed.rollback().await.unwrap();
    append(&store, "a", 0, &["x"]).await;
    store.number_outbox(epoch, LEASE, 1_000).await.unwrap();
    assert_eq!(logged(&store).await, [(1, "a".to_owned(), 1)]);
}

#[tokio::test]
async fn a_leader_that_was_overtaken_writes_nothing() {
    let store = store().await;
    let old = store.try_lead("old", Duration::ZERO).await.unwrap().expect("nobody else leads");
    tokio::time::sleep(Duration::from_millis(5)).await;
    let new = lead(&store).await;
    append(&store, "a", 0, &["x"]).await;
    assert!(matches!(store.number_outbox(old, LEASE, 10).await, Err(NumberingError::NotLeader)));
    assert!(!store.set_published_position(old, 1).await.unwrap());
    assert!(!store.renew_lead(old, LEASE).await.unwrap());
    assert_eq!(logged(&store).await, []);
    store.number_outbox(new, LEASE, 10).await.unwrap();
    assert_eq!(logged(&store).await.len(), 1);
}

#[tokio::test]
async fn the_lead_is_given_once_and_can_be_given_up() {
    let store = store().await;
    let epoch = lead(&store).await;
    assert_eq!(store.try_lead("another", LEASE).await.unwrap(), None);
    store.resign(epoch).await.unwrap();
    assert!(store.try_lead("another", LEASE).await.unwrap().is_some());
}

#[tokio::test]
async fn a_gap_in_a_stream_stops_the_numbering() {
    let store = store().await;
    let epoch = lead(&store).await;
    append(&store, "a", 0, &["x"]).await;
    append(&store, "a", 2, &["a hole before me"]).await;
    let stopped = store.number_outbox(epoch, LEASE, 10).await;
    assert!(matches!(stopped, Err(NumberingError::Gap { expected: 2, found: 3, .. })), "{stopped:?}");
    assert_eq!(logged(&store).await, []);
}

#[tokio::test]
async fn the_chain_covers_every_entry() {
    let store = store().await;
    let epoch = lead(&store).await;
    for number in 0..5 {
        append(&store, &format!("{number}"), 0, &["x", "y"]).await;
    }
    store.number_outbox(epoch, LEASE, 4).await.unwrap();
    store.number_outbox(epoch, LEASE, 100).await.unwrap();
    let page = store.read_log(0, 100, &[]).await.unwrap();
    let mut hash = [0; 32];
    for entry in &page.events {
        hash = entry_hash(&hash, entry.global_position, &entry.event);
    }
    let head = store.head().await.unwrap();
    assert_eq!((head.global_position, head.hash), (10, hash));

    let mut forged = page.events[3].event.clone();
    let genuine = entry_hash(&[1; 32], 4, &forged);
    forged.payload.push(' ');
    assert_ne!(entry_hash(&[1; 32], 4, &forged), genuine);
}

#[tokio::test]
async fn what_is_claimed_while_others_are_numbered_goes_on_where_they_end() {
    let store = store().await;
    let epoch = lead(&store).await;
    append(&store, "a", 0, &["1", "2", "3"]).await;
    append(&store, "b", 0, &["1"]).await;
    let first = store.claim_outbox(0, 2).await.unwrap();
    let second = store.claim_outbox(first.last_position().unwrap() + 1, 10).await.unwrap();
    assert_eq!((first.len(), second.len()), (2, 2));
    store.number(epoch, LEASE, store.head().await.unwrap(), first).await.unwrap();
    store.number(epoch, LEASE, store.head().await.unwrap(), second).await.unwrap();
    let places: Vec<(i64, i64)> =
        logged(&store).await.into_iter().map(|(place, _, sequence)| (place, sequence)).collect();
    assert_eq!(places, [(1, 1), (2, 2), (3, 3), (4, 1)]);
}

#[tokio::test]
async fn what_was_claimed_behind_others_is_not_numbered_before_them() {
    let store = store().await;
    let epoch = lead(&store).await;
    append(&store, "a", 0, &["1", "2"]).await;
    let first = store.claim_outbox(0, 1).await.unwrap();
    let second = store.claim_outbox(first.last_position().unwrap() + 1, 1).await.unwrap();
    let refused = store.number(epoch, LEASE, store.head().await.unwrap(), second).await;
    assert!(matches!(refused, Err(NumberingError::Gap { expected: 1, found: 2, .. })), "{refused:?}");
    assert_eq!(logged(&store).await, []);
}

/// What a relay remembers of the log is worth nothing once somebody else has written to it.
#[tokio::test]
async fn a_head_that_is_not_the_last_one_any_more_numbers_nothing() {
    let store = store().await;
    let epoch = lead(&store).await;
    let before = store.head().await.unwrap();
    append(&store, "a", 0, &["1"]).await;
    store.number_outbox(epoch, LEASE, 10).await.unwrap();
    append(&store, "a", 1, &["2"]).await;
    let claim = store.claim_outbox(0, 10).await.unwrap();
    let refused = store.number(epoch, LEASE, before, claim).await;
    assert!(matches!(refused, Err(NumberingError::Database(_))), "{refused:?}");
    assert_eq!(logged(&store).await.len(), 1);
    assert_eq!(store.number_outbox(epoch, LEASE, 10).await.unwrap().head.global_position, 2);
}

/// The log has the stream up to 2, and 3 is not there yet.
#[tokio::test]
async fn a_gap_behind_what_the_log_has_says_what_was_to_come() {
    let store = store().await;
    let epoch = lead(&store).await;
    append(&store, "a", 0, &["1", "2"]).await;
    store.number_outbox(epoch, LEASE, 10).await.unwrap();
    append(&store, "b", 0, &["1"]).await;
    append(&store, "a", 2, &["3", "4"]).await;
    let first = store.claim_outbox(0, 2).await.unwrap();
    let rest = store.claim_outbox(first.last_position().unwrap() + 1, 10).await.unwrap();
    let refused = store.number(epoch, LEASE, store.head().await.unwrap(), rest).await;
    assert!(matches!(refused, Err(NumberingError::Gap { expected: 3, found: 4, .. })), "{refused:?}");
}
