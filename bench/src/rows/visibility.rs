//! R6: how long it takes from a booking's commit until the read model shows it, by way of a real Kafka.
//!
//! Nobody polls for it. PostgreSQL remembers when each transaction committed (`track_commit_timestamp`), so when the load
//! has ended every booking is looked at: the commit that made its row of `read_model.bookings`, less the commit that
//! appended its event. Both times are taken by one clock at the same step of a commit.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection};
use testkit::kafka::KafkaServer;

use crate::{
    buyers::Bookings,
    kafka::RoundTrips,
    load::Pace,
    rows::{Figure, Ratio, Row, Unit},
    run::Run,
    servers::{Running, Servers},
    stage::Stage,
    tally::Summary,
    trial::{self, Trial},
};

/// Clients that find out the peak.
const CLIENTS: usize = 64;
/// Connections of the open loop.
const CONNECTIONS: usize = 256;
const ATTENDEES: usize = 5_000;
/// The load of the ratio, as a share of the peak.
const LOAD: f64 = 0.5;
const DATABASE: &str = "r6";
const FOLLOWERS: [&str; 4] = ["relay", "projector", "processes", "query-api"];
/// Commits, and round trips through Kafka, that the denominator is taken from.
const SAMPLES: usize = 3_000;
/// An event of a booking, roughly.
const BODY_BYTES: usize = 500;
const TOPIC: &str = "round-trips";
/// Between two samples beside a load, which they are not to add to.
const PAUSE: Duration = Duration::from_millis(5);
/// How long there is load before anything is measured: a broker in service has been compiled by Java long ago, which takes a
/// third of a core at first, and a PostgreSQL in service has files of its log to use again.
const WARMING: Duration = Duration::from_secs(30);
const CATCH_UP_DEADLINE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(100);

pub(crate) fn r6() -> Row {
    Row {
        ratio: Ratio::R6,
        title: "From commit to visible",
        sides: ("p99 to visible", "a commit and Kafka"),
        ours: Figure::new(
            "p99 from a booking's commit to its row's in the read model, of all bookings of many events at half of the \
             peak, open loop, with Kafka, relay, projector, processes and query-api",
            Unit::Milliseconds,
        ),
        theirs: Figure::new(
            "p99 of a one-row commit + p99 of a Kafka round trip, one at a time, while nothing is asked of the product",
            Unit::Milliseconds,
        ),
        floor: 5.0,
        aim: 2.0,
        less_is_better: true,
        instead_of_theirs: None,
        others: vec![
            Figure::new("p50 from commit to visible", Unit::Milliseconds),
            Figure::new("the longest", Unit::Milliseconds),
            Figure::new("p50 from commit to the place in the event log", Unit::Milliseconds),
            Figure::new("p99 from commit to the place in the event log", Unit::Milliseconds),
            Figure::new("p99 of a one-row commit", Unit::Milliseconds),
            Figure::new("p99 of a Kafka round trip", Unit::Milliseconds),
            Figure::new("p99 of a one-row commit beside the same load again", Unit::Milliseconds),
            Figure::new("p99 of a Kafka round trip beside the same load again", Unit::Milliseconds),
            Figure::new(format!("peak with all of them, closed loop, {CLIENTS} clients"), Unit::PerSecond),
            Figure::new("rate at half of the peak", Unit::PerSecond),
            Figure::new("how long the read model took to catch up with the peak", Unit::Milliseconds),
        ],
        remarks: vec![
            "nobody polls: both times are those of PostgreSQL's own commits (track_commit_timestamp, on for this row alone)"
                .to_owned(),
            format!(
                "either side is measured after {} s of bookings and a checkpoint: Kafka has compiled itself, and PostgreSQL has \
                 files of its log to use again",
                WARMING.as_secs()
            ),
            "Kafka round trip: a record of 500 bytes, acks=all, linger 0, until a waiting consumer has it".to_owned(),
            "beside the same load: what a commit and a round trip alone, without the product, take on a machine that is as \
             busy; the ratio is not divided by it"
                .to_owned(),
        ],
    }
}

