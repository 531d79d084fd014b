//! The harness's servers really start, answer, survive `kill -9` with their data, and die with their owner.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use sqlx::{Connection, PgConnection};
use testkit::eventually;
use testkit::kafka::KafkaServer;
use testkit::postgres::{self, PostgresServer};
use testkit::process::Process;

const DEADLINE: Duration = Duration::from_secs(30);
/// Says hello, and bye when it is asked to end.
const LIVES_UNTIL_ASKED: &str = "trap 'echo bye; exit 7' TERM; echo $GREETING; while :; do sleep 0.05; done";

#[tokio::test]
async fn each_test_gets_an_empty_database_of_its_own() {
    let (one, other) = tokio::join!(postgres::database("Same name!"), postgres::database("Same name!"));
    assert_ne!(one.url(), other.url());
    let mut connection = PgConnection::connect(one.url()).await.expect("the database accepts us");
    sqlx::raw_sql("create table t (n int)").execute(&mut connection).await.expect("it is ours to fill");
    let mut connection = PgConnection::connect(other.url()).await.expect("the database accepts us");
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut connection).await.expect("a count");
    assert_eq!(tables, 0);
}

#[tokio::test]
async fn postgres_syncs_to_disk_and_takes_300_connections() {
    let database = postgres::database("settings").await;
    let mut connection = PgConnection::connect(database.url()).await.expect("the database accepts us");
    let settings = "select current_setting('fsync') || ' ' || current_setting('synchronous_commit') || ' '
        || current_setting('max_connections')";
    let settings: String = sqlx::query_scalar(settings).fetch_one(&mut connection).await.expect("settings");
    assert_eq!(settings, "on on 300");
}

#[tokio::test]
async fn psql_understands_a_databases_url() {
    let database = postgres::database("psql").await;
    let told = Command::new("psql").args([database.url(), "-Atc", "select current_database()"]).output();
    let told = told.expect("psql comes with PostgreSQL");
    assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), database.name());
}

#[tokio::test]
async fn postgres_keeps_what_was_committed_over_a_kill_and_a_restart() {
    let mut server = PostgresServer::start_own().await;
    let database = server.database("kept").await;
    let mut connection = PgConnection::connect(database.url()).await.expect("the database accepts us");
    sqlx::raw_sql("create table t as select 42 as n").execute(&mut connection).await.expect("it is ours");

    server.kill_hard().await;
    assert!(sqlx::raw_sql("select 1").execute(&mut connection).await.is_err(), "no backend survives");
    assert!(PgConnection::connect(database.url()).await.is_err(), "the server is gone");

    for _ in 0..2 {
        server.restart().await;
        let mut connection = PgConnection::connect(database.url()).await.expect("the same URL leads there");
        let n: i32 = sqlx::query_scalar("select n from t").fetch_one(&mut connection).await.expect("the row");
        assert_eq!(n, 42);
    }
}

#[tokio::test]
async fn a_paused_postgres_answers_nobody_until_it_goes_on() {
    let mut server = PostgresServer::start_own().await;
    let database = server.database("paused").await;
    let mut connection = PgConnection::connect(database.url()).await.expect("the database accepts us");
    server.pause();
    let asked = sqlx::raw_sql("select 1").execute(&mut connection);
    assert!(tokio::time::timeout(Duration::from_millis(500), asked).await.is_err(), "nobody answers");
    server.resume();
    PgConnection::connect(database.url()).await.expect("the database accepts us");
    assert!(server.is_running());
}

