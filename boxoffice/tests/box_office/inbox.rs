//! What is done with notifications: reading them, choosing which ones come and how, watching them come.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, BoxOffice, Person, both_sources, send, with_token};

/// An attendee who was told that a booking is confirmed, and the notification.
async fn told_person(office: &BoxOffice) -> (Person, Value) {
    let (_, event) = office.event(5).await;
    let ada = office.register("attendee").await;
    let booking = office.book(&ada, &event.text("/id")).await;
    let list = office.get_after("/api/v1/notifications", Some(&ada.token), &booking).await;
    (ada, list.expect(StatusCode::OK).body["items"][0].clone())
}

fn read_path(notification: &Value) -> String {
    format!("/api/v1/notifications/{}/read", notification["id"].as_str().expect("an id"))
}

async fn totals(office: &BoxOffice, person: &Person, after: &Answer) -> [Value; 2] {
    let unread = office.get_after("/api/v1/notifications?unread=true", Some(&person.token), after).await;
    let read = office.get_after("/api/v1/notifications?unread=false", Some(&person.token), after).await;
    [unread.body["total"].clone(), read.body["total"].clone()]
}

/// The next messages of a live stream, up to so many.
async fn messages(stream: &mut Response, count: usize) -> Vec<(String, Value)> {
    let (mut text, mut found) = (String::new(), Vec::new());
    while found.len() < count {
        let piece = stream.chunk().await.expect("reads").expect("the stream goes on");
        text.push_str(std::str::from_utf8(&piece).expect("text"));
        while let Some((block, rest)) = text.split_once("\n\n") {
            let field =
                |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if let (Some(id), Some(data)) = (field("id: "), field("data: ")) {
                assert_eq!(field("event: ").as_deref(), Some("notification"));
                found.push((id, serde_json::from_str(&data).expect("JSON")));
            }
            text = rest.to_owned();
        }
    }
    found
}

async fn watch(office: &BoxOffice, person: &Person, last_id: Option<&str>) -> Response {
    let mut request =
        with_token(office.request(Method::GET, "/api/v1/notifications/live"), Some(&person.token));
    if let Some(id) = last_id {
        request = request.header("Last-Event-ID", id);
    }
    let stream = request.send().await.expect("an answer");
    assert_eq!(stream.status(), StatusCode::OK);
    stream
}

