//! How much slower the write side is with a long past: many millions of events of other streams.
//!
//! The past is made of real bookings: some are made through the product, then copied in the database under other ids,
//! which are older, as a past is. The copies are not chained by hashes; nothing that is measured reads these.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use event_store::{EventStore, MasterKey};
use sqlx::{Connection as _, Executor, PgConnection, postgres::PgPoolOptions};

use crate::{
    buyers::Bookings,
    cli,
    load::Pace,
    progress::say,
    rows::median,
    servers::Servers,
    stage::Stage,
    trial::{self, Trial},
};

const ATTENDEES: usize = 20_000;
const CLIENTS: usize = 64;
/// Bookings, two events each, that the past is copied from; of so many shows, which are not booked again.
const PATTERN: usize = 50_000;
const PATTERN_SHOWS: usize = 10;
/// How long the bookings may take.
const FILL_DEADLINE: Duration = Duration::from_secs(600);
/// Events that are read from the log, in pages of so many.
const READ: i64 = 200_000;
const PAGE: i64 = 500;

const EMPTY: &str = "without_a_past";
const LARGE: &str = "with_a_past";

/// What is measured of a database.
#[derive(Default)]
struct Figures {
    bookings: Vec<f64>,
    numbered: Vec<f64>,
    read: Vec<f64>,
}

/// Runs it and prints what came of it.
pub(crate) async fn large_log(options: cli::LargeLog) -> Result<()> {
    let servers =
        Servers::start(options.repeats.product.boxoffice.clone(), options.repeats.product.logs).await?;
    let stage = Stage::set(&servers, ATTENDEES).await?;
    for name in [EMPTY, LARGE] {
        stage.copy(&servers, name).await?;
    }
    make_a_past(&servers, &stage, options.events).await?;
    let (mut empty, mut large) = (Figures::default(), Figures::default());
    for round in 0..options.repeats.rounds {
        for name in if round % 2 == 0 { [EMPTY, LARGE] } else { [LARGE, EMPTY] } {
            let figures = if name == EMPTY { &mut empty } else { &mut large };
            figures.measure(&servers, &stage, name, round, options.repeats.seconds).await?;
        }
    }
    let compare = |what: &str, large: &[f64], empty: &[f64]| {
        let (large, empty) = (median(large), median(empty));
        say(format!("{what}: {large:.0}/s ÷ {empty:.0}/s = {:.2}", large / empty));
    };
    say(format!(
        "medians of {} rounds, with a past of {} events ÷ without:",
        options.repeats.rounds, options.events
    ));
    compare("bookings, 64 clients, 990 events in turn", &large.bookings, &empty.bookings);
    compare("events numbered by the relay", &large.numbered, &empty.numbered);
    compare("events read from the log, 500 at a time", &large.read, &empty.read);
    sizes(&servers).await
}

impl Figures {
    async fn measure(
        &mut self,
        servers: &Servers,
        stage: &Stage,
        database: &str,
        round: usize,
        seconds: u64,
    ) -> Result<()> {
        let office = vec![servers.role("command-api", database).await?];
        trial::show_tokens(&trial::addresses(&office), &stage.attendees).await?;
        let trial = Trial {
            name: database,
            events: &stage.events[PATTERN_SHOWS..],
            attendees: ATTENDEES,
            pace: Pace::Closed { clients: CLIENTS },
            duration: Duration::from_secs(seconds),
            is_cold: false,
            command_apis: 1,
        };
        // Each round goes on where no earlier one can have come.
        let first = round * 10 * ATTENDEES;
        let bookings = Bookings::starting_with(trial.events, &stage.attendees, first);
        let summary = trial.measure(&office, bookings).await?.summary;
        for process in office {
            process.stop().await;
        }
        let numbered = number(servers, database).await?;
        let read = read_log(servers, database).await?;
        say(format!(
            "{database}: {summary}; the relay numbers {numbered:.0} events/s; the log is read at {read:.0} events/s"
        ));
        self.bookings.push(summary.rate());
        self.numbered.push(numbered);
        self.read.push(read);
        Ok(())
    }
}

/// Lets a relay empty the outbox; events a second.
async fn number(servers: &Servers, database: &str) -> Result<f64> {
    let mut connection = PgConnection::connect(&servers.url(database)).await?;
    let relay = servers.role("relay", database).await?;
    let started = Instant::now();
    let before: i64 = sqlx::query_scalar("select count(*) from outbox").fetch_one(&mut connection).await?;
    trial::all_are_numbered(&mut connection).await?;
    let rate = before as f64 / started.elapsed().as_secs_f64();
    relay.stop().await;
    connection.close().await?;
    Ok(rate)
}