pub(crate) async fn measure_r6(run: &Run, row: &mut Row, _: bool) -> Result<()> {
    let kafka = KafkaServer::start_to_measure().await;
    let servers = run.servers.another_with_kafka(kafka.brokers()).await?;
    let stage = Stage::set(&servers, ATTENDEES).await?;
    stage.copy(&servers, DATABASE).await?;

    let command_api = vec![servers.role("command-api", DATABASE).await?];
    let mut followers = Vec::new();
    for role in FOLLOWERS {
        followers.push(servers.role(role, DATABASE).await?);
    }
    trial::show_tokens(&trial::addresses(&command_api), &stage.some_attendees(ATTENDEES)).await?;
    let mut booked = 0;
    let mut load = async |name: &str, pace, duration| {
        load(run, &stage, &command_api, &mut booked, name, pace, duration).await
    };
    load("R6 warming", Pace::Closed { clients: CLIENTS }, WARMING).await?;
    catch_up(&servers).await?;
    servers.checkpoint().await?;
    let mut bare = Bare::prepare(&servers, &kafka).await?;
    let at_rest = bare.times().await?;
    let peak = load("R6 peak", Pace::Closed { clients: CLIENTS }, run.duration).await?;
    let behind = catch_up(&servers).await?;
    let since = now(&servers).await?;
    let half = Pace::Open { per_second: peak.rate() * LOAD, connections: CONNECTIONS };
    let at_half = load("R6 half", half, run.duration).await?;
    catch_up(&servers).await?;
    let [p50, p99, longest] = until_visible(&servers, since).await?;
    let [p50_logged, p99_logged] = until_logged(&servers, since).await?;
    let beside_load = bare.times_beside(load("R6 half, beside bare ones", half, run.duration)).await?;
    for process in followers.into_iter().chain(command_api) {
        process.stop().await;
    }

    row.ours.rounds.push(p99);
    row.theirs.rounds.push(at_rest.commit + at_rest.round_trip);
    let others = [
        p50,
        longest,
        p50_logged,
        p99_logged,
        at_rest.commit,
        at_rest.round_trip,
        beside_load.commit,
        beside_load.round_trip,
        peak.rate(),
        at_half.rate(),
        behind.as_secs_f64() * 1e3,
    ];
    for (figure, value) in row.others.iter_mut().zip(others) {
        figure.rounds.push(value);
    }
    Ok(())
}

async fn load(
    run: &Run,
    stage: &Stage,
    command_api: &[Running],
    booked: &mut usize,
    name: &str,
    pace: Pace,
    duration: Duration,
) -> Result<Summary> {
    let attendees = stage.some_attendees(ATTENDEES);
    let bookings = Bookings::starting_with(&stage.events, &attendees, *booked);
    let trial = Trial {
        name,
        events: &stage.events,
        attendees: ATTENDEES,
        pace,
        duration,
        is_cold: false,
        command_apis: 1,
    };
    let summary = trial.measure(command_api, bookings).await?.summary;
    run.note(name, &summary);
    *booked += usize::try_from(summary.statuses.values().sum::<u64>())?;
    Ok(summary)
}

/// What the denominator consists of, and how long it takes.
struct Bare {
    connection: PgConnection,
    round_trips: RoundTrips,
    row: String,
}

/// The p99 of either, in milliseconds.
#[derive(Clone, Copy)]
struct BareTimes {
    commit: f64,
    round_trip: f64,
}

impl Bare {
    async fn prepare(servers: &Servers, kafka: &KafkaServer) -> Result<Self> {
        let mut connection = PgConnection::connect(&servers.url(DATABASE)).await?;
        sqlx::query("create table commits (id bigint generated always as identity primary key, body text)")
            .execute(&mut connection)
            .await?;
        let round_trips = RoundTrips::prepare(kafka.brokers(), TOPIC).await?;
        Ok(Self { connection, round_trips, row: "x".repeat(BODY_BYTES) })
    }

    /// A row of an event's size in a transaction of its own.
    async fn commit(&mut self) -> Result<Duration> {
        let started = Instant::now();
        sqlx::query("insert into commits (body) values ($1)")
            .bind(&self.row)
            .execute(&mut self.connection)
            .await?;
        Ok(started.elapsed())
    }

