//! Who is told what: followers, people who wait for a sale, people with tickets.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::eventually;
use uuid::Uuid;

use crate::harness::{Answer, BoxOffice, DEADLINE, Person, both_sources, event_request};

const SOON: Duration = Duration::from_secs(2);

async fn create(office: &BoxOffice, host: &Person, of: impl FnOnce(&mut Value)) -> Answer {
    let mut request = event_request(5);
    of(&mut request);
    let created = office.post("/api/v1/events", Some(&host.token), &request).await;
    created.expect(StatusCode::CREATED);
    created
}

fn interest(event: &Answer) -> String {
    format!("/api/v1/events/{}/interest", event.text("/id"))
}

/// What somebody was told of an event, oldest first.
async fn told(office: &BoxOffice, person: &Person, event: &Answer) -> Vec<String> {
    let list = office.get("/api/v1/notifications?order=asc&limit=100", Some(&person.token)).await;
    let items = list.expect(StatusCode::OK).body["items"].as_array().expect("items").clone();
    let of_event = items.iter().filter(|item| item["eventId"] == event.body["id"]);
    of_event.map(|item| item["kind"].as_str().expect("a kind").to_owned()).collect()
}

async fn until_told(office: &BoxOffice, person: &Person, event: &Answer, kinds: &[&str]) {
    eventually(&format!("they are told {kinds:?}"), DEADLINE, || async {
        (told(office, person, event).await == kinds).then_some(())
    })
    .await;
}

/// Waits until notifications include what was written.
async fn included(office: &BoxOffice, person: &Person, writes: &[&Answer]) {
    for write in writes {
        let list = office.get_after("/api/v1/notifications", Some(&person.token), write).await;
        list.expect(StatusCode::OK);
    }
}

