//! After a person was erased, their personal data can be read nowhere (I7), and their token can do nothing more.

use chrono::Utc;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{PgPool, Row};
use testkit::{eventually, kafka::KafkaServer};
use uuid::Uuid;

use crate::{
    harness::{BoxOffice, DEADLINE, PASSWORD, Person, both_sources, token_of},
    kafka::read_topics,
};

both_sources! {
    async fn an_attendee_is_erased_with_bookings_and_token(office: &BoxOffice) {
        let (host, event) = office.event(1).await;
        let (attendee, other) = (office.register("attendee").await, office.register("attendee").await);
        let booking = office.book(&attendee, &event.text("/id")).await;
        booking.expect(StatusCode::CREATED);
        let path = format!("/api/v1/users/{}", attendee.id);
        office.delete(&path, Some(&other.token)).await.expect_problem(403, "forbidden");
        let erased = office.delete(&path, Some(&attendee.token)).await;
        erased.expect(StatusCode::NO_CONTENT);
        office.delete(&path, Some(&attendee.token)).await.expect(StatusCode::NO_CONTENT);

        office.get_after(&path, Some(&host.token), &erased).await.expect_problem(404, "not-found");
        for token in [attendee.token.clone(), token_of(&attendee, "attendee", Utc::now())] {
            let token = Some(token.as_str());
            for path in ["/api/v1/auth/me", "/api/v1/bookings", "/api/v1/notifications"] {
                office.get(path, token).await.expect_problem(401, "invalid-token");
            }
            let (_, another) = office.event(1).await;
            let body = json!({ "eventId": another.body["id"] });
            office.post("/api/v1/bookings", token, &body).await.expect_problem(401, "invalid-token");
            let follow = format!("/api/v1/users/{}/follow", host.id);
            office.put(&follow, token, &json!({})).await.expect_problem(401, "invalid-token");
        }
        office.log_in(&attendee.email, PASSWORD).await.expect_problem(401, "invalid-credentials");
        eventually("the ticket can be booked by somebody else", DEADLINE, || async {
            (office.book(&other, &event.text("/id")).await.status == StatusCode::CREATED).then_some(())
        })
        .await;
        let path = format!("/api/v1/bookings/{}", booking.text("/id"));
        eventually("the booking is seen to be cancelled", DEADLINE, || async {
            (office.get(&path, Some(&host.token)).await.body["status"] == "cancelled").then_some(())
        })
        .await;
        let again = json!({ "name": "B", "email": attendee.email, "password": PASSWORD, "role": "attendee" });
        office.post("/api/v1/auth/register", None, &again).await.expect(StatusCode::CREATED);
    }

    async fn a_hosts_coming_events_are_cancelled_by_an_admin_who_erases_them(office: &BoxOffice) {
        let (host, event) = office.event(5).await;
        let attendee = office.register("attendee").await;
        let booking = office.book(&attendee, &event.text("/id")).await;
        let admin = office.admin().await;
        let path = format!("/api/v1/users/{}", host.id);
        office.delete(&path, Some(&admin.token)).await.expect(StatusCode::NO_CONTENT);
        for (path, token) in [
            (format!("/api/v1/events/{}", event.text("/id")), None),
            (format!("/api/v1/bookings/{}", booking.text("/id")), Some(attendee.token.as_str())),
        ] {
            eventually("event and booking are cancelled", DEADLINE, || async {
                (office.get(&path, token).await.body["status"] == "cancelled").then_some(())
            })
            .await;
        }
    }
}

/// Where a text stands: every table of both databases, every topic, every line that the processes printed.
async fn places(office: &BoxOffice, texts: &[String]) -> Vec<String> {
    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    let tables = sqlx::query(
        "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
    )
    .fetch_all(&pool)
    .await
    .expect("tables");
    let mut found = Vec::new();
    for table in &tables {
        let (schema, name): (String, String) = (table.get(0), table.get(1));
        let rows: Vec<String> = sqlx::query_scalar(&format!("select t::text from {schema}.{name} t"))
            .fetch_all(&pool)
            .await
            .expect("rows");
        let has = |text: &&String| rows.iter().any(|row| row.to_lowercase().contains(text.as_str()));
        found.extend(texts.iter().filter(has).map(|text| format!("{schema}.{name}: {text}")));
    }
    for record in read_topics(office.brokers.as_deref().expect("brokers")) {
        let record = format!("{} {:?}", record.value, record.headers).to_lowercase();
        found.extend(
            texts.iter().filter(|text| record.contains(text.as_str())).map(|t| format!("Kafka: {t}")),
        );
    }
    for process in &office.processes {
        let output = process.output().to_lowercase();
        found.extend(texts.iter().filter(|text| output.contains(text.as_str())).map(|t| format!("log: {t}")));
    }
    found
}