    /// Of commits one after the other, then of round trips one after the other.
    async fn times(&mut self) -> Result<BareTimes> {
        let mut commits = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            commits.push(self.commit().await?);
        }
        let mut round_trips = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            round_trips.push(self.round_trips.one().await?);
        }
        Ok(BareTimes { commit: p99(commits), round_trip: p99(round_trips) })
    }

    /// Of a commit and a round trip in turn, now and then, until the load beside them ends.
    async fn times_beside(&mut self, load: impl Future<Output = Result<Summary>>) -> Result<BareTimes> {
        let mut load = pin!(load);
        let mut commits = Vec::new();
        let mut round_trips = Vec::new();
        loop {
            let sample = async {
                tokio::time::sleep(PAUSE).await;
                Ok::<_, anyhow::Error>((self.commit().await?, self.round_trips.one().await?))
            };
            tokio::select! {
                ended = &mut load => { ended?; break; }
                sample = sample => {
                    let (commit, round_trip) = sample?;
                    commits.push(commit);
                    round_trips.push(round_trip);
                }
            }
        }
        if commits.is_empty() {
            bail!("no commit and no round trip ended while there was load");
        }
        Ok(BareTimes { commit: p99(commits), round_trip: p99(round_trips) })
    }
}

/// In milliseconds.
fn p99(mut taken: Vec<Duration>) -> f64 {
    taken.sort_unstable();
    taken[taken.len() * 99 / 100].as_secs_f64() * 1e3
}

async fn now(servers: &Servers) -> Result<DateTime<Utc>> {
    let mut connection = PgConnection::connect(&servers.url(DATABASE)).await?;
    Ok(sqlx::query_scalar("select clock_timestamp()").fetch_one(&mut connection).await?)
}

/// Waits until every booking is in the read model; answers with how long that took.
async fn catch_up(servers: &Servers) -> Result<Duration> {
    let started = Instant::now();
    let mut connection = PgConnection::connect(&servers.url(DATABASE)).await?;
    loop {
        let missing: i64 = sqlx::query_scalar(
            "select (select count(*) from events where aggregate_type = 'booking')
                  - (select count(*) from read_model.bookings)",
        )
        .fetch_one(&mut connection)
        .await?;
        if missing == 0 {
            return Ok(started.elapsed());
        }
        if started.elapsed() > CATCH_UP_DEADLINE {
            bail!("{missing} bookings are not in the read model after {CATCH_UP_DEADLINE:?}");
        }
        tokio::time::sleep(POLL).await;
    }
}

/// p50, p99 and the longest, in milliseconds, of the bookings since then.
async fn until_visible(servers: &Servers, since: DateTime<Utc>) -> Result<[f64; 3]> {
    let mut connection = PgConnection::connect(&servers.url(DATABASE)).await?;
    let taken: Vec<f64> = sqlx::query_scalar(
        "select percentile_cont(array[0.5, 0.99, 1.0]) within group (order by extract(epoch from
                    pg_xact_commit_timestamp(row.xmin) - pg_xact_commit_timestamp(event.xmin)) * 1000)
         from events event
         join read_model.bookings row on row.id = event.aggregate_id::uuid
         where event.aggregate_type = 'booking' and event.recorded_at > $1",
    )
    .bind(since)
    .fetch_one(&mut connection)
    .await?;
    match taken[..] {
        [p50, p99, longest] => Ok([p50, p99, longest]),
        _ => bail!("no booking was made"),
    }
}

/// p50 and p99, in milliseconds, of the bookings since then: how much of it is the relay's numbering.
async fn until_logged(servers: &Servers, since: DateTime<Utc>) -> Result<[f64; 2]> {
    let mut connection = PgConnection::connect(&servers.url(DATABASE)).await?;
    let taken: Vec<f64> = sqlx::query_scalar(
        "select percentile_cont(array[0.5, 0.99]) within group (order by extract(epoch from
                    pg_xact_commit_timestamp(entry.xmin) - pg_xact_commit_timestamp(event.xmin)) * 1000)
         from events event
         join event_log entry using (aggregate_type, aggregate_id, sequence)
         where event.aggregate_type = 'booking' and event.recorded_at > $1",
    )
    .bind(since)
    .fetch_one(&mut connection)
    .await?;
    match taken[..] {
        [p50, p99] => Ok([p50, p99]),
        _ => bail!("no booking was made"),
    }
}