both_sources! {
    async fn followers_are_told_of_an_event_when_it_is_published(office: &BoxOffice) {
        let host = office.register("host").await;
        let (ada, bob) = (office.register("attendee").await, office.register("attendee").await);
        let follow = format!("/api/v1/users/{}/follow", host.id);
        for person in [&ada, &bob] {
            office.put(&follow, Some(&person.token), &Value::Null).await.expect(StatusCode::NO_CONTENT);
        }
        let unfollowed = office.delete(&follow, Some(&bob.token)).await;
        let draft = create(office, &host, |request| request["draft"] = json!(true)).await;
        let public = create(office, &host, |_| {}).await;
        until_told(office, &ada, &public, &["new-event"]).await;
        assert_eq!(told(office, &ada, &draft).await, [""; 0]);
        let path = format!("/api/v1/events/{}/publish", draft.text("/id"));
        let published = office.post(&path, Some(&host.token), &Value::Null).await;
        until_told(office, &ada, &draft, &["new-event"]).await;
        included(office, &bob, &[&unfollowed, &public, &published]).await;
        let of_bob = office.get("/api/v1/notifications", Some(&bob.token)).await;
        assert_eq!(of_bob.body["total"], 0, "{}", of_bob.body);
    }

    async fn who_is_interested_is_told_when_the_sale_starts(office: &BoxOffice) {
        let host = office.register("host").await;
        let later = Utc::now() + TimeDelta::days(1);
        let event = create(office, &host, |request| request["salesStart"] = json!(later)).await;
        let path = format!("/api/v1/events/{}", event.text("/id"));
        let sell_from = async |start: DateTime<Utc>| {
            let change = json!({ "salesStart": start });
            office.put(&path, Some(&host.token), &change).await.expect(StatusCode::OK);
        };
        let (ada, bob) = (office.register("attendee").await, office.register("attendee").await);
        for person in [&ada, &ada, &bob, &host] {
            let answer = office.put(&interest(&event), Some(&person.token), &Value::Null).await;
            answer.expect(StatusCode::NO_CONTENT);
        }
        for _ in 0..2 {
            let answer = office.delete(&interest(&event), Some(&bob.token)).await;
            answer.expect(StatusCode::NO_CONTENT);
        }
        sell_from(Utc::now() + SOON).await;
        until_told(office, &ada, &event, &["sale-started"]).await;
        until_told(office, &host, &event, &["sale-started"]).await;
        office.book(&ada, &event.text("/id")).await.expect(StatusCode::CREATED);

        // Put off, it starts again; now Bob waits for it, too.
        sell_from(later).await;
        office.put(&interest(&event), Some(&bob.token), &Value::Null).await.expect(StatusCode::NO_CONTENT);
        sell_from(Utc::now() + SOON).await;
        until_told(office, &bob, &event, &["sale-started"]).await;
        let of_ada = ["sale-started", "booking-confirmed", "event-updated", "event-updated", "sale-started"];
        until_told(office, &ada, &event, &of_ada).await;
    }

    async fn a_sale_that_is_brought_forward_to_now_starts(office: &BoxOffice) {
        let host = office.register("host").await;
        let later = Utc::now() + TimeDelta::days(1);
        let event = create(office, &host, |request| request["salesStart"] = json!(later)).await;
        let ada = office.register("attendee").await;
        office.put(&interest(&event), Some(&ada.token), &Value::Null).await.expect(StatusCode::NO_CONTENT);
        let path = format!("/api/v1/events/{}", event.text("/id"));
        let now = json!({ "salesStart": null });
        office.put(&path, Some(&host.token), &now).await.expect(StatusCode::OK);
        until_told(office, &ada, &event, &["sale-started"]).await;
    }

    async fn nobody_is_interested_in_what_they_may_not_know_of(office: &BoxOffice) {
        let (host, other) = (office.register("host").await, office.register("host").await);
        let draft = create(office, &host, |request| request["draft"] = json!(true)).await;
        let own = office.put(&interest(&draft), Some(&host.token), &Value::Null).await;
        own.expect(StatusCode::NO_CONTENT);
        let (draft_path, nothing) = (interest(&draft), format!("/api/v1/events/{}/interest", Uuid::now_v7()));
        for path in [draft_path.as_str(), nothing.as_str(), "/api/v1/events/1/interest"] {
            let token = Some(other.token.as_str());
            office.put(path, token, &Value::Null).await.expect_problem(404, "not-found");
            office.delete(path, token).await.expect_problem(404, "not-found");
            office.put(path, None, &Value::Null).await.expect_problem(401, "unauthorized");
            office.delete(path, None).await.expect_problem(401, "unauthorized");
        }
        // What was once public stays known.
        let event = create(office, &host, |_| {}).await;
        let path = format!("/api/v1/events/{}", event.text("/id"));
        office.delete(&path, Some(&host.token)).await.expect(StatusCode::NO_CONTENT);
        let deleted = office.put(&interest(&event), Some(&other.token), &Value::Null).await;
        deleted.expect(StatusCode::NO_CONTENT);
    }

    async fn who_has_a_ticket_is_told_what_becomes_of_the_event_and_the_booking(office: &BoxOffice) {
        let (host, event) = office.event(5).await;
        let (ada, bob) = (office.register("attendee").await, office.register("attendee").await);
        office.book(&ada, &event.text("/id")).await.expect(StatusCode::CREATED);
        let booking = office.book(&bob, &event.text("/id")).await;
        let path = format!("/api/v1/bookings/{}", booking.text("/id"));
        office.delete(&path, Some(&bob.token)).await.expect(StatusCode::NO_CONTENT);
        until_told(office, &bob, &event, &["booking-confirmed", "booking-cancelled"]).await;

        let path = format!("/api/v1/events/{}", event.text("/id"));
        let title = json!({ "title": "A night of engines" });
        office.put(&path, Some(&host.token), &title).await.expect(StatusCode::OK);
        let cancelled = office.post(&format!("{path}/cancel"), Some(&host.token), &Value::Null).await;
        cancelled.expect(StatusCode::OK);
        let kinds = ["booking-confirmed", "event-updated", "event-cancelled", "booking-cancelled"];
        until_told(office, &ada, &event, &kinds).await;
        included(office, &bob, &[&cancelled]).await;
        assert_eq!(told(office, &bob, &event).await, ["booking-confirmed", "booking-cancelled"]);
    }

    async fn who_held_tickets_is_told_that_the_hold_has_expired(office: &BoxOffice) {
        let types = json!([{ "name": "Floor", "price": { "amount": 2500, "currency": "EUR" }, "capacity": 3 }]);
        let (_, event) = office.event_selling("ticketTypes", types, 1).await;
        let ada = office.register("attendee").await;
        office.book(&ada, &event.text("/id")).await.expect(StatusCode::CREATED);
        until_told(office, &ada, &event, &["booking-expired"]).await;
    }
}
