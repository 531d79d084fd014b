//! `GET /audit/events`, `/audit/streams/{type}/{id}` and `/audit/head`.

use std::time::Duration;

use cqrs_es::DomainEvent;
use event_store::{Append, Metadata, NewEvent, StreamAppend, StreamId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{App, Person};

/// What happened, as far as this test cares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Happened(Value);

impl DomainEvent for Happened {
    fn event_type(&self) -> String {
        "Happened".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

async fn append(app: &App, kind: &str, id: Uuid, after: i64, payloads: &[Value]) {
    let metadata = Metadata {
        actor: Some("somebody".to_owned()),
        correlation_id: Some("a-request".to_owned()),
        ..Metadata::default()
    };
    let events = payloads.iter().map(|payload| NewEvent::from_domain(&Happened(payload.clone()), &metadata));
    let stream =
        StreamAppend { stream: StreamId::new(kind, id), expected_sequence: after, events: events.collect() };
    app.store.append(&[Append { streams: vec![stream], receipt: None }]).await.unwrap();
}

async fn number(app: &App) {
    let lease = Duration::from_secs(60);
    let epoch = app.store.try_lead("this test", lease).await.unwrap().unwrap();
    app.store.number_outbox(epoch, lease, 1000).await.unwrap();
    app.store.resign(epoch).await.unwrap();
}

fn numbers(page: &Value, member: &str) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|item| item[member].as_i64().unwrap()).collect()
}

async fn read(app: &App, admin: &Person, path: &str) -> Value {
    app.get_as(admin, &format!("/api/v1/audit/{path}")).await.ok()
}

#[tokio::test]
async fn the_log_is_read_in_order_page_by_page_and_by_stream() {
    let app = App::new("audit_log").await;
    let admin = app.person("admin");
    let (booking, event) = (Uuid::now_v7(), Uuid::now_v7());
    append(&app, "booking", booking, 0, &[json!(1), json!(2)]).await;
    append(&app, "event", event, 0, &[json!(3)]).await;
    append(&app, "booking", booking, 2, &[json!(4)]).await;
    number(&app).await;

    let all = read(&app, &admin, "events").await;
    assert_eq!(numbers(&all, "globalPosition"), [1, 2, 3, 4]);
    assert!(all["next"].is_null());
    let first = read(&app, &admin, "events?from=2&limit=2").await;
    assert_eq!((numbers(&first, "globalPosition"), &first["next"]), (vec![2, 3], &json!(4)));
    for (query, places) in [
        ("type=booking".to_owned(), vec![1, 2, 4]),
        (format!("stream={event}"), vec![3]),
        (format!("type=booking&stream={booking}&from=2"), vec![2, 4]),
        (format!("type=user&stream={booking}"), vec![]),
        ("from=5".to_owned(), vec![]),
    ] {
        assert_eq!(numbers(&read(&app, &admin, &format!("events?{query}")).await, "globalPosition"), places);
    }
}

#[tokio::test]
async fn a_stream_says_who_did_what_when_and_in_which_order() {
    let app = App::new("audit_stream").await;
    let admin = app.person("admin");
    let id = Uuid::now_v7();
    append(&app, "booking", id, 0, &[json!({"seats": 2}), json!({"seats": 0})]).await;
    number(&app).await;
    append(&app, "booking", id, 2, &[json!({"seats": 1})]).await;

    let page = read(&app, &admin, &format!("streams/booking/{id}")).await;
    let first = &page["items"][0];
    assert_eq!((&first["streamType"], &first["streamId"]), (&json!("booking"), &json!(id)));
    assert_eq!((&first["sequence"], &first["globalPosition"]), (&json!(1), &json!(1)));
    assert_eq!((&first["type"], &first["version"]), (&json!("Happened"), &json!("1")));
    assert_eq!((&first["actor"], &first["correlationId"]), (&json!("somebody"), &json!("a-request")));
    assert!(first["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(first["payload"], json!({"seats": 2}));
    assert_eq!(numbers(&page, "sequence"), [1, 2, 3]);
    assert!(page["items"][2]["globalPosition"].is_null());

    let rest = read(&app, &admin, &format!("streams/booking/{id}?from=2&limit=1")).await;
    assert_eq!((numbers(&rest, "sequence"), &rest["next"]), (vec![2], &json!(3)));
    let beyond = read(&app, &admin, &format!("streams/booking/{id}?from=9")).await;
    assert_eq!(numbers(&beyond, "sequence"), [] as [i64; 0]);
    for path in ["booking/1", "booking/%00", "seat/1", &format!("event/{id}")] {
        app.get_as(&admin, &format!("/api/v1/audit/streams/{path}")).await.refused(404, "not-found");
    }
}

#[tokio::test]
async fn personal_data_is_clear_until_the_person_is_erased() {
    let app = App::new("audit_personal").await;
    let admin = app.person("admin");
    let subject = Uuid::now_v7();
    let payload = json!({"name": {"subject": subject, "clear": "Ada"}});
    append(&app, "user", subject, 0, std::slice::from_ref(&payload)).await;
    number(&app).await;
    let paths = [format!("streams/user/{subject}"), "events".to_owned()];
    for path in &paths {
        assert_eq!(read(&app, &admin, path).await["items"][0]["payload"], payload);
    }

    sqlx::query("delete from subject_keys").execute(app.store.pool()).await.unwrap();
    for path in &paths {
        let name = &read(&app, &admin, path).await["items"][0]["payload"]["name"];
        assert!(name["sealed"].is_string() && name.get("clear").is_none(), "{name}");
    }
}

#[tokio::test]
async fn the_head_covers_the_log() {
    let app = App::new("audit_head").await;
    let admin = app.person("admin");
    let empty = read(&app, &admin, "head").await;
    assert_eq!(empty, json!({"globalPosition": 0, "hash": "0".repeat(64)}));
    append(&app, "event", Uuid::now_v7(), 0, &[json!(1)]).await;
    number(&app).await;
    let head = read(&app, &admin, "head").await;
    assert_eq!(head["globalPosition"], 1);
    assert_eq!(head["hash"].as_str().map(str::len), Some(64));
    assert_ne!(head["hash"], empty["hash"]);
}

#[tokio::test]
async fn only_admins_read_the_audit_whatever_they_ask_for() {
    let app = App::new("audit_access").await;
    let admin = app.person("admin");
    let paths = ["events", "events?colour=red", "head", "streams/booking/1?limit=0"];
    for path in paths.map(|path| format!("/api/v1/audit/{path}")) {
        app.get(&path).await.refused(401, "unauthorized");
        for role in ["attendee", "host"] {
            app.get_as(&app.person(role), &path).await.refused(403, "forbidden");
        }
    }
    for (path, field) in [
        ("events?colour=red", "colour"),
        ("events?from=-1", "from"),
        ("events?limit=101", "limit"),
        ("events?type=seat", "type"),
        ("events?stream=%00", "stream"),
        ("streams/booking/1?limit=0", "limit"),
        ("streams/booking/1?type=user", "type"),
    ] {
        app.get_as(&admin, &format!("/api/v1/audit/{path}")).await.refused_field(field);
    }
}
