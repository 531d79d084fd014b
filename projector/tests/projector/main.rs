//! The projector on real PostgreSQL and Kafka: every event's rows, duplicates, gaps, poison and rebuilds (I5).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic, in its helpers too")]

mod batches;
mod bookings;
mod crash;
mod events;
mod history;
mod inbox;
mod lag;
mod members;
mod notifications;
mod parked;
mod rebuild;
mod stream;
mod subscriptions;

use std::{sync::Arc, time::Duration};

use chrono::{TimeDelta, Utc};
use domain::{
    BookingId, Money, ShowId, TicketTypeId, TicketTypeName, TimeZone, Title, UserId,
    show::{OfferedTicketType, Schedule, ShowDetails, ShowEvent, Taken, TicketLine},
};
use event_store::{Append, EventStore, MasterKey, Metadata, NewEvent, StreamAppend, StreamId};
use feed::Relay;
use projector::{Projection, Projector, READ_SCHEMA, projections, rebuild::Rebuild};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use testkit::{
    eventually,
    kafka::KafkaServer,
    postgres::{self, PostgresServer},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(60);

/// Both databases in one, migrated.
struct Databases {
    store: EventStore,
    read: PgPool,
}

impl Databases {
    async fn new() -> Self {
        let both = postgres::database("projector").await;
        Self::at(both.url(), both.url()).await
    }

    /// The read database on another server.
    async fn reading_from(server: &PostgresServer) -> Self {
        let (write, read) = (postgres::database("write").await, server.database("read").await);
        Self::at(write.url(), read.url()).await
    }

    async fn at(write: &str, read: &str) -> Self {
        let [write, read]: [PgConnectOptions; 2] = [write, read].map(|url| url.parse().unwrap());
        let pool = |options| PgPoolOptions::new().max_connections(12).connect_with(options);
        let write = pool(write).await.unwrap();
        EventStore::migrate(&write).await.unwrap();
        let read = pool(read.options([("search_path", READ_SCHEMA)])).await.unwrap();
        projector::migrate(&read).await.unwrap();
        let key = MasterKey::parse(&MasterKey::generate()).unwrap();
        Self { store: EventStore::new(write, Arc::new(key)), read }
    }

    /// Runs a relay and a projector until the guards are dropped.
    fn follow(&self, brokers: Option<&str>) -> [DropGuard; 2] {
        let stop = CancellationToken::new();
        let relay = Relay::new(self.store.clone(), brokers.map(str::to_owned), "test".to_owned());
        tokio::spawn(relay.run(stop.clone()));
        [stop.drop_guard(), self.project(brokers)]
    }

    /// Runs a projector until the guard is dropped.
    fn project(&self, brokers: Option<&str>) -> DropGuard {
        let stop = CancellationToken::new();
        let projector = Projector::new(self.read.clone(), self.store.clone(), brokers.map(str::to_owned));
        tokio::spawn(projector.run(stop.clone()));
        stop.drop_guard()
    }

    /// A relay that gives places, and with brokers publishes from the mark on, up to there, and ends.
    async fn relay_to(&self, position: i64, brokers: Option<&str>) {
        let stop = CancellationToken::new();
        let relay = Relay::new(self.store.clone(), brokers.map(str::to_owned), "test".to_owned());
        let relaying = tokio::spawn(relay.run(stop.clone()));
        eventually(&format!("{position} events are relayed"), DEADLINE, || async {
            let reached = match brokers {
                Some(_) => self.store.published_position().await.unwrap(),
                None => self.store.head().await.unwrap().global_position,
            };
            (reached == position).then_some(())
        })
        .await;
        stop.cancel();
        relaying.await.unwrap();
    }

    /// What is before the mark counts as published.
    async fn set_mark(&self, position: i64) {
        let set = sqlx::query("update relay_leader set published_position = $1").bind(position);
        set.execute(self.store.pool()).await.unwrap();
    }

    async fn append(&self, show: ShowId, expected_sequence: i64, events: &[ShowEvent]) {
        let events = events.iter().map(|event| NewEvent::from_domain(event, &Metadata::default()));
        self.append_to(StreamId::new("event", show), expected_sequence, events.collect()).await;
    }

    async fn append_to(&self, stream: StreamId, expected_sequence: i64, events: Vec<NewEvent>) {
        let streams = vec![StreamAppend { stream, expected_sequence, events }];
        self.store.append(&[Append { streams, receipt: None }]).await.unwrap();
    }

    /// Waits until a projection has applied a stream as far as that.
    async fn until_applied(&self, projection: &str, stream: &StreamId, sequence: i64) {
        let query =
            format!("select sequence from {projection}_applied where stream_type = $1 and stream_id = $2");
        eventually(&format!("{projection} has applied {stream} to {sequence}"), DEADLINE, || async {
            let applied = sqlx::query_scalar(&query).bind(&stream.kind).bind(&stream.id);
            let applied: Option<i64> = applied.fetch_optional(&self.read).await.unwrap();
            (applied == Some(sequence)).then_some(())
        })
        .await;
    }

    /// Every row as JSON text, sorted: the order in a table means nothing.
    async fn rows(&self, table: &str) -> Vec<String> {
        let query = format!("select to_jsonb(t)::text from read_model.{table} t order by 1");
        sqlx::query_scalar(&query).fetch_all(&self.read).await.unwrap()
    }

    /// Rebuilds a projection; every one of these tables has the same rows as before, some at least. Nothing may follow
    /// meanwhile: what is compared would not stand still.
    async fn rebuild_gives_the_same(&self, name: &str, tables: &[&str]) {
        let projection = projections::named(name).unwrap();
        let mut live = Vec::new();
        for table in tables {
            live.push(self.rows(table).await);
            assert_ne!(live.last().unwrap().len(), 0, "{table} has rows to compare");
        }
        self.rebuild(projection, &CancellationToken::new()).run(false, |_| {}).await.unwrap();
        for (table, live) in tables.iter().zip(live) {
            assert_eq!(self.rows(table).await, live, "{table}");
        }
    }

    fn rebuild<'a>(
        &'a self,
        projection: &'static dyn Projection,
        stop: &'a CancellationToken,
    ) -> Rebuild<'a> {
        Rebuild { projection, live: &self.read, store: &self.store, code: "tests", stop }
    }

    /// What the read model says is sold of a show; nothing if it does not know it.
    async fn sold(&self, show: ShowId) -> Option<i64> {
        sqlx::query_scalar("select sold from event_ticket_types where event_id = $1")
            .bind(show.uuid())
            .fetch_optional(&self.read)
            .await
            .unwrap()
    }

    async fn until_sold(&self, show: ShowId, tickets: i64) {
        let what = format!("{tickets} tickets are sold in the read model");
        eventually(&what, DEADLINE, || async { (self.sold(show).await == Some(tickets)).then_some(()) })
            .await;
    }

    async fn parked(&self) -> Vec<(String, String, i64)> {
        sqlx::query_as("select projection, aggregate_id, sequence from parked order by 1, 2, 3")
            .fetch_all(&self.read)
            .await
            .unwrap()
    }
}

