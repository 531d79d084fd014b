//! `GET /users/{id}/preferences`.

use serde_json::json;
use uuid::Uuid;

use crate::app::App;

async fn insert(app: &App, user_id: Uuid, sequence: i64, kind: &str, channel: &str) {
    sqlx::query(
        "insert into notification_preferences (user_id, kind, sequence, since, channel)
         values ($1, $2, $3, now(), $4)",
    )
    .bind(user_id)
    .bind(kind)
    .bind(sequence)
    .bind(channel)
    .execute(&app.rows)
    .await
    .unwrap();
}

#[tokio::test]
async fn every_kind_is_there_and_the_newest_that_was_said_counts() {
    let app = App::new("preferences").await;
    let person = app.person("attendee");
    let path = format!("/api/v1/users/{}/preferences", person.id);
    let answer = app.get_as(&person, &path).await;
    assert_eq!(answer.header("etag"), "\"1\"");
    let mut expected = json!({
        "new-event": "both",
        "sale-started": "both",
        "event-updated": "both",
        "event-cancelled": "both",
        "event-sold-out": "both",
        "booking-confirmed": "both",
        "booking-expired": "both",
        "booking-cancelled": "both",
        "refund-made": "both",
    });
    assert_eq!(answer.ok(), expected);

    insert(&app, person.id, 2, "new-event", "none").await;
    insert(&app, person.id, 2, "sale-started", "email").await;
    insert(&app, person.id, 5, "new-event", "inbox").await;
    insert(&app, Uuid::now_v7(), 6, "new-event", "none").await;
    expected["new-event"] = json!("inbox");
    expected["sale-started"] = json!("email");
    let answer = app.get_as(&person, &path).await;
    assert_eq!(answer.header("etag"), "\"3\"", "two changes");
    assert_eq!(answer.ok(), expected);
}

#[tokio::test]
async fn they_are_shown_to_oneself_alone() {
    let app = App::new("preferences_of_others").await;
    let (person, other, admin) = (app.person("attendee"), app.person("attendee"), app.person("admin"));
    let path = format!("/api/v1/users/{}/preferences", person.id);
    app.get(&path).await.refused(401, "unauthorized");
    for stranger in [&other, &admin] {
        app.get_as(stranger, &path).await.refused(403, "forbidden");
    }
    app.get_as(&person, "/api/v1/users/nobody/preferences").await.refused(404, "not-found");
}
