//! `GET /events/{id}/bookings`.

use serde_json::json;
use uuid::Uuid;

use crate::{
    app::{App, of_items},
    rows::{EventRow, insert_booking, set_applied},
};

const EARLY: &str = "2026-01-01T00:00:00Z";
const LATE: &str = "2026-02-01T00:00:00Z";

#[tokio::test]
async fn a_host_sees_who_has_booked_newest_first_by_status_and_by_cursor() {
    let app = App::new("event_bookings").await;
    let host = app.person("host");
    let event = EventRow { host_id: host.id, ..EventRow::new("Engines") }.insert(&app.rows).await;
    let early = insert_booking(&app.rows, event.id, Uuid::now_v7(), EARLY).await.to_string();
    let late = insert_booking(&app.rows, event.id, Uuid::now_v7(), LATE).await.to_string();
    insert_booking(&app.rows, Uuid::now_v7(), host.id, LATE).await;
    sqlx::query("update bookings set status = 'cancelled' where id = $1::uuid")
        .bind(&early)
        .execute(&app.rows)
        .await
        .unwrap();

    let path = format!("/api/v1/events/{}/bookings", event.id);
    for (query, expected) in [
        ("", vec![&late, &early]),
        ("?order=asc", vec![&early, &late]),
        ("?status=confirmed", vec![&late]),
        ("?status=cancelled", vec![&early]),
        ("?status=held", vec![]),
    ] {
        let list = app.get_as(&host, &format!("{path}{query}")).await.ok();
        assert_eq!(
            (of_items(&list, "id"), &list["total"]),
            (expected.iter().map(|id| id.as_str()).collect(), &json!(expected.len())),
            "{query}"
        );
    }
    let first = app.get_as(&host, &format!("{path}?limit=1")).await.ok();
    let next = format!("{path}?limit=1&cursor={}", first["next"].as_str().unwrap());
    assert_eq!(of_items(&app.get_as(&host, &next).await.ok(), "id"), [&early]);
}

#[tokio::test]
async fn nobody_else_reads_an_events_bookings_and_who_may_is_checked_first() {
    let app = App::new("event_bookings_access").await;
    let host = app.person("host");
    let event = EventRow { host_id: host.id, ..EventRow::new("Engines") }.insert(&app.rows).await;
    let draft =
        EventRow { host_id: host.id, status: "draft", ..EventRow::new("Secret") }.insert(&app.rows).await;
    for query in ["", "?colour=red", "?status=lost"] {
        let path = format!("/api/v1/events/{}/bookings{query}", event.id);
        app.get(&path).await.refused(401, "unauthorized");
        for role in ["attendee", "host", "admin"] {
            app.get_as(&app.person(role), &path).await.refused(403, "forbidden");
        }
        for id in [Uuid::now_v7().to_string(), "1".to_owned(), draft.id.to_string()] {
            let path = format!("/api/v1/events/{id}/bookings{query}");
            app.get_as(&app.person("host"), &path).await.refused(404, "not-found");
        }
    }
    app.get_as(&host, &format!("/api/v1/events/{}/bookings", draft.id)).await.ok();
    for (query, field) in [("colour=red", "colour"), ("status=lost", "status"), ("eventId=1", "eventId")] {
        let path = format!("/api/v1/events/{}/bookings?{query}", event.id);
        app.get_as(&host, &path).await.refused_field(field);
    }
}

#[tokio::test]
async fn the_list_includes_what_was_written_to_the_event_and_to_a_booking() {
    let app = App::new("event_bookings_token").await;
    let host = app.person("host");
    let event = EventRow { host_id: host.id, ..EventRow::new("Engines") }.insert(&app.rows).await;
    let booking = Uuid::now_v7();
    let (path, token) = (
        format!("/api/v1/events/{}/bookings", event.id),
        format!("event:{}:1,booking:{booking}:1", event.id),
    );
    app.get_after(&host, &path, &token).await.refused(503, "read-model-lagging");
    set_applied(&app.rows, "events", "event", event.id, 1).await;
    app.get_after(&host, &path, &token).await.refused(503, "read-model-lagging");
    set_applied(&app.rows, "bookings", "booking", booking, 1).await;
    app.get_after(&host, &path, &token).await.ok();
}
