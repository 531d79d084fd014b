//! A request that is repeated with its key takes effect once (I2).

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{BoxOffice, PASSWORD, both_sources};

fn key() -> String {
    Uuid::now_v7().to_string()
}

/// The receipt of one process answers the request that another has refused meanwhile.
#[tokio::test]
async fn two_processes_with_one_key_make_one_booking() {
    let office = BoxOffice::in_roles(None).await;
    let (_, event) = office.event(30).await;
    for attendee in office.register_many("attendee", 30).await {
        let (token, body, key) =
            (Some(attendee.token.as_str()), json!({ "eventId": event.body["id"] }), key());
        // One to each of the two processes, in turn.
        let once = || office.post_with_key("/api/v1/bookings", token, &key, &body);
        let (one, other) = futures::join!(once(), once());
        assert_eq!(one.expect(StatusCode::CREATED).body, other.expect(StatusCode::CREATED).body);
    }
}

both_sources! {
    async fn the_first_success_comes_again_whatever_happened_since(office: &BoxOffice) {
        let (_, event) = office.event(3).await;
        let attendee = office.register("attendee").await;
        let (token, body, key) = (Some(attendee.token.as_str()), json!({ "eventId": event.body["id"] }), key());
        let first = office.post_with_key("/api/v1/bookings", token, &key, &body).await;
        first.expect(StatusCode::CREATED);
        let path = format!("/api/v1/bookings/{}", first.text("/id"));
        office.delete(&path, token).await.expect(StatusCode::NO_CONTENT);
        let again = office.post_with_key("/api/v1/bookings", token, &key, &body).await;
        again.expect(StatusCode::CREATED);
        assert_eq!(again.body, first.body);
        assert_eq!(again.headers["location"], first.headers["location"]);
    }

    async fn a_key_is_for_one_body_and_one_caller(office: &BoxOffice) {
        let ((_, event), (_, other)) = (office.event(3).await, office.event(3).await);
        let (ada, bob) = (office.register("attendee").await, office.register("attendee").await);
        let (body, key) = (json!({ "eventId": event.body["id"] }), key());
        let first = office.post_with_key("/api/v1/bookings", Some(&ada.token), &key, &body).await;
        let reused = json!({ "eventId": other.body["id"] });
        let refused = office.post_with_key("/api/v1/bookings", Some(&ada.token), &key, &reused).await;
        refused.expect_problem(422, "idempotency-key-reused");
        let of_bob = office.post_with_key("/api/v1/bookings", Some(&bob.token), &key, &body).await;
        of_bob.expect(StatusCode::CREATED);
        assert_ne!(of_bob.body["id"], first.body["id"]);
    }

    async fn a_refusal_is_decided_anew(office: &BoxOffice) {
        let (_, event) = office.event(1).await;
        let (ada, bob) = (office.register("attendee").await, office.register("attendee").await);
        let (body, key) = (json!({ "eventId": event.body["id"] }), key());
        let taken = office.book(&ada, &event.text("/id")).await;
        let refused = office.post_with_key("/api/v1/bookings", Some(&bob.token), &key, &body).await;
        refused.expect_problem(409, "sold-out");
        let path = format!("/api/v1/bookings/{}", taken.text("/id"));
        office.delete(&path, Some(&ada.token)).await.expect(StatusCode::NO_CONTENT);
        let now = office.post_with_key("/api/v1/bookings", Some(&bob.token), &key, &body).await;
        now.expect(StatusCode::CREATED);
    }

    async fn of_many_at_once_one_takes_effect(office: &BoxOffice) {
        let (host, _) = office.event(1).await;
        let (key, body) = (key(), crate::harness::event_request(7));
        let answers =
            join_all((0..20).map(|_| office.post_with_key("/api/v1/events", Some(&host.token), &key, &body))).await;
        for answer in &answers {
            assert_eq!(answer.expect(StatusCode::CREATED).body, answers[0].body);
        }
        let listed = office.get_after(&format!("/api/v1/events?host={}", host.id), None, &answers[0]).await;
        assert_eq!(listed.body["total"], 2, "the event made for the host, and one more");
    }

    async fn a_booking_that_is_repeated_at_once_is_one_booking(office: &BoxOffice) {
        let (_, event) = office.event(1).await;
        let attendee = office.register("attendee").await;
        let (token, body, key) = (Some(attendee.token.as_str()), json!({ "eventId": event.body["id"] }), key());
        let answers = join_all((0..10).map(|_| office.post_with_key("/api/v1/bookings", token, &key, &body))).await;
        for answer in &answers {
            assert_eq!(answer.expect(StatusCode::CREATED).body, answers[0].body);
        }
    }

    async fn a_repeated_registration_signs_in_again(office: &BoxOffice) {
        let email = format!("{}@example.org", Uuid::now_v7().simple());
        let body = json!({ "name": "A", "email": email, "password": PASSWORD, "role": "attendee" });
        let key = key();
        let first = office.post_with_key("/api/v1/auth/register", None, &key, &body).await;
        let again = office.post_with_key("/api/v1/auth/register", None, &key, &body).await;
        assert_eq!(again.expect(StatusCode::CREATED).body["user"], first.body["user"]);
        assert_ne!(again.body["refreshToken"], first.body["refreshToken"]);
    }
}