/// Reads the newest part of the log, as a consumer does that has fallen behind; events a second.
async fn read_log(servers: &Servers, database: &str) -> Result<f64> {
    let pool = PgPoolOptions::new().max_connections(2).connect(&servers.url(database)).await?;
    let store = EventStore::new(pool.clone(), Arc::new(MasterKey::parse(servers.master_key())?));
    let mut at = (store.head().await?.global_position - READ).max(0);
    let (started, mut events) = (Instant::now(), 0);
    loop {
        let page = store.read_log(at, PAGE, &[]).await?;
        if page.up_to == at {
            break;
        }
        at = page.up_to;
        events += page.events.len();
    }
    let rate = events as f64 / started.elapsed().as_secs_f64();
    pool.close().await;
    Ok(rate)
}

/// Fills a database with so many events more.
async fn make_a_past(servers: &Servers, stage: &Stage, events: u64) -> Result<()> {
    let office = vec![servers.role("command-api", LARGE).await?];
    let trial = Trial {
        name: "bookings to be copied",
        events: &stage.events[..PATTERN_SHOWS],
        attendees: PATTERN,
        pace: Pace::Closed { clients: CLIENTS },
        duration: FILL_DEADLINE,
        is_cold: true,
        command_apis: 1,
    };
    let pattern = Bookings::of(trial.events, &stage.some_attendees(PATTERN / PATTERN_SHOWS));
    let made = trial.measure(&office, pattern).await?.summary;
    for process in office {
        process.stop().await;
    }
    number(servers, LARGE).await?;
    let started = Instant::now();
    let mut connection = PgConnection::connect(&servers.url(LARGE)).await?;
    connection.execute(KEEP_PATTERN).await?;
    let of_pattern: i64 =
        sqlx::query_scalar("select count(*) from pattern").fetch_one(&mut connection).await?;
    let copies = events.div_ceil(u64::try_from(of_pattern)?);
    for copy in 1..=copies {
        sqlx::query(COPY_EVENTS).bind(i64::try_from(copy)?).execute(&mut connection).await?;
        if copy % 10 == 0 || copy == copies {
            let copied = copy * u64::try_from(of_pattern)?;
            say(format!("{copied} of {events} events copied in {:.0} s", started.elapsed().as_secs_f64()));
        }
    }
    connection.execute(NUMBER_COPIES).await?;
    say(format!("a past of {events} events, made after {} bookings", made.accepted));
    connection.execute("vacuum (analyze, freeze)").await?;
    connection.execute("checkpoint").await?;
    Ok(connection.close().await?)
}

const KEEP_PATTERN: &str = "
    create unlogged table pattern as
    select row_number() over (order by position) as place, events.* from events
    where aggregate_type = 'booking' or event_type = 'TicketsSold';
    alter table events disable trigger events_fill_outbox;";

/// Under the ids of an earlier time: version 7 begins with it.
const COPY_EVENTS: &str = "
    insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, event_id)
    select aggregate_type, overlay(aggregate_id placing lpad(to_hex(16777216 + $1), 8, '0') from 1 for 8), sequence,
           event_type, event_version, payload, metadata, gen_random_uuid()
    from pattern order by place";

const NUMBER_COPIES: &str = "
    insert into event_log (global_position, aggregate_type, aggregate_id, sequence, hash)
    select (select max(global_position) from event_log) + row_number() over (order by position),
           aggregate_type, aggregate_id, sequence, sha256(aggregate_id::bytea)
    from events where aggregate_id < '015';
    alter table events enable trigger events_fill_outbox;";

/// What an event takes on disk, and what the outbox was left with.
async fn sizes(servers: &Servers) -> Result<()> {
    let mut connection = PgConnection::connect(&servers.url(LARGE)).await?;
    for table in ["events", "event_log", "outbox"] {
        let (rows, bytes, index): (i64, i64, i64) = sqlx::query_as(
            "select (select count(*) from event_log), pg_total_relation_size($1::regclass),
                    pg_indexes_size($1::regclass)",
        )
        .bind(table)
        .fetch_one(&mut connection)
        .await?;
        say(format!(
            "{table}: {:.0} MiB, {:.0} MiB of it indexes; {:.0} bytes an event of the log",
            bytes as f64 / 1_048_576.0,
            index as f64 / 1_048_576.0,
            bytes as f64 / rows as f64
        ));
    }
    Ok(connection.close().await?)
}
