//! `GET /auth/me` and `/users/{id}`.

use serde_json::json;
use uuid::Uuid;

use crate::{
    app::{App, of_items},
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

#[tokio::test]
async fn erased_users_are_in_no_list() {
    let app = App::new("no_list").await;
    let (ada, gone, host) = (app.person("attendee"), app.person("host"), app.person("host"));
    for person in [&ada, &gone, &host] {
        insert_user(&app.rows, person.id).await;
    }
    sqlx::query("update users set name = null, email = null where id = $1")
        .bind(gone.id)
        .execute(&app.rows)
        .await
        .unwrap();
    let follow =
        "insert into follows (user_id, host_id, followed_at) select $1, id, now() from users where id <> $1";
    sqlx::query(follow).bind(ada.id).execute(&app.rows).await.unwrap();
    let listed = app.get_as(&ada, "/api/v1/users").await.ok();
    assert_eq!((&listed["total"], of_items(&listed, "id").len()), (&json!(2), 2));
    let followed = app.get_as(&ada, &format!("/api/v1/users/{}/following", ada.id)).await.ok();
    assert_eq!(of_items(&followed, "id"), [host.id.to_string()]);
    // For an administrator there is nobody any more whose list it could be.
    let path = format!("/api/v1/users/{}/following", gone.id);
    app.get_as(&app.person("admin"), &path).await.refused(404, "not-found");
}

#[tokio::test]
async fn only_open_sessions_of_the_caller_are_listed() {
    let app = App::new("sessions").await;
    let (ada, bob) = (app.person("attendee"), app.person("attendee"));
    for person in [&ada, &bob] {
        sqlx::query("insert into accounts (user_id, email_hash, password_hash) values ($1, $2, '')")
            .bind(person.id)
            .bind(person.id.as_bytes())
            .execute(app.store.pool())
            .await
            .unwrap();
        sqlx::query(
            "insert into sessions (session_id, user_id, refresh_token_hash, expires_at, ended_at)
             values (gen_random_uuid(), $1, '', now() + interval '1 day', null),
                    (gen_random_uuid(), $1, '', now() - interval '1 day', null),
                    (gen_random_uuid(), $1, '', now() + interval '1 day', now())",
        )
        .bind(person.id)
        .execute(app.store.pool())
        .await
        .unwrap();
    }
    let listed = app.get_as(&ada, "/api/v1/auth/sessions").await.ok();
    assert_eq!((&listed["total"], &listed["items"][0]["current"]), (&json!(1), &json!(false)));
    app.get_as(&ada, "/api/v1/auth/sessions?sort=lastUsedAt").await.refused_field("sort");
    app.get("/api/v1/auth/sessions").await.refused(401, "unauthorized");
}
