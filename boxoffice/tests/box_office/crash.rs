//! What was acknowledged survives (I1), whatever dies.

use std::{collections::BTreeMap, path::Path, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{eventually, process::Process};

use crate::harness::{DEADLINE, PASSWORD, boxoffice, event_request, http, send, start, with_token};

/// `boxoffice up` with its own PostgreSQL, as somebody starts it at home.
async fn up(data_dir: &Path) -> (Process, String) {
    let mut command = boxoffice(&["up"]);
    command.env("BOXOFFICE_DATA_DIR", data_dir);
    start(command, &http()).await
}

async fn post(url: &str, token: Option<&str>, body: &Value) -> (StatusCode, Value) {
    let answer = send(with_token(http().post(url), token).json(body)).await;
    (answer.status, answer.body)
}

async fn register(url: &str, role: &str, number: usize) -> String {
    let email = format!("{role}-{number}@example.org");
    let body = json!({ "name": "A", "email": email, "password": PASSWORD, "role": role });
    let (status, session) = post(&format!("{url}/api/v1/auth/register"), None, &body).await;
    assert_eq!(status, StatusCode::CREATED, "{session}");
    session["accessToken"].as_str().expect("a token").to_owned()
}

/// Like `book`, but the box office may die at any moment.
async fn try_to_book(url: &str, token: &str, event_id: &Value) -> Option<(StatusCode, Value)> {
    let request = http().post(format!("{url}/api/v1/bookings")).bearer_auth(token);
    let response = request.json(&json!({ "eventId": event_id })).send().await.ok()?;
    Some((response.status(), response.json().await.ok()?))
}

#[tokio::test]
async fn kill_9_during_bookings_loses_no_acknowledged_booking() {
    const ATTENDEES: usize = 120;
    const KILL_AFTER: usize = 40;
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let (mut process, url) = up(&data_dir).await;
    let host = register(&url, "host", 0).await;
    let (_, event) = post(&format!("{url}/api/v1/events"), Some(&host), &event_request(1_000)).await;
    let mut attendees = Vec::new();
    for number in 0..ATTENDEES {
        attendees.push(register(&url, "attendee", number).await);
    }

    // A few at a time, so that some are under way at the moment of the kill.
    let mut acknowledged: BTreeMap<String, String> = BTreeMap::new();
    let mut waiting = attendees.iter();
    let mut under_way = FuturesUnordered::new();
    let book = |token: &String| {
        let (url, token, event_id) = (url.clone(), token.clone(), event["id"].clone());
        async move { (try_to_book(&url, &token, &event_id).await, token) }
    };
    waiting.by_ref().take(8).for_each(|token| under_way.push(book(token)));
    while let Some((outcome, token)) = under_way.next().await {
        if let Some((StatusCode::CREATED, booking)) = outcome {
            acknowledged.insert(booking["id"].as_str().expect("an id").to_owned(), token);
        }
        if acknowledged.len() == KILL_AFTER {
            process.kill_hard();
        }
        if let Some(token) = waiting.next() {
            under_way.push(book(token));
        }
    }
    assert!((KILL_AFTER..ATTENDEES).contains(&acknowledged.len()), "{} acknowledged", acknowledged.len());

    let (_process, url) = up(&data_dir).await;
    for (id, token) in &acknowledged {
        let booking = eventually("the booking is in the read model", DEADLINE, || async {
            let answer = send(http().get(format!("{url}/api/v1/bookings/{id}")).bearer_auth(token)).await;
            (answer.status == StatusCode::OK).then_some(answer.body)
        });
        assert_eq!(booking.await["status"], "confirmed");
    }
    // Nothing twice: what could not be told was either done once or not at all, and repeating shows which.
    let mut confirmed = 0;
    for token in &attendees {
        let (status, answer) = try_to_book(&url, token, &event["id"]).await.expect("an answer");
        match status {
            StatusCode::CONFLICT => assert_eq!(answer["code"], "already-booked"),
            status => assert_eq!(status, StatusCode::CREATED, "{answer}"),
        }
        confirmed += 1;
    }
    let attendees_seen = eventually("the read model has all of it", DEADLINE, || async {
        let path = format!("{url}/api/v1/events/{}", event["id"].as_str()?);
        let seen = send(http().get(path)).await.body["numberOfAttendees"].clone();
        (seen == confirmed).then_some(seen)
    });
    assert_eq!(attendees_seen.await, ATTENDEES);
}

#[tokio::test]
async fn it_stops_cleanly_when_it_is_told_to_and_keeps_its_data() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let (mut process, url) = up(&data_dir).await;
    register(&url, "host", 0).await;
    assert!(process.terminate(Duration::from_secs(30)).await.success(), "{}", process.output_end());

    let (mut process, url) = up(&data_dir).await;
    let body = json!({ "email": "host-0@example.org", "password": PASSWORD });
    let (status, _) = post(&format!("{url}/api/v1/auth/login"), None, &body).await;
    assert_eq!(status, StatusCode::OK);
    assert!(process.interrupt(Duration::from_secs(30)).await.success(), "{}", process.output_end());
}

#[tokio::test]
async fn the_demo_fills_an_empty_box_office_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    for _ in 0..2 {
        let mut command = boxoffice(&["up", "--demo"]);
        command.env("BOXOFFICE_DATA_DIR", &data_dir);
        let (mut process, url) = start(command, &http()).await;
        eventually("the demo is in", DEADLINE, || async {
            process
                .output()
                .contains("The demo is in")
                .then_some(())
                .or_else(|| process.output().contains("The demo was in already").then_some(()))
        })
        .await;
        eventually("five events are listed", DEADLINE, || async {
            let listed = send(http().get(format!("{url}/api/v1/events"))).await;
            (listed.body["total"] == 5).then_some(())
        })
        .await;
        process.terminate(Duration::from_secs(30)).await;
    }
}
