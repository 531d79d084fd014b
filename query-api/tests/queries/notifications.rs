//! `GET /notifications`.

use uuid::Uuid;

use crate::{
    app::{App, of_items},
    rows::EventRow,
};

async fn insert(app: &App, user_id: Uuid, event_id: Uuid, kind: &str, age_days: i32, is_read: bool) {
    sqlx::query(
        "insert into notifications (id, user_id, kind, event_id, created_at, read_at, cause)
         values ($1, $2, $3, $4, now() - make_interval(days => $5), case when $6 then now() end, $3)",
    )
    .bind(Uuid::now_v7())
    .bind(user_id)
    .bind(kind)
    .bind(event_id)
    .bind(age_days)
    .bind(is_read)
    .execute(&app.rows)
    .await
    .unwrap();
}

#[tokio::test]
async fn the_list_has_own_notifications_newest_first_with_the_events_title() {
    let app = App::new("notifications").await;
    let person = app.person("attendee");
    let event = EventRow::new("Engines").insert(&app.rows).await;
    insert(&app, person.id, event.id, "booking-confirmed", 2, true).await;
    insert(&app, person.id, Uuid::now_v7(), "event-sold-out", 1, false).await;
    insert(&app, Uuid::now_v7(), event.id, "booking-confirmed", 0, false).await;

    let list = app.get_as(&person, "/api/v1/notifications").await.ok();
    assert_eq!(of_items(&list, "kind"), ["event-sold-out", "booking-confirmed"]);
    assert!(list["items"][0]["eventTitle"].is_null());
    assert_eq!(list["items"][1]["eventTitle"], "Engines");
    assert!(list["items"][1]["readAt"].is_string());

    for (query, kinds) in [("unread=true", ["event-sold-out"]), ("unread=false", ["booking-confirmed"])] {
        let list = app.get_as(&person, &format!("/api/v1/notifications?{query}")).await.ok();
        assert_eq!(of_items(&list, "kind"), kinds);
        assert_eq!(list["total"], 1);
    }
    app.get_as(&person, "/api/v1/notifications?unread=perhaps").await.refused_field("unread");
    app.get("/api/v1/notifications").await.refused(401, "unauthorized");
}
