//! A thousand attendees at once want a hundred tickets (I3): a hundred get one, nine hundred are told, and log, Kafka
//! and read model agree on who.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use reqwest::StatusCode;
use serde_json::Value;
use testkit::{eventually, kafka::KafkaServer};

use crate::{
    harness::{Answer, BoxOffice, DEADLINE, Person},
    kafka::{Record, read_topics},
};

const CAPACITY: u32 = 100;
const ATTENDEES: usize = 1_000;

#[tokio::test]
async fn a_thousand_want_a_hundred_tickets_of_one_process() {
    a_thousand_want_a_hundred_tickets(&BoxOffice::up(None).await).await;
}

#[tokio::test]
async fn a_thousand_want_a_hundred_tickets_of_two_processes_with_kafka() {
    // A broker of its own: its topics hold this box office's events and nobody else's.
    let kafka = KafkaServer::start_own().await;
    let office = BoxOffice::in_roles(Some(kafka.brokers().to_owned())).await;
    let (event_id, winners) = a_thousand_want_a_hundred_tickets(&office).await;

    let published = eventually("Kafka has every confirmed booking", DEADLINE, || async {
        let confirmed = confirmed_in_kafka(&read_topics(kafka.brokers()), &event_id);
        (confirmed.len() >= winners.len()).then_some(confirmed)
    });
    assert_eq!(published.await, winners, "Kafka agrees");
}

/// The event's id and the ids of the bookings that were confirmed.
async fn a_thousand_want_a_hundred_tickets(office: &BoxOffice) -> (String, BTreeSet<String>) {
    let (host, event) = office.event(CAPACITY).await;
    let event_id = event.text("/id");
    let attendees = office.register_many("attendee", ATTENDEES).await;
    let answers = book_at_once(office, &attendees, &event_id).await;

    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == StatusCode::CREATED);
    assert_eq!((won.len(), lost.len()), (CAPACITY as usize, ATTENDEES - CAPACITY as usize));
    for answer in &lost {
        assert_eq!(answer.expect_problem(409, "sold-out").body["available"], 0);
    }
    let winners: BTreeSet<String> = won.iter().map(|answer| answer.text("/id")).collect();
    assert_eq!(winners.len(), CAPACITY as usize);

    let admin = office.admin().await;
    eventually("log and read model agree", DEADLINE, || async {
        let in_log = sold_in_log(office, &admin, &event_id).await;
        let in_read_model = confirmed_in_read_model(office, &winners, &host).await;
        let seen = office.get(&format!("/api/v1/events/{event_id}"), None).await;
        (in_log == winners && in_read_model == winners && seen.body["numberOfAttendees"] == CAPACITY)
            .then_some(())
    })
    .await;
    (event_id, winners)
}

async fn book_at_once(office: &BoxOffice, attendees: &[Person], event_id: &str) -> Vec<Answer> {
    stream::iter(attendees)
        .map(|attendee| office.book(attendee, event_id))
        .buffer_unordered(attendees.len())
        .collect()
        .await
}

/// The bookings that have tickets by the event's stream, as the audit shows it.
async fn sold_in_log(office: &BoxOffice, admin: &Person, event_id: &str) -> BTreeSet<String> {
    let mut sold = BTreeSet::new();
    let mut from = 0;
    loop {
        let path = format!("/api/v1/audit/events?from={from}&limit=100&stream={event_id}");
        let page = office.get(&path, Some(&admin.token)).await;
        let items = page.expect(StatusCode::OK).body["items"].as_array().expect("items").clone();
        for item in &items {
            from = item["globalPosition"].as_i64().expect("a place") + 1;
            if item["type"] == "TicketsSold" {
                let booking = item["payload"]["bookingId"].as_str().expect("an id").to_owned();
                assert!(sold.insert(booking), "sold twice");
            }
        }
        if items.is_empty() {
            return sold;
        }
    }
}

async fn confirmed_in_read_model(
    office: &BoxOffice,
    winners: &BTreeSet<String>,
    host: &Person,
) -> BTreeSet<String> {
    let mut confirmed = BTreeSet::new();
    for id in winners {
        let seen = office.get(&format!("/api/v1/bookings/{id}"), Some(&host.token)).await;
        if seen.body["status"] == "confirmed" {
            confirmed.insert(id.clone());
        }
    }
    confirmed
}

fn confirmed_in_kafka(records: &[Record], event_id: &str) -> BTreeSet<String> {
    records
        .iter()
        .filter(|record| record.headers["ce_type"] == "boxoffice.booking.BookingConfirmed.v1")
        .filter_map(|record| {
            let payload: Value = serde_json::from_str(&record.value).expect("JSON");
            (payload["eventId"] == event_id).then(|| record.key.clone())
        })
        .collect()
}
