//! R7: rebuilding a read model from the event log, beside COPY of the same rows into the same table.
//!
//! The read model is `bookings`, one row an event here. Half of the log belongs to events' own streams, which it does not
//! follow: the rebuild passes over them, and they are not counted.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures::TryStreamExt;
use sqlx::{Connection as _, PgConnection};

use crate::{
    buyers::Bookings,
    load::Pace,
    rows::{Figure, Ratio, Row, Unit},
    run::Run,
    trial::{self, Trial},
};

/// Clients that make the history.
const CLIENTS: usize = 64;
/// Each of them books each of the stage's events.
const ATTENDEES: usize = 200;
const DATABASE: &str = "r7";
const FILL_DEADLINE: Duration = Duration::from_secs(300);

pub(crate) fn r7(events: usize) -> Row {
    Row {
        ratio: Ratio::R7,
        title: "Rebuilding a read model",
        sides: ("rebuild", "COPY"),
        ours: Figure::new(
            format!(
                "boxoffice replay bookings, from its start to its end: {} bookings, one event each, half of the log",
                ATTENDEES * events
            ),
            Unit::PerSecond,
        ),
        theirs: Figure::new(
            "COPY of the same rows into a table with the same key and indexes",
            Unit::PerSecond,
        ),
        floor: 0.5,
        aim: 2.0,
        less_is_better: false,
        instead_of_theirs: None,
        others: vec![],
        remarks: vec![
            "the read model `bookings`: a row of some 250 bytes, a key and two indexes; the rebuild also writes how far each \
             stream is applied"
                .to_owned(),
        ],
    }
}

pub(crate) async fn measure_r7(run: &Run, row: &mut Row, ours_first: bool) -> Result<()> {
    let bookings = fill(run).await?;
    // The rows to copy; and the log has been read once, whoever comes first.
    run.servers.run_once("replay bookings", DATABASE)?;
    let mut connection = PgConnection::connect(&run.servers.url(DATABASE)).await?;
    let text = rows(&mut connection).await?;
    if !ours_first {
        row.theirs.rounds.push(copy(&mut connection, &text).await?);
    }
    sqlx::query("checkpoint").execute(&mut connection).await?;
    let started = Instant::now();
    run.servers.run_once("replay bookings", DATABASE)?;
    row.ours.rounds.push(bookings as f64 / started.elapsed().as_secs_f64());
    if ours_first {
        row.theirs.rounds.push(copy(&mut connection, &text).await?);
    }
    let rebuilt: i64 =
        sqlx::query_scalar("select count(*) from read_model.bookings").fetch_one(&mut connection).await?;
    if u64::try_from(rebuilt)? != bookings {
        bail!("{bookings} bookings were made and {rebuilt} rebuilt");
    }
    connection.close().await?;
    run.servers.drop(DATABASE).await
}

/// Books through the product, and gives everything its place in the log.
async fn fill(run: &Run) -> Result<u64> {
    run.stage.copy(&run.servers, DATABASE).await?;
    let command_api = vec![run.servers.role("command-api", DATABASE).await?];
    let trial = Trial {
        name: "R7 making a history",
        events: &run.stage.events,
        attendees: ATTENDEES,
        pace: Pace::Closed { clients: CLIENTS },
        duration: FILL_DEADLINE,
        is_cold: false,
        command_apis: 1,
    };
    let bookings = Bookings::of(trial.events, &run.stage.some_attendees(ATTENDEES));
    let filled = trial.measure(&command_api, bookings).await?.summary;
    run.note(trial.name, &filled);
    let relay = run.servers.role("relay", DATABASE).await?;
    let mut connection = PgConnection::connect(&run.servers.url(DATABASE)).await?;
    trial::all_are_numbered(&mut connection).await?;
    for table in ["vacuum analyze events", "vacuum analyze event_log"] {
        sqlx::query(table).execute(&mut connection).await?;
    }
    connection.close().await?;
    for process in command_api.into_iter().chain([relay]) {
        process.stop().await;
    }
    trial::check_counts(&run.servers, DATABASE, trial.name, filled.accepted).await?;
    Ok(filled.accepted)
}

/// What COPY writes of the table.
async fn rows(connection: &mut PgConnection) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut chunks = connection.copy_out_raw("copy read_model.bookings to stdout").await?;
    while let Some(chunk) = chunks.try_next().await? {
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

/// Rows a second.
async fn copy(connection: &mut PgConnection, text: &[u8]) -> Result<f64> {
    sqlx::raw_sql("create table copied (like read_model.bookings including all)")
        .execute(&mut *connection)
        .await?;
    sqlx::query("checkpoint").execute(&mut *connection).await?;
    let started = Instant::now();
    let mut copying = connection.copy_in_raw("copy copied from stdin").await?;
    copying.send(text).await?;
    let rows = copying.finish().await?;
    Ok(rows as f64 / started.elapsed().as_secs_f64())
}
