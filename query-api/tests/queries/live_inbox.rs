//! `GET /notifications/live`.

use std::collections::HashSet;

use chrono::Duration;
use uuid::Uuid;

use crate::{
    app::{App, Person},
    live::Client,
    notifications::Told,
};

const PATH: &str = "/api/v1/notifications/live";

async fn watch(app: &App, person: &Person, last_id: Option<&str>) -> Client {
    Client::of(app.open(Some(person), PATH, last_id).await)
}

/// A notification that is so many days old; its id.
async fn tell(app: &App, person: &Person, age_days: f64) -> String {
    tell_by(app, person, age_days, "both").await
}

async fn tell_by(app: &App, person: &Person, age_days: f64, channel: &str) -> String {
    let (user_id, event_id) = (person.id, Uuid::now_v7());
    let told = Told { user_id, event_id, kind: "new-event", age_days, is_read: false, channel };
    told.insert(app).await.to_string()
}

const SECONDS: f64 = 1.0 / 86_400.0;

#[tokio::test]
async fn what_comes_into_the_inbox_is_told_in_the_shape_of_the_list() {
    let app = App::new("inbox").await;
    let (person, other) = (app.person("attendee"), app.person("attendee"));
    tell(&app, &person, 1.0).await;
    let mut client = watch(&app, &person, None).await;
    let mut second = watch(&app, &person, None).await;
    tell(&app, &other, 0.0).await;
    tell_by(&app, &person, 0.0, "email").await;
    let id = tell(&app, &person, 0.0).await;
    let message = client.expect("notification").await;
    assert_eq!(message.data["id"], id);
    let list = app.get_as(&person, "/api/v1/notifications?limit=1").await.ok();
    assert_eq!(message.data, list["items"][0]);
    assert_eq!(second.expect("notification").await.data["id"], id, "every reader is told");
}

#[tokio::test]
async fn who_comes_back_with_the_last_id_gets_what_was_missed_once_and_goes_on() {
    let app = App::new("inbox_resume").await;
    let person = app.person("attendee");
    let ids = [tell(&app, &person, 3.0).await, tell(&app, &person, 2.0).await];
    for unknown in ["nonsense", "0-nonsense"] {
        let mut client = watch(&app, &person, Some(unknown)).await;
        for id in &ids {
            assert_eq!(&client.expect("notification").await.data["id"], id, "{unknown}");
        }
    }
    let mut client = watch(&app, &person, Some("nonsense")).await;
    let first = client.expect("notification").await;
    let _still_there = watch(&app, &person, None).await;
    drop(client);
    let missed = [tell(&app, &person, 1.0).await, tell(&app, &person, 0.0).await];
    let mut client = watch(&app, &person, Some(&first.id)).await;
    for id in [&ids[1], &missed[0], &missed[1]] {
        assert_eq!(&client.expect("notification").await.data["id"], id);
    }
    let next = tell(&app, &person, 0.0).await;
    assert_eq!(client.expect("notification").await.data["id"], next, "and none of the others again");
}

#[tokio::test]
async fn a_stream_ends_with_the_token_that_opened_it() {
    let app = App::new("inbox_token").await;
    let person = app.person_for("attendee", Duration::seconds(8));
    let mut client = watch(&app, &person, None).await;
    let id = tell(&app, &person, 0.0).await;
    assert_eq!(client.expect("notification").await.data["id"], id);
    assert!(client.next().await.is_none());
}

#[tokio::test]
async fn one_that_comes_in_after_a_younger_one_is_told_and_moves_nobody_back() {
    let app = App::new("inbox_late").await;
    let person = app.person("attendee");
    let mut client = watch(&app, &person, None).await;
    tell(&app, &person, 0.0).await;
    let younger = client.expect("notification").await;
    let late = tell(&app, &person, 30.0 * SECONDS).await;
    let told = client.expect("notification").await;
    assert_eq!((told.data["id"].as_str(), &told.id), (Some(late.as_str()), &younger.id));
}

#[tokio::test]
async fn a_slow_reader_holds_nobody_up_and_gets_everything() {
    let app = App::new("inbox_slow").await;
    let person = app.person("attendee");
    let mut slow = watch(&app, &person, None).await;
    let mut fast = watch(&app, &person, None).await;
    let mut ids = Vec::new();
    for _ in 0..40 {
        let id = tell(&app, &person, 0.0).await;
        ids.push(id);
        if ids.len() % 8 == 0 {
            for id in &ids[ids.len() - 8..] {
                assert_eq!(&fast.expect("notification").await.data["id"], id);
            }
        }
    }
    for id in &ids {
        assert_eq!(&slow.expect("notification").await.data["id"], id);
    }
}

#[tokio::test]
async fn who_falls_behind_gets_what_came_in_late_too_and_nothing_twice() {
    let app = App::new("inbox_burst").await;
    let person = app.person("attendee");
    let before = tell(&app, &person, 20.0 * SECONDS).await;
    let mut client = watch(&app, &person, None).await;
    let first = tell(&app, &person, 0.0).await;
    assert_eq!(client.expect("notification").await.data["id"], first);
    // At once, and older than what was told: more than are kept for who is behind.
    let mut waiting = HashSet::new();
    for _ in 0..40 {
        waiting.insert(tell(&app, &person, 10.0 * SECONDS).await);
    }
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    while !waiting.is_empty() {
        let told = client.expect("notification").await;
        let id = told.data["id"].as_str().expect("an id").to_owned();
        assert!(waiting.remove(&id), "{id} was told before, or {before} though it was there already");
    }
}

#[tokio::test]
async fn only_who_is_signed_in_has_an_inbox_and_there_is_room_for_so_many() {
    let app = App::with("inbox_room", |api| api.max_live_readers(1)).await;
    let person = app.person("attendee");
    app.get(PATH).await.refused(401, "unauthorized");
    let mut client = watch(&app, &person, None).await;
    let refused = app.get_as(&person, PATH).await;
    refused.refused(503, "too-many-streams");
    assert_eq!(refused.header("retry-after"), "5");
    app.shutdown.request();
    assert!(client.next().await.is_none(), "streams end when the process stops");
}
