//! `GET /bookings` and `/bookings/{id}`.

use serde_json::json;
use uuid::Uuid;

use crate::{
    app::{App, of_items},
    rows::{EventRow, insert_booking},
};

const EARLY: &str = "2026-01-01T00:00:00Z";
const LATE: &str = "2026-02-01T00:00:00Z";

#[tokio::test]
async fn a_booking_is_shown_to_its_attendee_the_events_host_and_admins_and_to_nobody_else() {
    let app = App::new("booking").await;
    let [attendee, another] = ["attendee"; 2].map(|role| app.person(role));
    let [host, another_host] = ["host"; 2].map(|role| app.person(role));
    let event = EventRow { host_id: host.id, ..EventRow::new("Engines") }.insert(&app.rows).await;
    let id = insert_booking(&app.rows, event.id, attendee.id, EARLY).await;
    let path = format!("/api/v1/bookings/{id}");

    let answer = app.get_as(&attendee, &path).await;
    assert_eq!(answer.header("etag"), "\"1\"");
    let body = answer.ok();
    assert_eq!(
        (&body["id"], &body["eventId"], &body["userId"]),
        (&json!(id), &json!(event.id), &json!(attendee.id))
    );
    assert_eq!((&body["status"], &body["createdAt"]), (&json!("confirmed"), &json!(EARLY)));
    assert_eq!(body["total"], json!({"amount": 5000, "currency": "EUR"}));
    assert_eq!(body["tickets"][0]["quantity"], 2);
    assert_eq!(body["tickets"][0]["price"], json!({"amount": 2500, "currency": "EUR"}));
    assert!(body["heldUntil"].is_null());
    assert_eq!(body["seats"], json!([]));

    for person in [host, app.person("admin")] {
        app.get_as(&person, &path).await.ok();
    }
    for person in [another, another_host] {
        app.get_as(&person, &path).await.refused(403, "forbidden");
    }
    app.get(&path).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_booking_whose_event_is_not_known_yet_is_still_its_attendees() {
    let app = App::new("booking_alone").await;
    let attendee = app.person("attendee");
    let id = insert_booking(&app.rows, Uuid::now_v7(), attendee.id, EARLY).await;
    app.get_as(&attendee, &format!("/api/v1/bookings/{id}")).await.ok();
    app.get_as(&app.person("host"), &format!("/api/v1/bookings/{id}")).await.refused(403, "forbidden");
}

#[tokio::test]
async fn unknown_and_malformed_bookings_are_not_found_once_the_caller_is_known() {
    let app = App::new("no_booking").await;
    let attendee = app.person("attendee");
    for id in [Uuid::now_v7().to_string(), "1".to_owned()] {
        app.get_as(&attendee, &format!("/api/v1/bookings/{id}")).await.refused(404, "not-found");
        app.get(&format!("/api/v1/bookings/{id}")).await.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_hold_whose_time_is_over_has_expired_whatever_the_row_says() {
    let app = App::new("lapsed_booking").await;
    let attendee = app.person("attendee");
    let mut ids = Vec::new();
    for (status, held_until) in [("held", "2090-01-01T00:00:00Z"), ("held", LATE), ("expired", "")] {
        let id = insert_booking(&app.rows, Uuid::now_v7(), attendee.id, EARLY).await;
        let sql = "update bookings set status = $2, held_until = nullif($3, '')::timestamptz, seats = array[$1] where id = $1";
        sqlx::query(sql).bind(id).bind(status).bind(held_until).execute(&app.rows).await.unwrap();
        ids.push(id.to_string());
    }
    for (id, status, held_until) in [
        (&ids[0], "held", json!("2090-01-01T00:00:00Z")),
        (&ids[1], "expired", json!(null)),
        (&ids[2], "expired", json!(null)),
    ] {
        let body = app.get_as(&attendee, &format!("/api/v1/bookings/{id}")).await.ok();
        assert_eq!((&body["status"], &body["heldUntil"]), (&json!(status), &held_until));
        assert_eq!(body["seats"], json!([id]));
    }
    for (status, expected) in [
        ("held", vec![&ids[0]]),
        ("expired", vec![&ids[1], &ids[2]]),
        ("confirmed", vec![]),
        ("cancelled", vec![]),
    ] {
        let list = app.get_as(&attendee, &format!("/api/v1/bookings?order=asc&status={status}")).await.ok();
        assert_eq!(of_items(&list, "id"), expected, "{status}");
    }
}

#[tokio::test]
async fn the_list_has_own_bookings_newest_first_and_filters() {
    let app = App::new("bookings").await;
    let attendee = app.person("attendee");
    let (event, other_event) = (Uuid::now_v7(), Uuid::now_v7());
    let early = insert_booking(&app.rows, event, attendee.id, EARLY).await.to_string();
    let late = insert_booking(&app.rows, other_event, attendee.id, LATE).await.to_string();
    insert_booking(&app.rows, event, Uuid::now_v7(), LATE).await;

    let cases = [
        (String::new(), vec![&late, &early]),
        ("?order=asc".to_owned(), vec![&early, &late]),
        (format!("?eventId={event}"), vec![&early]),
        ("?status=confirmed&sort=createdAt".to_owned(), vec![&late, &early]),
        ("?status=cancelled".to_owned(), vec![]),
    ];
    for (query, expected) in cases {
        let list = app.get_as(&attendee, &format!("/api/v1/bookings{query}")).await.ok();
        assert_eq!(of_items(&list, "id"), expected, "{query}");
        assert_eq!(list["total"], json!(expected.len()));
    }
    for (query, field) in
        [("userId=1", "userId"), ("eventId=1", "eventId"), ("status=x", "status"), ("sort=status", "sort")]
    {
        app.get_as(&attendee, &format!("/api/v1/bookings?{query}")).await.refused_field(field);
        app.get(&format!("/api/v1/bookings?{query}")).await.refused(401, "unauthorized");
    }
}