fn a_user() -> UserId {
    UserId::new(Uuid::now_v7())
}

fn a_show() -> ShowId {
    ShowId::new(Uuid::now_v7())
}

fn details(title: &str) -> ShowDetails {
    let start = Utc::now() + TimeDelta::days(1);
    ShowDetails {
        title: Title::parse(title).unwrap(),
        description: None,
        venue: None,
        schedule: Schedule::parse(start, start + TimeDelta::hours(1), None, None).unwrap(),
        time_zone: TimeZone::UTC,
        max_tickets_per_booking: 10,
        hold_seconds: 900,
    }
}

fn created(show: ShowId) -> ShowEvent {
    ShowEvent::EventCreated {
        event_id: show,
        host_id: UserId::new(Uuid::now_v7()),
        details: Box::new(details("Engines")),
        ticket_types: vec![OfferedTicketType {
            id: ticket_type(show),
            name: TicketTypeName::parse("General admission").unwrap(),
            price: Money::FREE,
            capacity: 1_000,
        }],
        seating: vec![],
        draft: false,
        at: Utc::now(),
    }
}

/// One type a show; its id is the show's.
fn ticket_type(show: ShowId) -> TicketTypeId {
    TicketTypeId::new(show.uuid())
}

/// One ticket of that type, in a booking of its own.
fn one_ticket(show: ShowId) -> Taken {
    Taken {
        booking_id: BookingId::new(Uuid::now_v7()),
        attendee_id: UserId::new(Uuid::now_v7()),
        tickets: vec![TicketLine { ticket_type_id: ticket_type(show), quantity: 1, price: Money::FREE }],
        seats: vec![],
    }
}

