//! Signing in, going on, signing out: sessions, refresh tokens, passwords, and how often one may guess.

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, BoxOffice, PASSWORD, Source, shared};

const OTHER_PASSWORD: &str = "battery staple horse";

async fn office() -> &'static BoxOffice {
    shared(Source::EventLog).await
}

/// A new account, and the answer that opened its first session.
async fn sign_up(office: &BoxOffice) -> (String, Answer) {
    let email = format!("{}@example.org", Uuid::now_v7().simple());
    let body = json!({ "name": "Ada", "email": email, "password": PASSWORD, "role": "attendee" });
    let answer = office.post("/api/v1/auth/register", None, &body).await;
    answer.expect(StatusCode::CREATED);
    (email, answer)
}

async fn refresh(office: &BoxOffice, refresh_token: &str) -> Answer {
    office.post("/api/v1/auth/refresh", None, &json!({ "refreshToken": refresh_token })).await
}

async fn change_password(office: &BoxOffice, token: &str, current: &str, new: &str) -> Answer {
    let body = json!({ "currentPassword": current, "newPassword": new });
    office.post("/api/v1/auth/password", Some(token), &body).await
}

async fn sessions(office: &BoxOffice, signed_in: &Answer) -> Value {
    let list = office.get("/api/v1/auth/sessions", Some(&signed_in.text("/accessToken"))).await;
    list.expect(StatusCode::OK).body.clone()
}

