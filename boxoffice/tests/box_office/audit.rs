//! An auditor reads who did what, when, in which order.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::eventually;
use uuid::Uuid;

use crate::harness::{BoxOffice, DEADLINE, PASSWORD, both_sources, event_request, send, with_token};

both_sources! {
    async fn a_bookings_stream_tells_who_did_what_when(office: &BoxOffice) {
        let (_, event) = office.event(1).await;
        let attendee = office.register("attendee").await;
        let booking = office.book(&attendee, &event.text("/id")).await;
        let path = format!("/api/v1/bookings/{}", booking.text("/id"));
        office.delete(&path, Some(&attendee.token)).await.expect(StatusCode::NO_CONTENT);

        let admin = office.admin().await;
        let path = format!("/api/v1/audit/streams/booking/{}", booking.text("/id"));
        let stream = eventually("both events are in the log", DEADLINE, || async {
            let answer = office.get(&path, Some(&admin.token)).await;
            let are_logged = answer.body["items"].as_array().is_some_and(|items| {
                items.len() == 2 && items.iter().all(|item| item["globalPosition"].is_i64())
            });
            are_logged.then_some(answer)
        })
        .await;
        let items = stream.body["items"].as_array().expect("items");
        let of = |field: &str| -> Vec<Value> { items.iter().map(|item| item[field].clone()).collect() };
        assert_eq!(of("type"), [json!("BookingConfirmed"), json!("BookingCancelled")]);
        assert_eq!(of("sequence"), [json!(1), json!(2)]);
        assert_eq!(of("actor"), [json!(attendee.id), json!(attendee.id)]);
        assert!(items[0]["time"].as_str() < items[1]["time"].as_str());
        assert!(items[0]["globalPosition"].as_i64() < items[1]["globalPosition"].as_i64());
        assert_eq!(items[0]["correlationId"].as_str(), Some(booking.headers["x-request-id"].to_str().expect("text")));
    }

    async fn a_request_id_that_may_be_somebodys_name_stays_out_of_the_log(office: &BoxOffice) {
        let email = format!("{}@example.org", Uuid::now_v7().simple());
        let body = json!({ "name": "A", "email": email, "password": PASSWORD, "role": "host" });
        let register = office.request(Method::POST, "/api/v1/auth/register").header("X-Request-Id", &email);
        let host = send(register.json(&body)).await;
        let event = with_token(office.request(Method::POST, "/api/v1/events"), Some(&host.text("/accessToken")));
        let event = send(event.header("X-Request-Id", &email).json(&event_request(1))).await;
        event.expect(StatusCode::CREATED);
        assert_eq!(event.headers["x-request-id"], email.as_str(), "the client sees its own id");
        let admin = office.admin().await;
        for (kind, id) in [("user", host.text("/user/id")), ("event", event.text("/id"))] {
            let stream = office.get(&format!("/api/v1/audit/streams/{kind}/{id}"), Some(&admin.token)).await;
            let correlation = stream.text("/items/0/correlationId");
            assert!(correlation.parse::<Uuid>().is_ok(), "{kind}: {correlation}");
        }
    }

    async fn an_auditor_reads_names_while_the_person_is_not_erased(office: &BoxOffice) {
        let person = office.register("attendee").await;
        let admin = office.admin().await;
        let path = format!("/api/v1/audit/streams/user/{}", person.id);
        let stream = eventually("the registration is in the log", DEADLINE, || async {
            let answer = office.get(&path, Some(&admin.token)).await;
            (answer.status == StatusCode::OK && answer.body["items"][0].is_object()).then_some(answer)
        })
        .await;
        assert!(stream.body["items"][0]["payload"].to_string().contains(&person.email), "{}", stream.body);
    }
}