both_sources! {
    async fn a_notification_is_read_once_by_whom_it_is_for(office: &BoxOffice) {
        let ((ada, told), (bob, other)) = (told_person(office).await, told_person(office).await);
        assert_eq!((&told["kind"], &told["readAt"]), (&json!("booking-confirmed"), &Value::Null));
        let read = office.post(&read_path(&told), Some(&ada.token), &Value::Null).await;
        read.expect(StatusCode::NO_CONTENT);
        assert_eq!(totals(office, &ada, &read).await, [json!(0), json!(1)]);
        let list = office.get("/api/v1/notifications", Some(&ada.token)).await;
        let read_at = list.text("/items/0/readAt");

        let again = office.post_with_key(&read_path(&told), Some(&ada.token), "once-more", &Value::Null).await;
        again.expect(StatusCode::NO_CONTENT);
        let list = office.get_after("/api/v1/notifications", Some(&ada.token), &again).await;
        assert_eq!(list.text("/items/0/readAt"), read_at);

        for id in [other["id"].clone(), json!(Uuid::now_v7()), json!("1")] {
            let path = read_path(&json!({ "id": id }));
            let refused = office.post(&path, Some(&ada.token), &Value::Null).await;
            refused.expect_problem(404, "not-found");
        }
        office.post(&read_path(&told), None, &Value::Null).await.expect_problem(401, "unauthorized");
        assert_eq!(totals(office, &bob, &again).await, [json!(1), json!(0)]);
    }

    async fn a_kind_that_is_not_wanted_is_not_in_the_inbox(office: &BoxOffice) {
        let (_, event) = office.event(5).await;
        let ada = office.register("attendee").await;
        let path = format!("/api/v1/users/{}/preferences", ada.id);
        let said = json!({ "booking-confirmed": "none", "booking-cancelled": "inbox" });
        let changed = office.put(&path, Some(&ada.token), &said).await;
        changed.expect(StatusCode::OK);
        assert_eq!(
            (&changed.body["booking-confirmed"], &changed.body["new-event"]),
            (&json!("none"), &json!("both"))
        );
        let seen = office.get_after(&path, Some(&ada.token), &changed).await;
        assert_eq!((&seen.body, &seen.headers["etag"]), (&changed.body, &changed.headers["etag"]));

        let booking = office.book(&ada, &event.text("/id")).await;
        let cancelled = format!("/api/v1/bookings/{}", booking.text("/id"));
        let cancelled = office.delete(&cancelled, Some(&ada.token)).await;
        let list = office.get_after("/api/v1/notifications", Some(&ada.token), &cancelled).await;
        list.expect(StatusCode::OK);
        assert_eq!((&list.body["total"], list.text("/items/0/kind")), (&json!(1), "booking-cancelled".to_owned()));
    }

    async fn preferences_are_ones_own_and_name_what_there_is(office: &BoxOffice) {
        let (ada, bob) = (office.register("attendee").await, office.register("attendee").await);
        let path = format!("/api/v1/users/{}/preferences", ada.id);
        let put = |person: &Person, body: Value| {
            let request = with_token(office.request(Method::PUT, &path), Some(&person.token));
            request.json(&body)
        };
        send(put(&bob, json!({ "nonsense": "inbox" }))).await.expect_problem(403, "forbidden");
        office.get(&path, Some(&bob.token)).await.expect_problem(403, "forbidden");
        send(put(&ada, json!({ "nonsense": "inbox" }))).await.expect_invalid("nonsense");
        send(put(&ada, json!({ "new-event": "pigeon" }))).await.expect_invalid("new-event");
        office.put(&path, None, &json!({})).await.expect_problem(401, "unauthorized");

        let first = send(put(&ada, json!({ "new-event": "email" }))).await;
        assert_eq!(first.expect(StatusCode::OK).headers["etag"], "\"2\"");
        let stale = put(&ada, json!({ "new-event": "both" })).header("If-Match", "\"1\"");
        send(stale).await.expect_problem(412, "version-conflict");
        let same = send(put(&ada, json!({ "new-event": "email" })).header("If-Match", "\"2\"")).await;
        assert_eq!(same.expect(StatusCode::OK).headers["etag"], "\"2\"", "nothing has changed");
        let empty = send(put(&ada, json!({}))).await;
        assert_eq!(empty.expect(StatusCode::OK).body["new-event"], "email", "what is left out stays");
    }

    async fn notifications_are_pushed_as_they_come_and_who_comes_back_goes_on(office: &BoxOffice) {
        let (_, event) = office.event(5).await;
        let ada = office.register("attendee").await;
        let refused = office.get("/api/v1/notifications/live", None).await;
        refused.expect_problem(401, "unauthorized");
        let mut stream = watch(office, &ada, None).await;
        let booking = office.book(&ada, &event.text("/id")).await;
        let first = messages(&mut stream, 1).await;
        let list = office.get("/api/v1/notifications", Some(&ada.token)).await;
        assert_eq!(first[0].1, list.body["items"][0], "the shape of the list");
        assert_eq!(first[0].1["bookingId"], booking.body["id"]);
        drop(stream);

        let path = format!("/api/v1/bookings/{}", booking.text("/id"));
        office.delete(&path, Some(&ada.token)).await.expect(StatusCode::NO_CONTENT);
        let mut stream = watch(office, &ada, Some(&first[0].0)).await;
        let missed = messages(&mut stream, 1).await;
        assert_eq!(missed[0].1["kind"], "booking-cancelled");
        office.book(&ada, &event.text("/id")).await.expect(StatusCode::CREATED);
        assert_eq!(messages(&mut stream, 1).await[0].1["kind"], "booking-confirmed");
    }
}