#[tokio::test]
async fn a_refresh_token_leads_to_the_next_pair() {
    let office = office().await;
    let (_, first) = sign_up(office).await;
    let second = refresh(office, &first.text("/refreshToken")).await;
    second.expect(StatusCode::OK);
    assert_eq!((&second.body["user"], &second.body["expiresIn"]), (&first.body["user"], &json!(900)));
    let third = refresh(office, &second.text("/refreshToken")).await;
    let me = office.get("/api/v1/auth/me", Some(&third.expect(StatusCode::OK).text("/accessToken"))).await;
    assert_eq!(me.expect(StatusCode::OK).body["id"], first.body["user"]["id"]);
    assert_eq!(sessions(office, &third).await["total"], 1, "it is the same session all the time");
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_its_session_and_no_other() {
    let office = office().await;
    let (email, first) = sign_up(office).await;
    let elsewhere = office.log_in(&email, PASSWORD).await;
    let second = refresh(office, &first.text("/refreshToken")).await;
    let third = refresh(office, &second.expect(StatusCode::OK).text("/refreshToken")).await;
    // Not only the last one: any token of the family.
    refresh(office, &first.text("/refreshToken")).await.expect_problem(401, "refresh-token-reused");
    for ended in [&first, &second, third.expect(StatusCode::OK)] {
        refresh(office, &ended.text("/refreshToken")).await.expect_problem(401, "invalid-refresh-token");
    }
    refresh(office, &elsewhere.text("/refreshToken")).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn of_many_uses_at_once_one_succeeds_and_the_others_end_the_session() {
    let office = office().await;
    let (_, first) = sign_up(office).await;
    let token = first.text("/refreshToken");
    let answers = join_all((0..8).map(|_| refresh(office, &token))).await;
    let (new, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(new.len(), 1);
    let reused = refused.iter().filter(|answer| answer.body["code"] == "refresh-token-reused").count();
    assert_eq!((reused, refused.len()), (1, 7), "one ends it, and it has ended for the others");
    refresh(office, &new[0].text("/refreshToken")).await.expect_problem(401, "invalid-refresh-token");
}

#[tokio::test]
async fn with_a_key_a_lost_answer_can_be_asked_for_again_until_its_tokens_are_used() {
    let office = office().await;
    let (_, first) = sign_up(office).await;
    let (body, key) = (json!({ "refreshToken": first.text("/refreshToken") }), Uuid::now_v7().to_string());
    let ask = || office.post_with_key("/api/v1/auth/refresh", None, &key, &body);
    let lost = ask().await;
    lost.expect(StatusCode::OK);
    let second = ask().await;
    let third = refresh(office, &second.expect(StatusCode::OK).text("/refreshToken")).await;
    ask().await.expect_problem(401, "refresh-token-reused");
    for ended in [&lost, third.expect(StatusCode::OK)] {
        refresh(office, &ended.text("/refreshToken")).await.expect_problem(401, "invalid-refresh-token");
    }
}

#[tokio::test]
async fn what_was_never_handed_out_is_no_refresh_token() {
    let office = office().await;
    let (_, first) = sign_up(office).await;
    let token = first.text("/refreshToken");
    let forged = format!("{}{}", &token[..80], &"A".repeat(token.len() - 80));
    for nonsense in ["", "nonsense", &forged, &first.text("/accessToken")] {
        refresh(office, nonsense).await.expect_problem(401, "invalid-refresh-token");
    }
    office.post("/api/v1/auth/refresh", None, &json!({})).await.expect_invalid("refreshToken");
    refresh(office, &token).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let office = office().await;
    let (email, first) = sign_up(office).await;
    let elsewhere = office.log_in(&email, PASSWORD).await;
    let token = first.text("/accessToken");
    for _ in 0..2 {
        let answer = office.post("/api/v1/auth/logout", Some(&token), &json!({})).await;
        answer.expect(StatusCode::NO_CONTENT);
    }
    refresh(office, &first.text("/refreshToken")).await.expect_problem(401, "invalid-refresh-token");
    refresh(office, &elsewhere.text("/refreshToken")).await.expect(StatusCode::OK);
    office.post("/api/v1/auth/logout", None, &json!({})).await.expect(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let office = office().await;
    let (email, own) = sign_up(office).await;
    let elsewhere = office.log_in(&email, PASSWORD).await;
    let token = own.text("/accessToken");
    let wrong = change_password(office, &token, "not the password", OTHER_PASSWORD).await;
    wrong.expect_problem(401, "invalid-credentials");
    change_password(office, &token, PASSWORD, "short").await.expect_invalid("newPassword");
    refresh(office, &elsewhere.text("/refreshToken")).await.expect(StatusCode::OK);

    let elsewhere = office.log_in(&email, PASSWORD).await;
    change_password(office, &token, PASSWORD, OTHER_PASSWORD).await.expect(StatusCode::NO_CONTENT);
    refresh(office, &elsewhere.text("/refreshToken")).await.expect_problem(401, "invalid-refresh-token");
    refresh(office, &own.text("/refreshToken")).await.expect(StatusCode::OK);
    office.log_in(&email, PASSWORD).await.expect_problem(401, "invalid-credentials");
    office.log_in(&email, OTHER_PASSWORD).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_change_of_password_is_repeated_with_its_key() {
    let office = office().await;
    let (_, own) = sign_up(office).await;
    let (token, key) = (own.text("/accessToken"), Uuid::now_v7().to_string());
    let body = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    for _ in 0..2 {
        let answer = office.post_with_key("/api/v1/auth/password", Some(&token), &key, &body).await;
        answer.expect(StatusCode::NO_CONTENT);
    }
    change_password(office, &token, PASSWORD, OTHER_PASSWORD)
        .await
        .expect_problem(401, "invalid-credentials");
}

#[tokio::test]
async fn of_many_new_passwords_at_once_one_is_set() {
    let office = office().await;
    let (email, own) = sign_up(office).await;
    let token = own.text("/accessToken");
    let passwords: Vec<String> = (0..4).map(|number| format!("{OTHER_PASSWORD} {number}")).collect();
    let answers = join_all(passwords.iter().map(|new| change_password(office, &token, PASSWORD, new))).await;
    let set: Vec<&String> = passwords
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.status == 204)
        .map(|(new, _)| new)
        .collect();
    assert_eq!(set.len(), 1);
    office.log_in(&email, set[0]).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner() {
    let office = office().await;
    let (email, own) = sign_up(office).await;
    let elsewhere = office.log_in(&email, PASSWORD).await;
    let list = sessions(office, &own).await;
    assert_eq!((&list["total"], &list["limit"], &list["next"]), (&json!(2), &json!(10), &Value::Null));
    let current: Vec<&Value> =
        list["items"].as_array().expect("items").iter().map(|s| &s["current"]).collect();
    assert_eq!(current, [&json!(false), &json!(true)], "newest first, and the caller's own is marked");
    let other = &list["items"][0];
    for time in ["createdAt", "lastUsedAt", "expiresAt"] {
        assert!(other[time].is_string(), "{other}");
    }

    let path = format!("/api/v1/auth/sessions/{}", other["id"].as_str().expect("an id"));
    let (_, stranger) = sign_up(office).await;
    office.delete(&path, Some(&stranger.text("/accessToken"))).await.expect_problem(404, "not-found");
    office.delete(&path, None).await.expect(StatusCode::UNAUTHORIZED);
    for _ in 0..2 {
        office.delete(&path, Some(&own.text("/accessToken"))).await.expect(StatusCode::NO_CONTENT);
    }
    refresh(office, &elsewhere.text("/refreshToken")).await.expect_problem(401, "invalid-refresh-token");
    assert_eq!(sessions(office, &own).await["total"], 1);
}

#[tokio::test]
async fn a_registration_that_comes_again_signs_in_only_who_could_sign_in() {
    let office = office().await;
    let email = format!("{}@example.org", Uuid::now_v7().simple());
    let body = json!({ "name": "Ada", "email": email, "password": PASSWORD, "role": "attendee" });
    let key = Uuid::now_v7().to_string();
    let register = || office.post_with_key("/api/v1/auth/register", None, &key, &body);
    let first = register().await;
    first.expect(StatusCode::CREATED);
    register().await.expect(StatusCode::CREATED);
    let token = first.text("/accessToken");
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another one entirely" });
    let changed = office.post("/api/v1/auth/password", Some(&token), &change).await;
    changed.expect(StatusCode::NO_CONTENT);
    register().await.expect_problem(401, "invalid-credentials");
    let path = format!("/api/v1/users/{}", first.text("/user/id"));
    office.delete(&path, Some(&token)).await.expect(StatusCode::NO_CONTENT);
    register().await.expect_problem(404, "not-found");
}
