//! `GET /auth/me` and `/users/{id}`.

use serde_json::json;
use uuid::Uuid;

use crate::{
    app::App,
    rows::{insert_user, set_applied},
};

#[tokio::test]
async fn the_caller_is_shown_with_everything() {
    let app = App::new("me").await;
    let ada = app.person("attendee");
    insert_user(&app.rows, ada.id).await;
    let answer = app.get_as(&ada, "/api/v1/auth/me").await;
    assert_eq!(answer.header("etag"), "\"3\"");
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.ok();
    assert_eq!(
        (&body["id"], &body["name"], &body["email"]),
        (&json!(ada.id), &json!("Ada"), &json!("ada@example.org"))
    );
    assert_eq!(body["role"], "attendee");
    app.get("/api/v1/auth/me").await.refused(401, "unauthorized");
}

#[tokio::test]
async fn somebody_who_has_only_just_registered_is_waited_for() {
    let app = App::new("me_soon").await;
    let ada = app.person("attendee");
    let (answer, ()) = tokio::join!(app.get_as(&ada, "/api/v1/auth/me"), insert_user(&app.rows, ada.id));
    answer.ok();
    app.get_as(&app.person("attendee"), "/api/v1/auth/me").await.refused(503, "read-model-lagging");
}

#[tokio::test]
async fn an_address_is_shown_to_its_user_and_admins_only() {
    let app = App::new("user").await;
    let ada = app.person("attendee");
    insert_user(&app.rows, ada.id).await;
    let path = format!("/api/v1/users/{}", ada.id);
    for person in [&ada, &app.person("admin")] {
        assert_eq!(app.get_as(person, &path).await.ok()["email"], "ada@example.org");
    }
    for role in ["attendee", "host"] {
        let body = app.get_as(&app.person(role), &path).await.ok();
        assert_eq!(body["name"], "Ada");
        assert!(body.get("email").is_none());
    }
    app.get(&path).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn unknown_malformed_and_erased_users_are_not_found() {
    let app = App::new("no_user").await;
    let ada = app.person("attendee");
    insert_user(&app.rows, ada.id).await;
    sqlx::query("update users set name = null, email = null").execute(&app.rows).await.unwrap();
    set_applied(&app.rows, "users", "user", ada.id, 4).await;
    for id in [Uuid::now_v7().to_string(), "ada".to_owned(), ada.id.to_string()] {
        app.get_as(&ada, &format!("/api/v1/users/{id}")).await.refused(404, "not-found");
    }
    app.get_as(&ada, "/api/v1/auth/me").await.refused(404, "not-found");
}
