//! A rebuild that is killed or paused half-way goes on.

use std::time::Duration;

use sqlx::{PgPool, Postgres, Transaction};
use testkit::{eventually, process::Process};

use crate::{
    harness::{BoxOffice, DEADLINE},
    long_log::sell_by_hand,
};

/// Several times what a rebuild takes at once.
const SALES: i64 = 22_000;
const END_DEADLINE: Duration = Duration::from_secs(60);

/// Every row of `events`, as JSON text.
async fn rows(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "select to_jsonb(e)::text from read_model.events e
         union all select to_jsonb(t)::text from read_model.event_ticket_types t
         union all select to_jsonb(a)::text from read_model.events_applied a order by 1",
    )
    .fetch_all(pool)
    .await
    .expect("reads")
}

/// Starts a replay of `events` and holds it up half-way: it has committed something, and cannot commit more until the
/// transaction ends. Returns the place that it has reached.
async fn half_way(office: &BoxOffice, pool: &PgPool) -> (Process, Transaction<'static, Postgres>, i64) {
    let process = Process::spawn(&mut office.command("replay events"));
    let position = "select position from rebuild_events.projections where position > 0 for update";
    let (tx, position) = eventually("something is in the new tables", DEADLINE, || async {
        let mut tx = pool.begin().await.expect("begins");
        // Until the tables are there, the statement fails.
        let position: Option<i64> = sqlx::query_scalar(position).fetch_optional(&mut *tx).await.ok()?;
        Some((tx, position?))
    })
    .await;
    (process, tx, position)
}

async fn head(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select max(global_position) from event_log").fetch_one(pool).await.expect("reads")
}

/// Runs it to its end; what it printed.
fn replay(office: &BoxOffice, arguments: &str) -> String {
    let replay = office.command(&format!("replay events{arguments}")).output().expect("runs");
    let said =
        [replay.stderr, replay.stdout].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).join("");
    assert!(replay.status.success(), "{said}");
    said
}

#[tokio::test]
async fn a_replay_that_was_killed_half_way_goes_on_and_ends_with_the_same_rows() {
    let office = BoxOffice::up(None).await;
    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    sell_by_hand(&office, &pool, SALES).await;
    let live = rows(&pool).await;

    let (mut process, tx, position) = half_way(&office, &pool).await;
    process.kill_hard();
    tx.rollback().await.expect("rolls back");
    assert!(position < head(&pool).await, "it was killed half-way");
    assert_eq!(rows(&pool).await, live, "the live rows are as they were");

    let said = replay(&office, "");
    assert!(said.contains("events: goes on at "), "{said}");
    assert_eq!(rows(&pool).await, live);
    let said = replay(&office, "");
    assert!(said.contains("events: from the first event on"), "nothing is left of it: {said}");
}

#[tokio::test]
async fn ctrl_c_pauses_a_replay_and_the_next_one_goes_on_or_begins_anew_as_it_is_told() {
    let office = BoxOffice::up(None).await;
    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    sell_by_hand(&office, &pool, SALES).await;
    let live = rows(&pool).await;

    let (mut process, tx, _) = half_way(&office, &pool).await;
    let interrupted = async {
        // It ends with the batch in hand, which waits for the transaction.
        eventually("it has heard the signal", DEADLINE, || async {
            process.output().contains("stopping").then_some(())
        })
        .await;
        tx.rollback().await.expect("rolls back");
    };
    signal_interrupt(&process);
    interrupted.await;
    let status = process.wait(END_DEADLINE).await;
    let said = process.output();
    assert_eq!(status.code(), Some(130), "{said}");
    let paused_at = said.split("Paused at ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a place");
    assert_eq!(rows(&pool).await, live, "the live rows are as they were");

    let (mut process, tx, _) = half_way(&office, &pool).await;
    let goes_on = format!("events: goes on at {paused_at} of ");
    eventually("it goes on", DEADLINE, || async { process.output().contains(&goes_on).then_some(()) }).await;
    process.kill_hard();
    tx.rollback().await.expect("rolls back");
    let said = replay(&office, " --from-start");
    assert!(said.contains("is dropped, because it was asked for; from the first event on"), "{said}");
    assert_eq!(rows(&pool).await, live);
}

/// What Ctrl-C sends.
fn signal_interrupt(process: &Process) {
    let sent = std::process::Command::new("kill").args(["-INT", &process.id().to_string()]).status();
    assert!(sent.expect("runs").success());
}
