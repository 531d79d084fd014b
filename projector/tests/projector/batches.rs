//! Batches: however events are cut into them, the rows are the same; and what is wrong with a batch.

use std::time::Duration;

use domain::{ShowId, show::ShowEvent};
use event_store::event_log::LoggedEvent;
use feed::{Batch, FollowerConnection};
use projector::{Projection, apply_batch, projections};
use proptest::test_runner::{Config, TestRunner};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::{
    Databases, a_show, created,
    history::{History, KINDS, Step},
    one_ticket, sold,
};

const LEASE: Duration = Duration::from_secs(10);

impl Databases {
    async fn apply(&self, projection: &dyn Projection, events: Vec<LoggedEvent>) {
        let mut read = FollowerConnection::open(&self.read).await.unwrap();
        let batch = Batch { events, checkpoint: None, must_last: false };
        apply_batch(projection, &mut read, &self.store, &batch).await.unwrap();
    }

    /// Gives everything its place in the event log; answers with all of it.
    async fn log(&self) -> Vec<LoggedEvent> {
        let epoch = self.store.try_lead("test", LEASE).await.unwrap().unwrap();
        self.store.number_outbox(epoch, LEASE, 1_000).await.unwrap();
        self.store.resign(epoch).await.unwrap();
        self.store.read_log(0, 1_000, &[]).await.unwrap().events
    }

    /// Appends an event that cannot be understood.
    async fn append_poison(&self, show: ShowId, sequence: i64) {
        sqlx::query(
            "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
             values ('event', $1, $2, 'TicketsSold', '1', '{\"type\": \"TicketsSold\", \"tickets\": 7}', '{}')",
        )
        .bind(show.to_string())
        .bind(sequence)
        .execute(self.store.pool())
        .await
        .unwrap();
    }

    async fn applied(&self, show: ShowId) -> i64 {
        sqlx::query_scalar("select sequence from events_applied where stream_id = $1")
            .bind(show.to_string())
            .fetch_one(&self.read)
            .await
            .unwrap()
    }
}

fn events() -> &'static dyn Projection {
    projections::named("events").unwrap()
}

#[tokio::test]
async fn a_batch_applies_all_events_of_a_stream_and_each_once_however_often_it_is_in_it() {
    let databases = Databases::new().await;
    let (show, other) = (a_show(), a_show());
    databases.append(show, 0, &[created(show), sold(show), sold(show)]).await;
    databases.append(other, 0, &[created(other), sold(other)]).await;
    let log = databases.log().await;
    let twice = [&log[..2], &log[..], &log[1..3]].concat();
    databases.apply(events(), twice).await;
    assert_eq!((databases.sold(show).await, databases.sold(other).await), (Some(2), Some(1)));
    assert_eq!(databases.applied(show).await, 3);

    databases.append(show, 3, &[sold(show)]).await;
    let log = databases.log().await;
    databases.apply(events(), log).await;
    assert_eq!((databases.sold(show).await, databases.applied(show).await), (Some(3), 4));
}

#[tokio::test]
async fn a_gap_in_a_batch_is_filled_from_the_event_log() {
    let databases = Databases::new().await;
    let (show, other) = (a_show(), a_show());
    databases.append(show, 0, &[created(show), sold(show), sold(show), sold(show)]).await;
    databases.append(other, 0, &[created(other), sold(other), sold(other)]).await;
    let log = databases.log().await;
    // Of the one the middle is missing, of the other the beginning.
    let batch = vec![log[0].clone(), log[3].clone(), log[6].clone()];
    databases.apply(events(), batch).await;
    assert_eq!((databases.sold(show).await, databases.sold(other).await), (Some(3), Some(2)));
    assert_eq!((databases.applied(show).await, databases.applied(other).await), (4, 3));
}

/// The lock fails after the transaction has begun; the next batch needs the same connection.
#[tokio::test]
async fn a_batch_that_waited_in_vain_for_its_projection_leaves_no_broken_connection_behind() {
    let databases = Databases::new().await;
    let show = a_show();
    databases.append(show, 0, &[created(show), sold(show)]).await;
    let log = databases.log().await;
    let impatient: PgConnectOptions = (*databases.read.connect_options()).clone();
    let impatient = impatient.options([("lock_timeout", "100ms")]);
    let read = PgPoolOptions::new().max_connections(1).connect_with(impatient).await.unwrap();
    let mut read = FollowerConnection::open(&read).await.unwrap();
    let mut apply = async || {
        let batch = Batch { events: log.clone(), checkpoint: Some(2), must_last: false };
        apply_batch(events(), &mut read, &databases.store, &batch).await
    };
    let mut other = databases.read.begin().await.unwrap();
    sqlx::query("insert into projections (name) values ('events')").execute(&databases.read).await.unwrap();
    sqlx::query("select from projections where name = 'events' for update")
        .execute(&mut *other)
        .await
        .unwrap();
    apply().await.unwrap_err();
    other.rollback().await.unwrap();
    apply().await.unwrap();
    assert_eq!(databases.sold(show).await, Some(1));
}

#[tokio::test]
async fn a_stream_that_is_parked_from_its_first_event_on_stays_so_when_that_comes_again() {
    let databases = Databases::new().await;
    let (poisoned, sound) = (a_show(), a_show());
    databases.append_poison(poisoned, 1).await;
    let log = databases.log().await;
    databases.apply(events(), log.clone()).await;
    assert_eq!(databases.applied(poisoned).await, 0);
    databases.append(sound, 0, &[created(sound), sold(sound)]).await;
    databases.append(poisoned, 1, &[sold(poisoned)]).await;
    let log = databases.log().await;
    databases.apply(events(), log).await;
    assert_eq!((databases.applied(poisoned).await, databases.sold(sound).await), (0, Some(1)));
    let parked = [1, 2].map(|sequence| ("events".to_owned(), poisoned.to_string(), sequence));
    assert_eq!(databases.parked().await, parked);
}

