//! Several relays: one leads, and when it cannot go on, another one does.

use std::time::Duration;

use reqwest::StatusCode;
use sqlx::PgPool;
use testkit::{eventually, kafka::KafkaServer};

use crate::{
    harness::{Answer, BoxOffice, DEADLINE, Person},
    kafka::{check_order, read_topics},
};

/// Where `BoxOffice::in_roles` has its relay among the processes.
const FIRST_RELAY: usize = 3;
/// Generous: it should take 15 s, on a machine that does nothing else.
const TAKEOVER_DEADLINE: Duration = Duration::from_secs(40);

async fn book(office: &BoxOffice, attendees: &[Person], event: &Answer) {
    for attendee in attendees {
        office.book(attendee, &event.text("/id")).await.expect(StatusCode::CREATED);
    }
}

/// Who leads, by the number of takings over, and how many events Kafka has.
async fn leader_and_mark(write: &PgPool) -> (i64, i64) {
    let query = "select epoch, published_position from relay_leader";
    sqlx::query_as(query).fetch_one(write).await.expect("one row")
}

async fn until_all_is_published(write: &PgPool) -> i64 {
    let appended: i64 =
        sqlx::query_scalar("select count(*) from events").fetch_one(write).await.expect("counts");
    eventually("Kafka has everything that was appended", DEADLINE, || async {
        (leader_and_mark(write).await.1 == appended).then_some(appended)
    })
    .await
}

/// The leader waits for a lock in the middle of the transaction in which it holds `relay_leader`.
async fn until_the_leader_is_in_a_transaction(write: &PgPool) {
    eventually("the leader has a lock on relay_leader, and waits for another one", DEADLINE, || async {
        let waiting = sqlx::query_scalar(
            "select exists (select from pg_stat_activity
                            where datname = current_database() and application_name = 'boxoffice relay'
                                  and wait_event_type = 'Lock')",
        );
        let waits: bool = waiting.fetch_one(write).await.expect("answers");
        let leader = sqlx::query("select from relay_leader for update nowait").execute(write).await;
        (waits && leader.is_err()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_leader_that_is_stopped_in_the_middle_of_a_transaction_is_replaced_and_does_no_harm_later() {
    let kafka = KafkaServer::start_own().await;
    let mut office = BoxOffice::in_roles(Some(kafka.brokers().to_owned())).await;
    office.start("relay").await;
    let write = PgPool::connect(office.database.url()).await.expect("connects");
    let (_, event) = office.event(100).await;
    let attendees = office.register_many("attendee", 12).await;
    until_all_is_published(&write).await;
    let (first_epoch, _) = leader_and_mark(&write).await;

    let mut held_up = write.begin().await.expect("begins");
    sqlx::query("lock table event_log in share mode").execute(&mut *held_up).await.expect("locks");
    book(&office, &attendees[..4], &event).await;
    until_the_leader_is_in_a_transaction(&write).await;
    office.processes[FIRST_RELAY].pause();
    held_up.rollback().await.expect("rolls back");

    book(&office, &attendees[4..8], &event).await;
    let second_epoch = eventually("the second relay leads", TAKEOVER_DEADLINE, || async {
        let (epoch, _) = leader_and_mark(&write).await;
        (epoch > first_epoch).then_some(epoch)
    });
    let second_epoch = second_epoch.await;
    until_all_is_published(&write).await;

    office.processes[FIRST_RELAY].resume();
    eventually("the first relay has noticed", DEADLINE, || async {
        office.processes[FIRST_RELAY].output().contains("another relay has taken over").then_some(())
    })
    .await;
    book(&office, &attendees[8..], &event).await;
    let published = until_all_is_published(&write).await;
    assert_eq!(leader_and_mark(&write).await, (second_epoch, published), "nobody else has led since");
    let records = read_topics(kafka.brokers());
    check_order(&records);
    for position in 1..=published {
        let position = position.to_string();
        assert!(records.iter().any(|record| record.headers["ce_globalposition"] == position), "{position}");
    }
}

/// A figure of a process, by its name and labels as Prometheus reads them.
async fn figure(url: &str, name: &str) -> Option<f64> {
    let text = reqwest::get(format!("{url}/metrics")).await.ok()?.text().await.ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn a_relay_tells_who_leads_and_what_there_is_to_do() {
    // Its own: two box offices at one Kafka would take each other's events.
    let kafka = KafkaServer::start_own().await;
    let mut office = BoxOffice::in_roles(Some(kafka.brokers().to_owned())).await;
    let standby = office.start("relay").await;
    let leader = office.addresses[FIRST_RELAY].clone();
    let write = PgPool::connect(office.database.url()).await.expect("connects");
    office.event(10).await;
    let published = until_all_is_published(&write).await as f64;
    for (url, name, expected) in [
        (&leader, "relay_is_leader", 1.0),
        (&leader, "relay_epoch", 1.0),
        (&leader, "relay_numbered_events_total", published),
        (&leader, "relay_published_events_total", published),
        (&leader, "relay_unpublished_events", 0.0),
        (&standby, "relay_is_leader", 0.0),
        (&standby, "relay_published_events_total", 0.0),
    ] {
        let what = format!("{name} is {expected}");
        eventually(&what, DEADLINE, || async { (figure(url, name).await == Some(expected)).then_some(()) })
            .await;
    }
    // Nobody may number: what is appended waits, and both say how much and how long.
    let mut held_up = write.begin().await.expect("begins");
    sqlx::query("lock table event_log in share mode").execute(&mut *held_up).await.expect("locks");
    office.register("attendee").await;
    for url in [&leader, &standby] {
        eventually("one event waits", DEADLINE, || async {
            let age = figure(url, "relay_outbox_oldest_age_seconds").await?;
            (figure(url, "relay_outbox_events").await == Some(1.0) && age > 0.0).then_some(())
        })
        .await;
    }
    eventually("the leader fails at it", DEADLINE, || async {
        let failures = figure(&leader, "relay_failures_total{step=\"numbering\"}").await?;
        (failures > 0.0).then_some(())
    })
    .await;
    held_up.rollback().await.expect("rolls back");
    until_all_is_published(&write).await;
}
