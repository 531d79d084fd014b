//! Kafka loses its newest records, as at a power cut, and `boxoffice relay reconcile` mends it (I4).

use reqwest::{Method, StatusCode};
use sqlx::PgPool;
use testkit::{eventually, kafka::KafkaServer};

use crate::{
    harness::{Answer, BoxOffice, DEADLINE, Person, boxoffice},
    kafka::read_topics,
};

/// Where `BoxOffice::in_roles` has its projector among the processes.
const PROJECTOR: usize = 4;
/// Each appends an event to a stream of its own, and one to the show's.
const LOST_BOOKINGS: usize = 4;

async fn book(office: &BoxOffice, attendees: &[Person], event: &Answer) {
    for attendee in attendees {
        office.book(attendee, &event.text("/id")).await.expect(StatusCode::CREATED);
    }
}

async fn until_all_is_published(write: &PgPool) -> i64 {
    eventually("Kafka has acknowledged everything that was appended", DEADLINE, || async {
        let query = "select (select count(*) from events), published_position from relay_leader";
        let (appended, published): (i64, i64) = sqlx::query_as(query).fetch_one(write).await.expect("counts");
        (appended == published).then_some(published)
    })
    .await
}

fn reconcile(office: &BoxOffice, arguments: &str) -> String {
    let output = office.command(&format!("relay reconcile{arguments}")).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// How many of the first so many events Kafka has not.
fn missing(brokers: &str, published: i64) -> usize {
    let records = read_topics(brokers);
    let has = |position: &i64| {
        records.iter().any(|record| record.headers["ce_globalposition"] == position.to_string())
    };
    (1..=published).filter(|position| !has(position)).count()
}

#[tokio::test]
async fn what_kafka_has_lost_is_published_again_and_consumers_end_up_exact() {
    let mut kafka = KafkaServer::start_own().await;
    let mut office = BoxOffice::in_roles(Some(kafka.brokers().to_owned())).await;
    let write = PgPool::connect(office.database.url()).await.expect("connects");
    let (_, event) = office.event(100).await;
    let attendees = office.register_many("attendee", 3 * LOST_BOOKINGS).await;
    let (first, rest) = attendees.split_at(LOST_BOOKINGS);
    let (lost, last) = rest.split_at(LOST_BOOKINGS);
    book(&office, first, &event).await;
    until_all_is_published(&write).await;
    let kept = kafka.keep("boxoffice.");

    // Nobody has read what is going to be lost.
    office.processes[PROJECTOR].kill_hard();
    book(&office, lost, &event).await;
    until_all_is_published(&write).await;
    kafka.kill_hard();
    kafka.put_back(&kept);
    kafka.restart().await;
    // New records take the places of those that were lost.
    book(&office, last, &event).await;
    let published = until_all_is_published(&write).await;
    assert_eq!(missing(kafka.brokers(), published), 2 * LOST_BOOKINGS);

    let said = reconcile(&office, " --dry-run");
    assert!(said.contains(&format!("{} were missing", 2 * LOST_BOOKINGS)), "{said}");
    assert_eq!(missing(kafka.brokers(), published), 2 * LOST_BOOKINGS, "a dry run publishes nothing");
    let said = reconcile(&office, "");
    assert!(said.contains(&format!("{} were missing", 2 * LOST_BOOKINGS)), "{said}");
    assert_eq!(missing(kafka.brokers(), published), 0);
    let said = reconcile(&office, "");
    assert!(said.contains("0 were missing") && said.contains("0 were published"), "{said}");

    office.start("projector").await;
    for attendee in &attendees {
        eventually("the booking is in the read model", DEADLINE, || async {
            let bookings = office.get("/api/v1/bookings", Some(&attendee.token)).await;
            (bookings.body["total"] == 1).then_some(())
        })
        .await;
    }
    eventually("the event counts all of them once", DEADLINE, || async {
        let url = office.url(&Method::GET, &format!("/api/v1/events/{}", event.text("/id")));
        let seen = reqwest::get(url).await.ok()?.json::<serde_json::Value>().await.ok()?;
        (seen["numberOfAttendees"] == attendees.len()).then_some(())
    })
    .await;
}

#[test]
fn without_kafka_there_is_nothing_to_reconcile() {
    let output = boxoffice(&["relay", "reconcile"]).output().expect("runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("KAFKA_BROKERS is not set"), "{said}");
}
