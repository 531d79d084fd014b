//! `GET /events`, `/events/{id}` and `/events/{id}/availability`.

use axum::http::Request;
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::{App, of_items},
    rows::{EventRow, time},
};

#[tokio::test]
async fn an_event_is_shown_to_everybody_with_its_ticket_types_in_their_order() {
    let app = App::new("event").await;
    let event = EventRow { sold: 3, held: 2, venue: Some("Hall"), ..EventRow::new("Engines") };
    let event = event.insert(&app.rows).await;

    let answer = app.get(&format!("/api/v1/events/{}", event.id)).await;
    assert_eq!(answer.header("etag"), "\"7\"");
    let body = answer.ok();
    assert_eq!(body["id"], json!(event.id));
    assert_eq!(body["hostId"], json!(event.host_id));
    assert_eq!((&body["title"], &body["venue"]), (&json!("Engines"), &json!("Hall")));
    assert_eq!(body["status"], "published");
    assert_eq!(body["startDateTime"], "2090-06-01T20:00:00Z");
    assert_eq!((&body["capacity"], &body["numberOfAttendees"]), (&json!(100), &json!(3)));
    let first = &body["ticketTypes"][0];
    assert_eq!((&first["name"], &first["available"]), (&json!("Stalls"), &json!(55)));
    assert_eq!(first["price"], json!({"amount": 5000, "currency": "EUR"}));
    assert_eq!(body["ticketTypes"][1]["name"], "Balcony");
}

#[tokio::test]
async fn availability_adds_up_the_ticket_types() {
    let app = App::new("availability").await;
    let event = EventRow { sold: 3, held: 2, ..EventRow::new("Engines") }.insert(&app.rows).await;
    let body = app.get(&format!("/api/v1/events/{}/availability", event.id)).await.ok();
    assert_eq!(
        (&body["capacity"], &body["sold"], &body["held"], &body["available"]),
        (&json!(100), &json!(3), &json!(2), &json!(95))
    );
    assert_eq!(body["ticketTypes"].as_array().unwrap().len(), 2);
    assert!(body["asOf"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn unknown_malformed_and_draft_ids_are_not_found() {
    let app = App::new("no_event").await;
    let draft = EventRow { status: "draft", ..EventRow::new("Secret") }.insert(&app.rows).await;
    for id in [Uuid::now_v7().to_string(), "1".to_owned(), "%00".to_owned(), draft.id.to_string()] {
        app.get(&format!("/api/v1/events/{id}")).await.refused(404, "not-found");
        app.get(&format!("/api/v1/events/{id}/availability")).await.refused(404, "not-found");
    }
    assert_eq!(app.get("/api/v1/events").await.ok()["total"], 0);
}

#[tokio::test]
async fn a_broken_token_is_refused_even_where_none_is_needed() {
    let app = App::new("broken_token").await;
    let request = Request::get("/api/v1/events").header("Authorization", "Bearer nonsense");
    app.send(request).await.refused(401, "invalid-token");
}

#[tokio::test]
async fn events_are_filtered_and_sorted() {
    let app = App::new("event_filters").await;
    let host_id = Uuid::now_v7();
    let past = EventRow { start: time("2020-01-01T00:00:00Z"), ..EventRow::new("Beta ended") };
    let near = EventRow { start: time("2090-01-01T00:00:00Z"), host_id, ..EventRow::new("Gamma near") };
    let far =
        EventRow { start: time("2091-01-01T00:00:00Z"), venue: Some("Opera"), ..EventRow::new("Alpha far") };
    for event in [far, past, near] {
        event.insert(&app.rows).await;
    }
    let cases = [
        ("", vec!["Beta ended", "Gamma near", "Alpha far"]),
        ("?order=desc", vec!["Alpha far", "Gamma near", "Beta ended"]),
        ("?sort=title", vec!["Alpha far", "Beta ended", "Gamma near"]),
        ("?sort=createdAt", vec!["Alpha far", "Beta ended", "Gamma near"]),
        ("?status=published", vec!["Gamma near", "Alpha far"]),
        ("?status=ended", vec!["Beta ended"]),
        ("?status=cancelled", vec![]),
        ("?from=2090-01-01T01:00:00%2B01:00", vec!["Gamma near", "Alpha far"]),
        ("?to=2090-01-01T00:00:00Z", vec!["Beta ended"]),
        ("?q=OPERA", vec!["Alpha far"]),
        ("?q=near+or+far", vec!["Gamma near", "Alpha far"]),
        ("?q=%27%3B--+%22%26%7C%21%28", vec![]),
        ("?limit=1&offset=1", vec!["Gamma near"]),
    ];
    for (query, titles) in cases {
        let list = app.get(&format!("/api/v1/events{query}")).await.ok();
        assert_eq!(of_items(&list, "title"), titles, "{query}");
    }
    let by_host = app.get(&format!("/api/v1/events?host={host_id}")).await.ok();
    assert_eq!(of_items(&by_host, "title"), ["Gamma near"]);
    assert_eq!(by_host["total"], 1);
}

#[tokio::test]
async fn what_was_published_ends_by_itself() {
    let app = App::new("ended").await;
    let event =
        EventRow { start: time("2020-01-01T00:00:00Z"), ..EventRow::new("Over") }.insert(&app.rows).await;
    assert_eq!(app.get(&format!("/api/v1/events/{}", event.id)).await.ok()["status"], "ended");
}

#[tokio::test]
async fn each_bad_parameter_is_named() {
    let app = App::new("bad_parameters").await;
    let long = format!("q={}", "a".repeat(201));
    let cases = [
        ("colour=red", "colour"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=5&limit=6", "limit"),
        ("offset=-1", "offset"),
        ("offset=10001", "offset"),
        ("sort=price", "sort"),
        ("order=up", "order"),
        ("cursor=nonsense", "cursor"),
        ("host=me", "host"),
        ("from=yesterday", "from"),
        ("to=2090-01-01", "to"),
        ("status=lost", "status"),
        ("q=%00", "q"),
        (long.as_str(), "q"),
    ];
    for (query, field) in cases {
        app.get(&format!("/api/v1/events?{query}")).await.refused_field(field);
    }
}
