//! Roles as processes of their own, and what each says about itself.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use testkit::eventually;

use crate::harness::{Answer, BoxOffice, DEADLINE, Source, boxoffice, http, send, shared, start};

#[tokio::test]
async fn a_booking_goes_through_roles_in_processes_of_their_own() {
    let office = BoxOffice::in_roles(None).await;
    let (_, event) = office.event(3).await;
    let attendee = office.register("attendee").await;
    let booking = office.book(&attendee, &event.text("/id")).await;
    let path = format!("/api/v1/bookings/{}", booking.text("/id"));
    let seen = office.get_after(&path, Some(&attendee.token), &booking).await;
    assert_eq!(seen.body, booking.body);
    // The write edge answers no query, and the read edge takes no command.
    let write_edge = office.url(&Method::POST, "/api/v1/events");
    let answer = send(reqwest::Client::new().get(write_edge)).await;
    answer.expect_problem(405, "method-not-allowed");
    let read_edge = office.url(&Method::GET, "/api/v1/events");
    let answer = send(reqwest::Client::new().post(read_edge)).await;
    answer.expect_problem(405, "method-not-allowed");
}

#[tokio::test]
async fn what_is_public_is_read_while_the_write_database_is_away() {
    let office = BoxOffice::in_roles(None).await;
    let (host, event) = office.event(3).await;
    let path = format!("/api/v1/events/{}", event.text("/id"));
    office.get_after(&path, None, &event).await.expect(StatusCode::OK);
    let mut command = office.command("query-api");
    command.env("READ_DATABASE_URL", office.database.url());
    command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let http = http();
    let (_process, url) = start(command, &http).await;
    for public in ["/readyz", "/api/v1/events", &path] {
        send(http.get(format!("{url}{public}"))).await.expect(StatusCode::OK);
    }
    let with_token = send(http.get(format!("{url}{path}")).bearer_auth(&host.token)).await;
    with_token.expect_problem(503, "keys-unavailable");
}

#[tokio::test]
async fn the_document_describes_both_edges() {
    let office = shared(Source::EventLog).await;
    let document = office.get("/api/v1/openapi.json", None).await;
    document.expect(StatusCode::OK);
    assert!(document.text("/openapi").starts_with("3.1"));
    for (path, method) in [
        ("/api/v1/auth/register", "post"),
        ("/api/v1/auth/login", "post"),
        ("/api/v1/auth/me", "get"),
        ("/api/v1/events", "post"),
        ("/api/v1/events", "get"),
        ("/api/v1/events/{id}", "get"),
        ("/api/v1/bookings", "post"),
        ("/api/v1/bookings", "get"),
        ("/api/v1/bookings/{id}", "get"),
        ("/api/v1/bookings/{id}", "delete"),
        ("/api/v1/events/{id}/interest", "put"),
        ("/api/v1/events/{id}/interest", "delete"),
        ("/api/v1/notifications", "get"),
        ("/api/v1/notifications/live", "get"),
        ("/api/v1/notifications/{id}/read", "post"),
        ("/api/v1/users/{id}/preferences", "get"),
        ("/api/v1/users/{id}/preferences", "put"),
        ("/api/v1/audit/events", "get"),
        ("/api/v1/audit/streams/{type}/{id}", "get"),
    ] {
        assert!(document.body["paths"][path][method].is_object(), "{method} {path}");
    }
    let page = office.request(Method::GET, "/docs/").send().await.expect("an answer");
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.expect("text").contains("swagger"));
}

#[tokio::test]
async fn it_says_that_it_lives_and_is_ready() {
    let office = shared(Source::EventLog).await;
    office.get("/livez", None).await.expect(StatusCode::OK);
    // Others use this box office; a check of its may have to wait a moment.
    eventually("it is ready", DEADLINE, async || {
        let ready = office.get("/readyz", None).await;
        (ready.status == StatusCode::OK && ready.body["status"] == "ready").then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_role_shows_its_metrics() {
    let office = BoxOffice::in_roles(None).await;
    for url in &office.addresses {
        let answer = reqwest::get(format!("{url}/metrics")).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{url}");
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8", "{url}");
    }
}

#[tokio::test]
async fn the_read_edge_alone_describes_the_whole_api() {
    let office = BoxOffice::in_roles(None).await;
    let alone = office.get("/api/v1/openapi.json", None).await;
    let together = shared(Source::EventLog).await.get("/api/v1/openapi.json", None).await;
    let operations = |answer: &Answer| -> BTreeMap<String, Vec<String>> {
        let paths = answer.body["paths"].as_object().expect("paths").iter();
        paths
            .map(|(path, item)| (path.clone(), item.as_object().expect("an item").keys().cloned().collect()))
            .collect()
    };
    assert_eq!(operations(&alone), operations(&together));
    assert_eq!(alone.body["components"], together.body["components"]);
}

#[tokio::test]
async fn the_first_admin_is_made_on_the_command_line() {
    let office = BoxOffice::up(None).await;
    let created = office.command("admin create --email Admin@example.org").output().expect("runs");
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let said = String::from_utf8_lossy(&created.stdout);
    let password =
        said.lines().find_map(|line| line.strip_prefix("Password, shown this once: ")).expect("one");
    let session = office.log_in("admin@example.org", password).await;
    assert_eq!(session.expect(StatusCode::OK).body["user"]["role"], "admin");
    let head = office.get("/api/v1/audit/head", Some(&session.text("/accessToken"))).await;
    head.expect(StatusCode::OK);
}

#[test]
fn a_role_without_a_database_says_what_to_set() {
    let output = boxoffice(&["command-api"]).output().expect("runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("DATABASE_URL is not set"), "{said}");
}

#[test]
fn a_setting_that_cannot_be_used_is_named_and_its_value_is_not_shown() {
    let output = boxoffice(&["up"]).env("BOXOFFICE_MASTER_KEY", "sesame").output().expect("runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("BOXOFFICE_MASTER_KEY") && !said.contains("sesame"), "{said}");
}

#[tokio::test]
async fn another_master_key_than_the_databases_is_refused() {
    let office = shared(Source::EventLog).await;
    let mut command = office.command("command-api");
    command.env("BOXOFFICE_MASTER_KEY", "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgISE=");
    let output = command.output().expect("runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("master key is not the one"), "{said}");
}