#[tokio::test]
async fn poison_in_the_middle_of_a_batch_parks_its_stream_from_there_on_and_no_other() {
    let databases = Databases::new().await;
    let (poisoned, sound) = (a_show(), a_show());
    databases.append(poisoned, 0, &[created(poisoned), sold(poisoned)]).await;
    databases.append_poison(poisoned, 3).await;
    databases.append(sound, 0, &[created(sound), sold(sound)]).await;
    databases.append(poisoned, 3, &[sold(poisoned)]).await;
    let log = databases.log().await;
    databases.apply(events(), log).await;
    databases.append(sound, 2, &[sold(sound)]).await;
    databases.append(poisoned, 4, &[sold(poisoned)]).await;
    let log = databases.log().await;
    databases.apply(events(), log).await;
    assert_eq!((databases.sold(poisoned).await, databases.sold(sound).await), (Some(1), Some(2)));
    assert_eq!((databases.applied(poisoned).await, databases.applied(sound).await), (2, 3));
    let parked = [3, 4, 5].map(|sequence| ("events".to_owned(), poisoned.to_string(), sequence));
    assert_eq!(databases.parked().await, parked);
}

#[tokio::test]
async fn an_event_that_a_constraint_refuses_parks_its_stream_and_no_other() {
    let databases = Databases::new().await;
    let (poisoned, sound) = (a_show(), a_show());
    let at = chrono::Utc::now();
    // No rule of the domain lets a booking take tickets twice.
    let held = ShowEvent::TicketsHeld { taken: one_ticket(poisoned), held_until: at, at };
    databases.append(poisoned, 0, &[created(poisoned), held.clone(), held, sold(poisoned)]).await;
    databases.append(sound, 0, &[created(sound), sold(sound)]).await;
    let log = databases.log().await;
    databases.apply(events(), log).await;
    assert_eq!((databases.sold(poisoned).await, databases.sold(sound).await), (Some(0), Some(1)));
    assert_eq!(databases.applied(poisoned).await, 2);
    let parked = [3, 4].map(|sequence| ("events".to_owned(), poisoned.to_string(), sequence));
    assert_eq!(databases.parked().await, parked);
}

#[tokio::test]
async fn of_two_that_begin_a_stream_at_the_same_time_each_event_is_applied_once() {
    const STREAMS: usize = 40;
    let databases = Databases::new().await;
    let shows: Vec<ShowId> = (0..STREAMS).map(|_| a_show()).collect();
    for show in &shows {
        databases.append(*show, 0, &[created(*show), sold(*show)]).await;
    }
    let log = databases.log().await;
    let (forwards, backwards): (Vec<_>, Vec<_>) =
        (log.chunks(10).map(<[_]>::to_vec).collect(), log.chunks(10).rev().map(<[_]>::to_vec).collect());
    let all = async |batches: Vec<Vec<LoggedEvent>>| {
        for batch in batches {
            databases.apply(events(), batch).await;
        }
    };
    tokio::join!(all(forwards), all(backwards), all(vec![log.clone()]));
    for show in shows {
        assert_eq!((databases.sold(show).await, databases.applied(show).await), (Some(1), 2));
    }
    assert_eq!(databases.parked().await, []);
}

#[test]
fn however_events_are_cut_into_batches_the_rows_are_the_same() {
    const CASES: u32 = 12;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (one_by_one, in_batches) =
        runtime.block_on(async { (Databases::new().await, Databases::new().await) });
    let steps = proptest::collection::vec((0..KINDS, proptest::num::u8::ANY, proptest::num::u8::ANY), 30..90);
    let sizes = proptest::collection::vec(1..40_usize, 1..5);
    let config =
        Config { cases: CASES, failure_persistence: None, max_shrink_iters: 32, ..Config::default() };
    let checked = TestRunner::new(config).run(&(steps, sizes), |(steps, sizes)| {
        runtime.block_on(both_are_the_same(&one_by_one, &in_batches, &steps, &sizes));
        Ok(())
    });
    checked.unwrap();
}

async fn both_are_the_same(one_by_one: &Databases, in_batches: &Databases, steps: &[Step], sizes: &[usize]) {
    let log = History::of(steps).log;
    for projection in projections::all() {
        // What another case has left would spoil the search for a smaller one.
        let empty = format!("truncate {}", projection.tables().join(", "));
        for databases in [one_by_one, in_batches] {
            sqlx::query(&empty).execute(&databases.read).await.unwrap();
        }
        let followed =
            |logged: &&LoggedEvent| projection.stream_types().contains(&logged.event.stream.kind.as_str());
        let followed: Vec<LoggedEvent> = log.iter().filter(followed).cloned().collect();
        for logged in &followed {
            one_by_one.apply(projection, vec![logged.clone()]).await;
        }
        let mut rest = &followed[..];
        for size in sizes.iter().cycle() {
            let (batch, later) = rest.split_at(rest.len().min(*size));
            in_batches.apply(projection, batch.to_vec()).await;
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        for table in projection.tables() {
            assert_eq!(in_batches.rows(table).await, one_by_one.rows(table).await, "{table}");
        }
    }
    assert_eq!((one_by_one.parked().await, in_batches.parked().await), (vec![], vec![]));
}
