//! R5: how fast the relay moves a backlog from the outbox to Kafka, beside Kafka's own producer.
//!
//! Ours begins with the start of the process and ends when the mark says that Kafka has acknowledged the last event: it
//! numbers every event in the event log, durably, on the way. Theirs sends bytes that it has in memory.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use sqlx::{Connection as _, PgConnection};
use testkit::kafka::{self, KafkaServer};

use crate::{
    buyers::Bookings,
    load::Pace,
    progress::say,
    rows::{Figure, Ratio, Row, Unit},
    run::Run,
    trial::{self, Trial},
};

/// The prepared database, and the copy that is drained.
const FILLED: &str = "backlog";
const DATABASE: &str = "r5";
/// So many events at least: fewer are drained before Java has compiled the producer that they are compared with.
const EVENTS: u64 = 200_000;
const EVENTS_A_BOOKING: u64 = 2;
/// How long bookings are made at a stretch, until there are enough, and by how many.
const FILLING: Duration = Duration::from_secs(4);
const CLIENTS: usize = 64;
const ATTENDEES: usize = 5_000;
const TOPIC: &str = "producer-performance";
/// As many as each topic of the product has.
const PARTITIONS: &str = "6";
const DRAIN_DEADLINE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(10);

/// Events of real bookings that no relay has seen, in a database to be copied; and a broker.
pub(crate) struct Backlog {
    kafka: KafkaServer,
    events: i64,
    /// Key, value and headers of a record, on average.
    record_bytes: i64,
}

pub(crate) fn r5() -> Row {
    Row {
        ratio: Ratio::R5,
        title: "Outbox to Kafka",
        sides: ("relay", "Kafka's producer"),
        ours: Figure::new(
            "events of a backlog a second, from the start of boxoffice relay to Kafka's last acknowledgement",
            Unit::PerSecond,
        ),
        theirs: Figure::new(
            "kafka-producer-perf-test, acks=all, as many records of the same size (key, value and headers), no key",
            Unit::PerSecond,
        ),
        floor: 0.5,
        aim: 0.9,
        less_is_better: false,
        instead_of_theirs: None,
        others: vec![Figure::new("events that got their place in the event log meanwhile", Unit::PerSecond)],
        remarks: vec![],
    }
}

pub(crate) async fn measure_r5(run: &Run, row: &mut Row, ours_first: bool) -> Result<()> {
    let backlog = run.backlog.get_or_try_init(|| Backlog::make(run)).await?;
    row.remarks = vec![
        format!("{} events of bookings; {} bytes a record", backlog.events, backlog.record_bytes),
        "before the first round each side has run once, so that Java has compiled the broker".to_owned(),
    ];
    for is_ours in [ours_first, !ours_first] {
        if is_ours {
            let (drained, numbered) = backlog.drain(run).await?;
            row.ours.rounds.push(drained);
            row.others[0].rounds.push(numbered);
        } else {
            row.theirs.rounds.push(backlog.producer_performance().await?);
        }
    }
    Ok(())
}

impl Backlog {
    async fn make(run: &Run) -> Result<Self> {
        let kafka = KafkaServer::start_to_measure().await;
        run.stage.copy(&run.servers, FILLED).await?;
        run.servers.run_once_with(Some(kafka.brokers()), "migrate", FILLED)?;
        let office = vec![run.servers.role("command-api", FILLED).await?];
        let attendees = run.stage.some_attendees(ATTENDEES);
        let trial = Trial {
            name: "R5 making a backlog",
            events: &run.stage.events,
            attendees: ATTENDEES,
            pace: Pace::Closed { clients: CLIENTS },
            duration: FILLING,
            is_cold: false,
            command_apis: 1,
        };
        let (mut accepted, mut first) = (0, 0);
        while accepted * EVENTS_A_BOOKING < EVENTS {
            let bookings = Bookings::starting_with(&run.stage.events, &attendees, first);
            let summary = trial.measure(&office, bookings).await?.summary;
            run.note(trial.name, &summary);
            accepted += summary.accepted;
            first += usize::try_from(summary.statuses.values().sum::<u64>())?;
        }
        for process in office {
            process.stop().await;
        }
        let mut connection = PgConnection::connect(&run.servers.url(FILLED)).await?;
        sqlx::query("vacuum analyze").execute(&mut connection).await?;
        let (events, record_bytes) =
            sqlx::query_as(include_str!("../../sql/backlog.sql")).fetch_one(&mut connection).await?;
        connection.close().await?;
        let backlog = Self { kafka, events, record_bytes }.with_topic().await?;
        backlog.warm(run).await?;
        Ok(backlog)
    }