fn sold(show: ShowId) -> ShowEvent {
    ShowEvent::TicketsSold { taken: one_ticket(show), at: Utc::now() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kafka_carries_again_is_applied_once() {
    let (databases, kafka) = (Databases::new().await, KafkaServer::start_own().await);
    feed::topics::create_topics(kafka.brokers()).await.unwrap();
    let _projecting = databases.project(Some(kafka.brokers()));
    let show = a_show();
    databases.append(show, 0, &[created(show), sold(show), sold(show)]).await;
    databases.relay_to(3, Some(kafka.brokers())).await;
    databases.until_sold(show, 2).await;
    // As after a reconcile, or by a leader that lost its place: everything is published a second time.
    databases.set_mark(0).await;
    databases.relay_to(3, Some(kafka.brokers())).await;
    // Behind it, in the same partition.
    databases.append(show, 3, &[sold(show)]).await;
    databases.relay_to(4, Some(kafka.brokers())).await;
    databases.until_applied("events", &StreamId::new("event", show), 4).await;
    assert_eq!(databases.sold(show).await, Some(3));
    assert_eq!(databases.parked().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kafka_lost_is_filled_in_from_the_event_log() {
    let (databases, kafka) = (Databases::new().await, KafkaServer::start_own().await);
    feed::topics::create_topics(kafka.brokers()).await.unwrap();
    let show = a_show();
    {
        let _following = databases.follow(Some(kafka.brokers()));
        databases.append(show, 0, &[created(show), sold(show)]).await;
        databases.until_sold(show, 1).await;
    }
    // While nobody publishes, three events get their places; then the mark is moved past them.
    databases.append(show, 2, &[sold(show), sold(show), sold(show)]).await;
    databases.relay_to(5, None).await;
    databases.set_mark(5).await;
    let _following = databases.follow(Some(kafka.brokers()));
    databases.append(show, 5, &[sold(show)]).await;
    databases.until_sold(show, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_cannot_be_applied_stops_its_stream_and_no_other() {
    let databases = Databases::new().await;
    let (poisoned, sound) = (a_show(), a_show());
    databases.append(poisoned, 0, &[created(poisoned), sold(poisoned)]).await;
    sqlx::query(
        "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
         values ('event', $1, 3, 'TicketsSold', '1', '{\"type\": \"TicketsSold\", \"tickets\": 7}', '{}')",
    )
    .bind(poisoned.to_string())
    .execute(databases.store.pool())
    .await
    .unwrap();
    databases.append(poisoned, 3, &[sold(poisoned)]).await;
    databases.append(sound, 0, &[created(sound), sold(sound)]).await;

    let _following = databases.follow(None);
    databases.until_sold(sound, 1).await;
    databases.append(sound, 2, &[sold(sound)]).await;
    databases.until_sold(sound, 2).await;
    assert_eq!(databases.sold(poisoned).await, Some(1), "what came before it was applied");
    let id = poisoned.to_string();
    let expected: Vec<_> = ["events", "notifications"]
        .iter()
        .flat_map(|projection| [3, 4].map(|sequence| ((*projection).to_owned(), id.clone(), sequence)))
        .collect();
    eventually("both projections have parked it", DEADLINE, || async {
        (databases.parked().await == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_projector_that_was_stopped_goes_on_where_it_was() {
    let databases = Databases::new().await;
    let show = a_show();
    databases.append(show, 0, &[created(show)]).await;
    for tickets in 1..=3 {
        let _following = databases.follow(None);
        databases.append(show, tickets, &[sold(show)]).await;
        databases.until_sold(show, tickets).await;
    }
}
