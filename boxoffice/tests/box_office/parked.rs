//! `boxoffice projector parked` and `boxoffice processes parked`: what could not be dealt with, seen and tried again.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use sqlx::PgPool;
use testkit::eventually;

use crate::harness::{BoxOffice, DEADLINE};

/// Runs a command; whether it succeeded, and what it printed.
fn run(office: &BoxOffice, command: &str) -> (bool, String) {
    let output = office.command(command).output().expect("runs");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), said.join(""))
}

/// A show with three sales.
async fn three_sales(office: &BoxOffice) -> String {
    let (_, event) = office.event(5).await;
    for attendee in office.register_many("attendee", 3).await {
        office.book(&attendee, &event.text("/id")).await.expect(StatusCode::CREATED);
    }
    event.text("/id")
}

/// Waits until a list has so many items.
async fn listed(office: &BoxOffice, command: &str, items: usize) -> Value {
    eventually(&format!("{command} shows {items}"), DEADLINE, || async {
        let (is_well, said) = run(office, command);
        assert!(is_well, "{said}");
        let list: Value = serde_json::from_str(&said).expect("JSON");
        (list["items"].as_array().expect("an array").len() == items).then_some(list)
    })
    .await
}

#[tokio::test]
async fn a_parked_stream_is_seen_and_goes_on_when_it_is_tried_again() {
    let office = BoxOffice::up(None).await;
    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    let refuse = "alter table read_model.event_ticket_types add constraint full_house check (sold < 2)";
    sqlx::raw_sql(refuse).execute(&pool).await.expect("changes");
    let (id, _) = (three_sales(&office).await, three_sales(&office).await);
    let list = eventually("two events of each are parked", DEADLINE, || async {
        let list = listed(&office, "projector parked list events --json", 2).await;
        let items = list["items"].as_array().expect("an array");
        items.iter().all(|item| item["events"] == 2).then(|| list.clone())
    })
    .await;
    assert_eq!((&list["total"], &list["items"][0]["firstSequence"]), (&2.into(), &3.into()));
    let (_, said) = run(&office, "projector parked list --limit 1");
    assert!(said.contains("… and 1 more streams; --limit shows more"), "{said}");

    let measured = r#"projector_parked_streams{projection="events"} 2"#;
    eventually("/metrics counts both streams", DEADLINE, || async {
        let answer = office.request(Method::GET, "/metrics").send().await.ok()?;
        answer.text().await.ok()?.contains(measured).then_some(())
    })
    .await;

    let stream = format!("event/{id}");
    let (is_well, said) = run(&office, &format!("projector parked show events {stream}"));
    assert!(is_well && said.contains("TicketsSold, version 1"), "{said}");
    assert!(
        said.contains("the read database refuses its rows: SQLSTATE 23514, constraint full_house"),
        "{said}"
    );
    let (is_well, said) = run(&office, &format!("projector parked resume events {stream}"));
    assert!(
        !is_well && said.contains("0 events applied, 2 parked still, from 3 on: the read database"),
        "{said}"
    );
    let (is_well, said) = run(&office, &format!("projector parked resume users {stream}"));
    assert!(!is_well && said.contains("has nothing parked"), "{said}");

    let mend = "alter table read_model.event_ticket_types drop constraint full_house";
    sqlx::raw_sql(mend).execute(&pool).await.expect("changes");
    let (is_well, said) = run(&office, &format!("projector parked resume events {stream}"));
    assert!(is_well && said.contains("2 events applied, nothing of it is parked any more"), "{said}");
    let (is_well, said) = run(&office, "projector parked resume events");
    assert!(is_well && said.contains("2 events applied, nothing of it is parked any more"), "{said}");
    let (_, said) = run(&office, "projector parked list");
    assert_eq!(said, "Nothing is parked.\n");
    let seen = office.get(&format!("/api/v1/events/{id}"), None).await;
    assert_eq!(seen.body["numberOfAttendees"], 3, "all three sales are counted");
}

#[tokio::test]
async fn what_the_process_managers_did_not_understand_is_seen_and_tried_again() {
    let office = BoxOffice::up(None).await;
    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    let (_, event) = office.event(5).await;
    let id = event.text("/id");
    sqlx::query(
        "insert into public.events
             (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
         values ('event', $1, 2, 'EventCancelled', '1', '{\"type\": \"EventCancelled\"}', '{}')",
    )
    .bind(&id)
    .execute(&pool)
    .await
    .expect("inserts");
    let list = listed(&office, "processes parked list --json", 1).await;
    let parked = &list["items"][0];
    assert_eq!((&parked["stream"]["id"], &parked["sequence"]), (&id.as_str().into(), &2.into()));
    eventually("/metrics counts it", DEADLINE, || async {
        let answer = office.request(Method::GET, "/metrics").send().await.ok()?;
        answer.text().await.ok()?.contains("processes_parked_events 1").then_some(())
    })
    .await;

    let stream = format!("event/{id}");
    let (is_well, said) = run(&office, &format!("processes parked show {stream}"));
    assert!(is_well && said.contains(r#"payload   {"type": "EventCancelled"}"#), "{said}");
    let (is_well, said) = run(&office, "processes parked resume");
    assert!(!is_well && said.contains("0 events noted, 1 parked still"), "{said}");
    // In place of newer code, which would understand it. Without triggers: the log takes no change.
    let mut tx = pool.begin().await.expect("begins");
    sqlx::raw_sql("set local session_replication_role = replica")
        .execute(&mut *tx)
        .await
        .expect("a superuser");
    sqlx::query(
        "update public.events set payload = json_build_object('type', 'EventCancelled', 'at', now())
         where aggregate_id = $1 and sequence = 2",
    )
    .bind(&id)
    .execute(&mut *tx)
    .await
    .expect("changes");
    tx.commit().await.expect("commits");
    let (is_well, said) = run(&office, &format!("processes parked resume {stream}"));
    assert!(is_well && said.contains("1 events noted, 0 parked still"), "{said}");
    let (_, said) = run(&office, "processes parked list");
    assert_eq!(said, "Nothing is parked.\n");
}
