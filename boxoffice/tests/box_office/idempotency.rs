//! A request that is repeated with its key takes effect once (I2).

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::eventually;
use uuid::Uuid;

use crate::harness::{Answer, BoxOffice, DEADLINE, PASSWORD, Person, both_sources};

/// How long a request waits for another one with its key.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

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

/// More attempts than a booking may have, and than anybody should have to make.
const MANY: usize = 45;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_repeats_a_payment_through_an_outage_pays_when_it_is_over() {
    let office = BoxOffice::up(None).await;
    let offer = json!([{ "name": "A", "price": { "amount": 2_500, "currency": "EUR" }, "capacity": 9 }]);
    let (_, event) = office.event_selling("ticketTypes", offer, 600).await;
    let attendee = office.register("attendee").await;
    let held = office.book(&attendee, &event.text("/id")).await;
    let (path, key) = (format!("/api/v1/bookings/{}/payment", held.text("/id")), key());
    let (token, card) = (Some(attendee.token.as_str()), json!({ "paymentMethod": "pm_card_visa" }));
    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    let pay = || office.post_with_key(&path, token, &key, &card);
    // The embedded gateway without its memory answers nobody.
    let rename = "alter table test_gateway_pages rename to test_gateway_pages_away";
    sqlx::query(rename).execute(&pool).await.expect("renames");
    for _ in 0..MANY {
        pay().await.expect_problem(503, "payments-unavailable");
    }
    let rename = "alter table test_gateway_pages_away rename to test_gateway_pages";
    sqlx::query(rename).execute(&pool).await.expect("renames");
    let paid = pay().await;
    assert_eq!(pay().await.expect(StatusCode::OK).body, paid.expect(StatusCode::OK).body);
}

/// Asks again where another request with this key took longer than this one may wait for it.
async fn until_done(office: &BoxOffice, path: &str, person: &Person, key: &str, body: &Value) -> Answer {
    eventually("the request with this key is done", DEADLINE, async || {
        let asked = Instant::now();
        let answer = office.post_with_key(path, Some(&person.token), key, body).await;
        if answer.body["code"] != "request-in-progress" {
            return Some(answer);
        }
        assert!(asked.elapsed() >= LONGEST_WAIT, "it does not wait");
        None
    })
    .await
}

both_sources! {
    async fn every_post_can_be_repeated_with_its_key(office: &BoxOffice) {
        let offer = json!([{ "name": "A", "price": { "amount": 1, "currency": "EUR" }, "capacity": 9 }]);
        let (host, event) = office.event_selling("ticketTypes", offer, 600).await;
        let attendee = office.register("attendee").await;
        let held = office.book(&attendee, &event.text("/id")).await;
        let register = json!({
            "name": "A", "email": format!("{}@example.org", key()), "password": PASSWORD, "role": "host"
        });
        let log_in = json!({ "email": attendee.email, "password": PASSWORD });
        let session = office.log_in(&attendee.email, PASSWORD).await;
        let refresh = json!({ "refreshToken": session.text("/refreshToken") });
        let password = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
        let (_, other) = office.event(5).await;
        let booking = json!({ "eventId": other.body["id"] });
        let of_event = format!("/api/v1/events/{}", event.text("/id"));
        let (publish, cancel) = (format!("{of_event}/publish"), format!("{of_event}/cancel"));
        let extend = format!("/api/v1/bookings/{}/extend", held.text("/id"));
        let (host, attendee) = (Some(host.token.as_str()), Some(attendee.token.as_str()));
        for (path, token, body, status) in [
            ("/api/v1/auth/register", None, register, 201),
            ("/api/v1/auth/login", None, log_in, 200),
            ("/api/v1/auth/refresh", None, refresh, 200),
            ("/api/v1/auth/password", attendee, password, 204),
            ("/api/v1/auth/logout", attendee, json!({}), 204),
            ("/api/v1/events", host, crate::harness::event_request(3), 201),
            ("/api/v1/bookings", attendee, booking, 201),
            (extend.as_str(), attendee, json!({}), 200),
            (publish.as_str(), host, json!({}), 200),
            (cancel.as_str(), host, json!({}), 200),
        ] {
            let key = key();
            let first = office.post_with_key(path, token, &key, &body).await;
            let again = office.post_with_key(path, token, &key, &body).await;
            assert_eq!(
                (first.status.as_u16(), again.status.as_u16()), (status, status), "{path}: {} {}", first.body, again.body
            );
            for member in ["id", "version", "heldUntil", "status"] {
                assert_eq!(first.body[member], again.body[member], "{path}: {member}");
            }
        }
    }

    async fn a_key_of_one_route_means_nothing_to_another(office: &BoxOffice) {
        let host = office.register("host").await;
        let (token, key) = (Some(host.token.as_str()), key());
        let event = crate::harness::event_request(3);
        office.post_with_key("/api/v1/events", token, &key, &event).await.expect(StatusCode::CREATED);
        let password = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
        let answer = office.post_with_key("/api/v1/auth/password", token, &key, &password).await;
        answer.expect(StatusCode::NO_CONTENT);
    }

    async fn a_key_is_kept_for_24_hours(office: &BoxOffice) {
        let (_, event) = office.event(3).await;
        let attendee = office.register("attendee").await;
        let (token, body, key) = (Some(attendee.token.as_str()), json!({ "eventId": event.body["id"] }), key());
        let booking = office.post_with_key("/api/v1/bookings", token, &key, &body).await;
        let pool = sqlx::PgPool::connect(office.database.url()).await.expect("connects");
        let kept: f64 = sqlx::query_scalar(
            "select extract(epoch from expires_at - now())::float8 from receipts where outcome::text like '%' || $1 || '%'",
        )
        .bind(booking.text("/id"))
        .fetch_one(&pool)
        .await
        .expect("a receipt");
        assert!((kept - 24.0 * 3600.0).abs() < 120.0, "{kept} seconds");
    }

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
            join_all((0..20).map(|_| until_done(office, "/api/v1/events", &host, &key, &body))).await;
        for answer in &answers {
            assert_eq!(answer.expect(StatusCode::CREATED).body, answers[0].body);
        }
        let listed = office.get_after(&format!("/api/v1/events?host={}", host.id), None, &answers[0]).await;
        assert_eq!(listed.body["total"], 2, "the event made for the host, and one more");
    }

    async fn a_booking_that_is_repeated_at_once_is_one_booking(office: &BoxOffice) {
        let (_, event) = office.event(1).await;
        let attendee = office.register("attendee").await;
        let (body, key) = (json!({ "eventId": event.body["id"] }), key());
        let answers =
            join_all((0..10).map(|_| until_done(office, "/api/v1/bookings", &attendee, &key, &body))).await;
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