/// Where no disk can be mounted, that is said.
#[tokio::test]
async fn a_small_disk_is_full_until_it_has_room_again() {
    let (mut server, disk) = match PostgresServer::start_on_small_disk(512).await {
        Ok(started) => started,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let database = server.database("full").await;
    let mut connection = PgConnection::connect(database.url()).await.expect("the database accepts us");
    disk.fill_up_to(64).expect("the disk can be made small");
    let fill = "create table t as select repeat('x', 1000) as text from generate_series(1, 100000)";
    assert!(sqlx::raw_sql(fill).execute(&mut connection).await.is_err(), "there is no room");
    disk.make_room().expect("the disk can be made large");
    if !server.is_running() {
        server.restart().await;
    }
    let filled = eventually("there is room again", DEADLINE, || async {
        let mut connection = PgConnection::connect(database.url()).await.ok()?;
        sqlx::raw_sql(fill).execute(&mut connection).await.ok()
    });
    filled.await;
}

#[tokio::test]
async fn kafka_answers_and_creates_no_topic_unasked() {
    let kafka = KafkaServer::shared().await;
    let producer: FutureProducer =
        client(kafka.brokers()).set("message.timeout.ms", "2000").create().expect("a producer");
    let record = FutureRecord::to("never-created").key("k").payload("p");
    assert!(producer.send(record, DEADLINE).await.is_err());
    let metadata = producer.client().fetch_metadata(None, DEADLINE).expect("it answers");
    assert_eq!(metadata.brokers().len(), 1);
    assert!(metadata.topics().iter().all(|topic| topic.name() != "never-created"));
}

#[tokio::test]
async fn kafka_keeps_what_it_acknowledged_over_a_kill_a_pause_and_a_restart() {
    let mut kafka = KafkaServer::start_own().await;
    let brokers = kafka.brokers().to_owned();
    create_topic(&brokers, "kept").await;
    let producer: FutureProducer = client(&brokers).create().expect("a producer");
    produce(&producer, "one").await;

    kafka.kill_hard();
    kafka.restart().await;
    produce(&producer, "two").await;

    kafka.pause();
    let mut waiting = tokio::spawn({
        let producer = producer.clone();
        async move { produce(&producer, "three").await }
    });
    let early = tokio::time::timeout(Duration::from_millis(500), &mut waiting).await;
    assert!(early.is_err(), "a paused broker acknowledges nothing");
    kafka.resume();
    waiting.await.expect("it is acknowledged in the end");

    kafka.restart().await;
    let read = tokio::task::spawn_blocking(move || read_three(&brokers)).await.expect("reading ends");
    assert_eq!(read, ["one", "two", "three"]);
}

#[tokio::test]
async fn a_process_is_read_paused_ended_and_killed() {
    let mut polite =
        Process::spawn(Command::new("sh").args(["-c", LIVES_UNTIL_ASKED]).env("GREETING", "hello"));
    eventually("a greeting", DEADLINE, async || polite.output().contains("hello").then_some(())).await;
    assert!(polite.exit_status().is_none());
    assert_eq!(polite.terminate(DEADLINE).await.code(), Some(7));
    assert!(polite.output().contains("bye"));

    let mut sleeper = Process::spawn(Command::new("sleep").arg("1000"));
    sleeper.kill_hard();
    assert_eq!(sleeper.wait(DEADLINE).await.code(), None, "a signal ended it");
}

#[tokio::test]
async fn servers_die_and_clean_up_when_their_test_process_is_killed() {
    let scratch = std::env::temp_dir().join(format!("boxoffice-held-{}", std::process::id()));
    fs::create_dir(&scratch).expect("a new directory");
    let holder = env!("CARGO_BIN_EXE_hold-servers");
    let mut holder = Process::spawn(Command::new(holder).env("TMPDIR", &scratch));
    eventually("another process's servers", 3 * DEADLINE, async || {
        holder.output().contains("holding").then_some(())
    })
    .await;
    let children = holder.children();
    assert_eq!(children.len(), 4, "two servers and their guardians");
    assert_eq!(fs::read_dir(&scratch).expect("it is there").count(), 2, "a directory for each server");

    holder.kill_hard();

    for child in children {
        eventually("the end of a child", DEADLINE, async || has_ended(child).then_some(())).await;
    }
    fs::remove_dir(&scratch).expect("the servers' directories are gone");
}

/// A dead process that nobody has reaped yet has no command line either.
fn has_ended(id: u32) -> bool {
    fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default().is_empty()
}

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("reconnect.backoff.max.ms", "500");
    config
}

async fn create_topic(brokers: &str, topic: &str) {
    let admin: AdminClient<DefaultClientContext> = client(brokers).create().expect("an admin client");
    let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    let results = admin.create_topics([&topic], &AdminOptions::new()).await.expect("the broker answers");
    results.into_iter().for_each(|result| drop(result.expect("a new topic")));
}

async fn produce(producer: &FutureProducer, payload: &str) {
    let record = FutureRecord::to("kept").key("k").payload(payload);
    producer.send(record, DEADLINE).await.expect("the broker acknowledges");
}

fn read_three(brokers: &str) -> Vec<String> {
    let consumer: BaseConsumer = client(brokers)
        .set("group.id", "reader")
        .set("auto.offset.reset", "earliest")
        .create()
        .expect("a consumer");
    consumer.subscribe(&["kept"]).expect("a topic's name");
    let end = Instant::now() + DEADLINE;
    let mut read = Vec::new();
    while read.len() < 3 && Instant::now() < end {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            read.push(String::from_utf8_lossy(message.payload().expect("a payload")).into_owned());
        }
    }
    read
}
