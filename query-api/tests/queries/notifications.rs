//! `GET /notifications`.

use uuid::Uuid;

use crate::{
    app::{App, of_items},
    rows::EventRow,
};

/// A notification as the projector would write it.
pub(crate) struct Told<'a> {
    pub(crate) user_id: Uuid,
    pub(crate) event_id: Uuid,
    pub(crate) kind: &'a str,
    pub(crate) age_days: f64,
    pub(crate) is_read: bool,
    pub(crate) channel: &'a str,
}

impl Told<'_> {
    /// Its id.
    pub(crate) async fn insert(&self, app: &App) -> Uuid {
        let id = Uuid::now_v7();
        sqlx::query(
            "insert into notifications (id, user_id, kind, event_id, created_at, read_at, cause, caused_at, channel)
             values ($1, $2, $3, $4, now() - $5 * interval '1 day', case when $6 then now() end, $1::text, now(), $7)",
        )
        .bind(id)
        .bind(self.user_id)
        .bind(self.kind)
        .bind(self.event_id)
        .bind(self.age_days)
        .bind(self.is_read)
        .bind(self.channel)
        .execute(&app.rows)
        .await
        .unwrap();
        id
    }
}

async fn insert(app: &App, user_id: Uuid, event_id: Uuid, kind: &str, age_days: i32, is_read: bool) {
    let age_days = f64::from(age_days);
    Told { user_id, event_id, kind, age_days, is_read, channel: "both" }.insert(app).await;
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

#[tokio::test]
async fn what_somebody_wants_by_mail_alone_or_not_at_all_is_not_in_the_inbox() {
    let app = App::new("notification_channels").await;
    let person = app.person("attendee");
    for (age_days, channel) in [(1.0, "inbox"), (2.0, "email"), (3.0, "both"), (4.0, "none")] {
        let told = Told {
            user_id: person.id,
            event_id: Uuid::now_v7(),
            kind: channel,
            age_days,
            is_read: false,
            channel,
        };
        told.insert(&app).await;
    }
    for query in ["", "?unread=true"] {
        let list = app.get_as(&person, &format!("/api/v1/notifications{query}")).await.ok();
        assert_eq!((of_items(&list, "kind"), &list["total"]), (vec!["inbox", "both"], &2.into()));
    }
}

#[tokio::test]
async fn the_unread_are_paged_to_the_end_with_each_once() {
    let app = App::new("notification_pages").await;
    let person = app.person("attendee");
    for number in 0..25 {
        insert(&app, person.id, Uuid::now_v7(), "new-event", number / 2, number % 5 == 0).await;
    }
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/notifications?unread=true&limit=6{cursor}");
        let page = app.get_as(&person, &path).await.ok();
        assert_eq!(page["total"], 20);
        ids.extend(of_items(&page, "id").into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(ids.len(), 20);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    let other = format!("/api/v1/notifications?unread=false{cursor}");
    app.get_as(&person, &other).await.refused_field("cursor");
}
