//! `Consistency-Token`.

use std::time::{Duration, Instant};

use futures::future::join_all;
use uuid::Uuid;

use crate::{
    app::App,
    rows::{EventRow, insert_booking, insert_user, set_applied},
};

const EARLY: &str = "2026-01-01T00:00:00Z";

#[tokio::test]
async fn a_query_waits_until_its_read_model_includes_the_write() {
    let app = App::new("token_waits").await;
    let person = app.person("attendee");
    let event = EventRow::new("Engines").insert(&app.rows).await;
    set_applied(&app.rows, "events", "event", event.id, 1).await;
    let path = format!("/api/v1/events/{}", event.id);
    let token = format!("event:{}:2", event.id);

    let change = async {
        let mut tx = app.rows.begin().await.unwrap();
        let title = "update events set title = 'Changed'";
        sqlx::query(title).execute(&mut *tx).await.unwrap();
        sqlx::query("update events_applied set sequence = 2").execute(&mut *tx).await.unwrap();
        // The query looks a few times in between.
        sqlx::query("select pg_sleep(0.1)").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(app.get_after(&person, &path, &token), change);
    assert_eq!(answer.ok()["title"], "Changed");
}

#[tokio::test]
async fn a_read_model_that_lags_for_two_seconds_is_unavailable() {
    let app = App::new("token_lags").await;
    let person = app.person("attendee");
    let (done, missing) = (Uuid::now_v7(), Uuid::now_v7());
    set_applied(&app.rows, "bookings", "booking", done, 5).await;
    let token = format!("booking:{done}:5,booking:{missing}:1");
    let started = Instant::now();
    let answer = app.get_after(&person, "/api/v1/bookings", &token).await;
    answer.refused(503, "read-model-lagging");
    assert_eq!(answer.header("retry-after"), "1");
    assert!(started.elapsed() > Duration::from_millis(1500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn each_query_waits_for_its_own_projection_only() {
    let app = App::new("token_projections").await;
    let person = app.person("attendee");
    let [user, event, booking] = [(); 3].map(|()| Uuid::now_v7());
    insert_user(&app.rows, person.id).await;
    let id = insert_booking(&app.rows, event, person.id, EARLY).await;
    let published = EventRow::new("Engines").insert(&app.rows).await;
    let reads = [
        ("users", "user", user, format!("/api/v1/users/{}", person.id)),
        ("users", "user", user, "/api/v1/auth/me".to_owned()),
        ("events", "event", event, "/api/v1/events".to_owned()),
        ("events", "event", event, format!("/api/v1/events/{}", published.id)),
        ("events", "event", event, format!("/api/v1/events/{}/availability", published.id)),
        ("bookings", "booking", booking, "/api/v1/bookings".to_owned()),
        ("bookings", "booking", booking, format!("/api/v1/bookings/{id}")),
        ("notifications", "user", user, "/api/v1/notifications".to_owned()),
        ("notifications", "user", user, format!("/api/v1/users/{}/preferences", person.id)),
        ("notifications", "event", event, "/api/v1/notifications".to_owned()),
        ("notifications", "booking", booking, "/api/v1/notifications".to_owned()),
    ];
    let token = format!("user:{user}:1,event:{event}:1,booking:{booking}:1");
    let lagging = reads.iter().map(|(_, _, _, path)| app.get_after(&person, path, &token));
    for answer in join_all(lagging).await {
        answer.refused(503, "read-model-lagging");
    }
    for (projection, kind, stream, _) in &reads {
        set_applied(&app.rows, projection, kind, *stream, 1).await;
    }
    for (_, _, _, path) in &reads {
        app.get_after(&person, path, &token).await.ok();
    }
}

#[tokio::test]
async fn a_host_who_reads_a_booking_waits_for_the_event_and_its_attendee_does_not() {
    let app = App::new("token_of_host").await;
    let (host, attendee) = (app.person("host"), app.person("attendee"));
    let event = EventRow { host_id: host.id, ..EventRow::new("Engines") };
    let booking = insert_booking(&app.rows, event.id, attendee.id, EARLY).await;
    set_applied(&app.rows, "bookings", "booking", booking, 1).await;
    let (path, token) =
        (format!("/api/v1/bookings/{booking}"), format!("event:{}:2,booking:{booking}:1", event.id));
    app.get_after(&attendee, &path, &token).await.ok();
    app.get_after(&app.person("admin"), &path, &token).await.ok();
    app.get_after(&host, &path, &token).await.refused(503, "read-model-lagging");
    let event_arrives = async {
        let event = event.insert(&app.rows).await;
        set_applied(&app.rows, "events", "event", event.id, 2).await;
    };
    let (answer, ()) = tokio::join!(app.get_after(&host, &path, &token), event_arrives);
    answer.ok();
}

#[tokio::test]
async fn who_may_is_checked_before_the_token_and_the_token_before_the_parameters() {
    let app = App::new("token_malformed").await;
    let person = app.person("attendee");
    for path in ["/api/v1/bookings", "/api/v1/bookings?colour=red", "/api/v1/auth/me"] {
        app.get_after(&person, path, "nonsense").await.refused(400, "not-understood");
    }
    let request = axum::http::Request::get("/api/v1/bookings").header("Consistency-Token", "nonsense");
    app.send(request).await.refused(401, "unauthorized");
}