/// The plain texts, and their hashes as anybody could make them: without a key.
fn texts(person: &Person, name: &str) -> Vec<String> {
    let digests = [&aws_lc_rs::digest::SHA256, &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY];
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let plain = [name.to_lowercase(), person.email.clone()];
    let hashes = plain.iter().flat_map(|text| {
        digests.map(|digest| hex(aws_lc_rs::digest::digest(digest, text.as_bytes()).as_ref()))
    });
    plain.iter().cloned().chain(hashes).collect()
}

#[tokio::test]
async fn nothing_of_an_erased_person_is_left_to_read() {
    let kafka = KafkaServer::start_own().await;
    let office = BoxOffice::up(Some(kafka.brokers().to_owned())).await;
    let name = format!("Augusta {}", Uuid::now_v7().simple());
    let email = format!("{}@example.org", Uuid::now_v7().simple());
    let body = json!({ "name": name, "email": email, "password": PASSWORD, "role": "attendee" });
    let registered = office.post("/api/v1/auth/register", None, &body).await;
    let person = Person { id: registered.text("/user/id"), token: registered.text("/accessToken"), email };
    let (host, event) = office.event(3).await;
    let booking = office.book(&person, &event.text("/id")).await;
    office.get_after("/api/v1/auth/me", Some(&person.token), &booking).await;
    let changed = office
        .put(
            &format!("/api/v1/users/{}", person.id),
            Some(&person.token),
            &json!({ "name": name.to_uppercase() }),
        )
        .await;
    changed.expect(StatusCode::OK);
    office.get_after("/api/v1/auth/me", Some(&person.token), &changed).await.expect(StatusCode::OK);
    let texts = texts(&person, &name);
    let before = places(&office, &texts).await;
    assert_eq!(before.len(), 2, "name and address, in the read model alone: {before:?}");

    let report = office.command(&format!("erase {}", person.id)).output().expect("runs");
    assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));
    let report = String::from_utf8_lossy(&report.stdout).to_lowercase();
    assert!(report.contains("name and address in 2 events"), "{report}");
    eventually("nothing is left", DEADLINE, || async {
        places(&office, &texts).await.is_empty().then_some(())
    })
    .await;

    // A backup brings the key back: erasing again destroys it again.
    let write = sqlx::PgPool::connect(office.database.url()).await.expect("connects");
    let key = "insert into subject_keys (subject_id, wrapped_key) values ($1::uuid, '')";
    sqlx::query(key).bind(&person.id).execute(&write).await.expect("inserts");
    let again = office.command(&format!("erase {}", person.id)).output().expect("runs");
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("had been erased before"), "{said}");
    let keys: i64 = sqlx::query_scalar("select count(*) from subject_keys where subject_id = $1::uuid")
        .bind(&person.id)
        .fetch_one(&write)
        .await
        .expect("counts");
    assert_eq!(keys, 0);

    // The history is still there, and can be read without the person.
    let admin = office.admin().await;
    let path = format!("/api/v1/audit/streams/user/{}", person.id);
    let stream = office.get(&path, Some(&admin.token)).await;
    let types: Vec<&Value> =
        stream.body["items"].as_array().expect("items").iter().map(|i| &i["type"]).collect();
    assert_eq!(types, ["UserRegistered", "UserChanged", "UserErased"], "{}", stream.body);
    let said = stream.body.to_string().to_lowercase();
    assert!(texts.iter().all(|text| !said.contains(text.as_str())), "{said}");
    let path = format!("/api/v1/events/{}/bookings", event.text("/id"));
    let bookings = office.get(&path, Some(&host.token)).await;
    assert_eq!(bookings.expect(StatusCode::OK).body["total"], 1);
}