    /// Each side once, uncounted: a broker in service has been compiled by Java long ago.
    async fn warm(&self, run: &Run) -> Result<()> {
        say("    R5 warming: not counted");
        self.producer_performance().await?;
        self.drain(run).await?;
        Ok(())
    }

    async fn with_topic(self) -> Result<Self> {
        let arguments = ["--create", "--topic", TOPIC, "--partitions", PARTITIONS, "--bootstrap-server"];
        self.tool("org.apache.kafka.tools.TopicCommand", &[&arguments[..], &[self.kafka.brokers()]].concat())
            .await?;
        Ok(self)
    }

    /// Events a second to Kafka's acknowledgement, and into the event log.
    async fn drain(&self, run: &Run) -> Result<(f64, f64)> {
        run.servers.create(DATABASE, FILLED).await?;
        let mut connection = PgConnection::connect(&run.servers.url(DATABASE)).await?;
        trial::look_by_keys(&mut connection).await?;
        let started = Instant::now();
        let relay = run.servers.spawn(Some(self.kafka.brokers()), "relay", DATABASE);
        let mut numbered = None;
        loop {
            // Not whether the outbox is empty: whoever looks there passes over every pointer that has gone.
            let (logged, published): (i64, i64) = sqlx::query_as(
                "select coalesce((select global_position from event_log order by global_position desc limit 1), 0),
                        published_position
                 from relay_leader",
            )
            .fetch_one(&mut connection)
            .await?;
            if logged == self.events {
                numbered.get_or_insert_with(|| started.elapsed());
            }
            if published == self.events {
                break;
            }
            if started.elapsed() > DRAIN_DEADLINE {
                bail!("{published} of {} events are published after {DRAIN_DEADLINE:?}", self.events);
            }
            tokio::time::sleep(POLL).await;
        }
        let drained = started.elapsed();
        relay.stop().await;
        connection.close().await?;
        run.servers.drop(DATABASE).await?;
        let rate = |elapsed: Duration| self.events as f64 / elapsed.as_secs_f64();
        let (drained, numbered) = (rate(drained), rate(numbered.unwrap_or(drained)));
        say(format!("    R5 relay: {drained:.0} events/s, into the event log {numbered:.0}/s"));
        Ok((drained, numbered))
    }

    /// Records a second, as it says itself: without the start of its Java.
    async fn producer_performance(&self) -> Result<f64> {
        let (records, bytes) = (self.events.to_string(), self.record_bytes.to_string());
        let servers = format!("bootstrap.servers={}", self.kafka.brokers());
        let output = self
            .tool(
                "org.apache.kafka.tools.ProducerPerformance",
                &[
                    "--topic",
                    TOPIC,
                    "--num-records",
                    &records,
                    "--record-size",
                    &bytes,
                    "--throughput",
                    "-1",
                    "--producer-props",
                    &servers,
                    "acks=all",
                ],
            )
            .await?;
        // 200000 records sent, 123456.7 records/sec (98.76 MB/sec), …
        let last = output.lines().rfind(|line| line.contains(" records/sec")).context("a line of results")?;
        say(format!("    R5 {last}"));
        let words: Vec<&str> = last.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "records/sec").context("records/sec")?;
        Ok(words[at - 1].parse()?)
    }

    async fn tool(&self, main_class: &str, arguments: &[&str]) -> Result<String> {
        let mut command = tokio::process::Command::from(kafka::tool(main_class));
        let output = command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).output().await?;
        if !output.status.success() {
            bail!("{main_class} failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}
