//! R4: what appends cost when everything that follows them is running.
//!
//! Half of the peak is a load that the write edge alone carries easily, so the ratio at that load says whether the others
//! get in its way at all; they may, so that answers come late. What they take at full load is said by the ratio of the
//! peaks, and how well they keep up by what they had not dealt with when the load ended.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use crate::{
    buyers::Bookings,
    http::{self, Connection},
    load::Pace,
    rows::{Figure, Ratio, Row, Unit},
    run::Run,
    servers::{Running, Servers},
    tally::Summary,
    trial::{self, Trial},
};

const CLIENTS: usize = 64;
/// Connections of the open loop.
const CONNECTIONS: usize = 256;
const ATTENDEES: usize = 5_000;
/// Readers of live streams, one an event.
const LIVE_SUBSCRIBERS: usize = 100;
/// The load of the ratio, as a share of the peak.
const LOAD: f64 = 0.5;
const FOLLOWERS: [&str; 4] = ["relay", "projector", "processes", "query-api"];
/// How long they may take to read what was prepared.
const CATCH_UP_DEADLINE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);

pub(crate) fn r4() -> Row {
    Row {
        ratio: Ratio::R4,
        title: "Appends, all running",
        sides: ("all running", "alone"),
        ours: Figure::new(
            format!(
                "bookings of many events at half of the peak that command-api has alone, open loop, with relay, projector, processes, query-api and {LIVE_SUBSCRIBERS} live subscribers; 201s"
            ),
            Unit::PerSecond,
        ),
        theirs: Figure::new("the same without them: command-api alone", Unit::PerSecond),
        floor: 0.8,
        aim: 0.95,
        less_is_better: false,
        instead_of_theirs: None,
        others: vec![
            Figure::new(format!("peak with them, closed loop, {CLIENTS} clients"), Unit::PerSecond),
            Figure::new("peak without them", Unit::PerSecond),
            Figure::new("p99 at half of the peak, with them", Unit::Milliseconds),
            Figure::new("p99 at half of the peak, without them", Unit::Milliseconds),
            Figure::new(
                "how long they took to catch up when the load at half of the peak ended",
                Unit::Milliseconds,
            ),
        ],
        remarks: vec![
            "each booking appends two events; without Kafka the consumers follow the event log".to_owned(),
            "what is offered is the same with them and without; where that is more than they leave room for, answers come \
             late, and none is missing"
                .to_owned(),
        ],
    }
}

/// A side: its processes on a database of its own.
struct Side<'a> {
    run: &'a Run,
    database: &'static str,
    command_api: Vec<Running>,
    followers: Vec<Running>,
    subscribers: JoinSet<Result<u64>>,
    accepted: u64,
    first: usize,
}

pub(crate) async fn measure_r4(run: &Run, row: &mut Row, _: bool) -> Result<()> {
    let mut alone = Side::start(run, "r4_alone", false).await?;
    let peak = alone.load("R4 peak, alone", Pace::Closed { clients: CLIENTS }).await?;
    let half = Pace::Open { per_second: peak.rate() * LOAD, connections: CONNECTIONS };
    let alone_at_half = alone.load("R4 half, alone", half).await?;
    alone.end().await?;

    let mut all = Side::start(run, "r4_all", true).await?;
    let all_at_half = all.load("R4 half, all running", half).await?;
    let behind = all.catch_up().await?;
    let all_peak = all.load("R4 peak, all running", Pace::Closed { clients: CLIENTS }).await?;
    all.end().await?;

    let milliseconds = |summary: &Summary| summary.p99.as_secs_f64() * 1e3;
    row.ours.rounds.push(all_at_half.rate());
    row.theirs.rounds.push(alone_at_half.rate());
    let others = [
        all_peak.rate(),
        peak.rate(),
        milliseconds(&all_at_half),
        milliseconds(&alone_at_half),
        behind.as_secs_f64() * 1e3,
    ];
    for (figure, value) in row.others.iter_mut().zip(others) {
        figure.rounds.push(value);
    }
    Ok(())
}

impl<'a> Side<'a> {
    async fn start(run: &'a Run, database: &'static str, with_followers: bool) -> Result<Self> {
        run.stage.copy(&run.servers, database).await?;
        let command_api = vec![run.servers.role("command-api", database).await?];
        let mut side = Self {
            run,
            database,
            command_api,
            followers: vec![],
            subscribers: JoinSet::new(),
            accepted: 0,
            first: 0,
        };
        if with_followers {
            for role in FOLLOWERS {
                side.followers.push(run.servers.role(role, database).await?);
            }
            side.catch_up().await?;
            side.subscribe().await?;
        }
        let attendees = run.stage.some_attendees(ATTENDEES);
        trial::show_tokens(&trial::addresses(&side.command_api), &attendees).await?;
        Ok(side)
    }

    async fn subscribe(&mut self) -> Result<()> {
        let Some(query_api) = self.followers.last() else { return Ok(()) };
        for event in self.run.stage.events.iter().take(LIVE_SUBSCRIBERS) {
            let mut connection = Connection::open(query_api.address).await?;
            let mut request = Vec::new();
            http::write_get(&mut request, &format!("/api/v1/events/{event}/live"));
            self.subscribers.spawn(async move { connection.listen(&request).await });
        }
        Ok(())
    }

    async fn load(&mut self, name: &str, pace: Pace) -> Result<Summary> {
        let attendees = self.run.stage.some_attendees(ATTENDEES);
        let bookings = Bookings::starting_with(&self.run.stage.events, &attendees, self.first);
        let trial = Trial {
            name,
            events: &self.run.stage.events,
            attendees: ATTENDEES,
            pace,
            duration: self.run.duration,
            is_cold: false,
            command_apis: 1,
        };
        let summary = trial.measure(&self.command_api, bookings).await?.summary;
        self.run.note(name, &summary);
        self.accepted += summary.accepted;
        self.first += usize::try_from(summary.statuses.values().sum::<u64>())?;
        Ok(summary)
    }

    /// Waits until everything that was appended has been projected; answers with how long that took.
    async fn catch_up(&self) -> Result<Duration> {
        let started = Instant::now();
        while unprojected(&self.run.servers, self.database).await? > 0 {
            if started.elapsed() > CATCH_UP_DEADLINE {
                bail!("the read models did not catch up within {CATCH_UP_DEADLINE:?}");
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(started.elapsed())
    }

    async fn end(mut self) -> Result<()> {
        let watching = self.subscribers.len();
        let mut lost = 0;
        while self.subscribers.try_join_next().is_some() {
            lost += 1;
        }
        if lost > 0 {
            bail!("{lost} of {watching} live streams ended early");
        }
        self.subscribers.shutdown().await;
        for process in self.followers.into_iter().chain(self.command_api) {
            process.stop().await;
        }
        trial::check_counts(&self.run.servers, self.database, self.database, self.accepted).await?;
        self.run.servers.drop(self.database).await
    }
}

/// Events that some read model does not show yet.
pub(crate) async fn unprojected(servers: &Servers, database: &str) -> Result<i64> {
    let mut connection = PgConnection::connect(&servers.url(database)).await?;
    let events: i64 = sqlx::query_scalar(
        "select (select count(*) from outbox)
              + (select coalesce(max(global_position), 0) from event_log)
              - (select coalesce(min(position), 0) from read_model.projections)",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(events)
}
