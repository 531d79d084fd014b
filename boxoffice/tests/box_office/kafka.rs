//! What an independent consumer sees: kcat reads the topics.

use std::{collections::BTreeMap, process::Command};

use reqwest::StatusCode;
use serde_json::Value;
use testkit::{eventually, kafka::KafkaServer};

use crate::harness::{BoxOffice, DEADLINE};

const TOPICS: [&str; 3] = ["boxoffice.user.v1", "boxoffice.event.v1", "boxoffice.booking.v1"];

/// A record as kcat prints it.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) topic: String,
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) headers: BTreeMap<String, String>,
}

/// Every record of the topics, each partition in order.
pub(crate) fn read_topics(brokers: &str) -> Vec<Record> {
    TOPICS.iter().flat_map(|topic| read_topic(brokers, topic)).collect()
}

fn read_topic(brokers: &str, topic: &str) -> Vec<Record> {
    let output = Command::new("kcat")
        .args(["-C", "-b", brokers, "-t", topic, "-o", "beginning", "-e", "-q", "-J"])
        .output()
        .expect("kcat is installed (./dev test does so)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    lines.lines().map(|line| record(topic, &serde_json::from_str(line).expect("JSON"))).collect()
}

fn record(topic: &str, line: &Value) -> Record {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    // kcat prints headers as one flat array: name, value, name, value, …
    let headers = line["headers"].as_array().expect("headers");
    let headers = headers.chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
    Record { topic: topic.to_owned(), key: text(&line["key"]), value: text(&line["payload"]), headers }
}

#[tokio::test]
async fn kcat_sees_each_logged_event_in_order_by_key_with_its_headers() {
    let kafka = KafkaServer::start_own().await;
    let office = BoxOffice::up(Some(kafka.brokers().to_owned())).await;
    let (_, event) = office.event(20).await;
    for attendee in office.register_many("attendee", 10).await {
        let booking = office.book(&attendee, &event.text("/id")).await;
        let path = format!("/api/v1/bookings/{}", booking.expect(StatusCode::CREATED).text("/id"));
        office.delete(&path, Some(&attendee.token)).await.expect(StatusCode::NO_CONTENT);
    }
    let admin = office.admin().await;
    let logged = logged_events(&office, &admin.token).await;
    // Host, ten attendees and the admin; the event with ten sales and releases; ten bookings with their ends.
    assert_eq!(logged.len(), 12 + 21 + 20);

    let records = eventually("Kafka has all of it", DEADLINE, || async {
        let records = read_topics(kafka.brokers());
        (records.len() >= logged.len()).then_some(records)
    });
    let records = records.await;
    check_headers(&records);
    check_order(&records);
    for (position, event) in &logged {
        let published = records.iter().find(|record| record.headers["ce_globalposition"] == *position);
        let published = published.unwrap_or_else(|| panic!("{event} is not in Kafka"));
        assert_eq!(published.headers["ce_id"], event["eventId"].as_str().expect("an id"));
        assert_eq!(published.key, event["streamId"].as_str().expect("an id"));
    }
    let personal = records.iter().filter(|record| record.value.contains("@example.org")).count();
    assert_eq!(personal, 0, "no address is readable in Kafka");
}

/// By global position, once the log has all that was committed.
async fn logged_events(office: &BoxOffice, admin: &str) -> BTreeMap<String, Value> {
    let committed: i64 = {
        let pool = sqlx::PgPool::connect(office.database.url()).await.expect("connects");
        sqlx::query_scalar("select count(*) from events").fetch_one(&pool).await.expect("counts")
    };
    eventually("the log has all that was committed", DEADLINE, || async {
        let page = office.get("/api/v1/audit/events?limit=100", Some(admin)).await;
        let items = page.body["items"].as_array()?.clone();
        let by_position = |item: Value| Some((item["globalPosition"].as_i64()?.to_string(), item));
        (items.len() as i64 == committed).then(|| items.into_iter().filter_map(by_position).collect())
    })
    .await
}

fn check_headers(records: &[Record]) {
    for Record { topic, key, value, headers } in records {
        let kind = &headers["ce_type"];
        assert!(
            topic == &format!("{}.v1", kind.split('.').take(2).collect::<Vec<_>>().join(".")),
            "{kind} in {topic}"
        );
        assert_eq!(headers["ce_specversion"], "1.0");
        assert_eq!(headers["ce_source"], "/boxoffice");
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(&headers["ce_subject"], key);
        assert!(headers["ce_time"].parse::<chrono::DateTime<chrono::Utc>>().is_ok());
        assert!(headers["ce_id"].parse::<uuid::Uuid>().is_ok());
        assert!(serde_json::from_str::<Value>(value).expect("JSON").is_object());
    }
    assert!(records.iter().any(|record| record.headers.contains_key("ce_correlationid")));
}

/// First occurrences, per key, in stream order: 1, 2, 3 …
pub(crate) fn check_order(records: &[Record]) {
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    for record in records {
        let sequence: i64 = record.headers["ce_sequence"].parse().expect("a number");
        let last = last.entry(&record.key).or_default();
        assert!(sequence <= *last + 1, "{}: {sequence} after {last}", record.key);
        *last = sequence.max(*last);
    }
}
