//! Hosts offer, attendees book, everybody sees the result.

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::eventually;

use crate::harness::{BoxOffice, DEADLINE, PASSWORD, both_sources, event_request};

both_sources! {
    async fn a_booking_from_end_to_end(office: &BoxOffice) {
        let (host, event) = office.event(2).await;
        let event_id = event.text("/id");
        assert_eq!(event.body["hostId"], host.id.as_str());
        assert_eq!(event.body["ticketTypes"][0]["available"], 2);
        let seen = office.get_after(&format!("/api/v1/events/{event_id}"), None, &event).await;
        seen.expect(StatusCode::OK);
        assert_eq!(seen.body, event.body, "both edges show the same");

        let attendee = office.register("attendee").await;
        let booking = office.book(&attendee, &event_id).await;
        booking.expect(StatusCode::CREATED);
        let path = format!("/api/v1/bookings/{}", booking.text("/id"));
        assert_eq!(booking.headers["location"], path.as_str());
        assert_eq!(booking.body["status"], "confirmed");
        assert_eq!(booking.body["total"], json!({ "amount": 0, "currency": "EUR" }));
        let seen = office.get_after(&path, Some(&attendee.token), &booking).await;
        assert_eq!(seen.body, booking.body, "both edges show the same");
        let seen = office.get_after(&format!("/api/v1/events/{event_id}"), None, &booking).await;
        assert_eq!(seen.body["numberOfAttendees"], 1);
        assert_eq!(seen.body["version"], 1, "sales are no new version of the details");
        let mine = office.get_after("/api/v1/bookings", Some(&attendee.token), &booking).await;
        assert_eq!((&mine.body["total"], &mine.body["items"][0]), (&json!(1), &booking.body));

        let cancelled = office.delete(&path, Some(&attendee.token)).await;
        cancelled.expect(StatusCode::NO_CONTENT);
        office.delete(&path, Some(&attendee.token)).await.expect(StatusCode::NO_CONTENT);
        let seen = office.get_after(&path, Some(&attendee.token), &cancelled).await;
        assert_eq!((&seen.body["status"], &seen.body["version"]), (&json!("cancelled"), &json!(2)));
        let seen = office.get_after(&format!("/api/v1/events/{event_id}"), None, &cancelled).await;
        assert_eq!(seen.body["numberOfAttendees"], 0);
    }

    async fn a_cancelled_ticket_can_be_booked_by_somebody_else(office: &BoxOffice) {
        let (_, event) = office.event(1).await;
        let (first, second) = (office.register("attendee").await, office.register("attendee").await);
        let booking = office.book(&first, &event.text("/id")).await;
        let refused = office.book(&second, &event.text("/id")).await;
        assert_eq!(refused.expect_problem(409, "sold-out").body["available"], 0);
        let path = format!("/api/v1/bookings/{}", booking.text("/id"));
        office.delete(&path, Some(&first.token)).await.expect(StatusCode::NO_CONTENT);
        office.book(&second, &event.text("/id")).await.expect(StatusCode::CREATED);
    }

    async fn an_attendee_has_one_open_booking_of_an_event(office: &BoxOffice) {
        let (_, event) = office.event(5).await;
        let attendee = office.register("attendee").await;
        let booking = office.book(&attendee, &event.text("/id")).await;
        let refused = office.book(&attendee, &event.text("/id")).await;
        assert_eq!(refused.expect_problem(409, "already-booked").body["bookingId"], booking.body["id"]);
    }

    async fn attendee_and_host_are_told_once(office: &BoxOffice) {
        let (host, event) = office.event(1).await;
        let attendee = office.register("attendee").await;
        let booking = office.book(&attendee, &event.text("/id")).await;
        let told = office.get_after("/api/v1/notifications", Some(&attendee.token), &booking).await;
        assert_eq!(told.body["total"], 1, "{}", told.body);
        assert_eq!(told.body["items"][0]["kind"], "booking-confirmed");
        assert_eq!(told.body["items"][0]["bookingId"], booking.body["id"]);
        // Sold out, given back, sold out again: the host is told of the first time only.
        let path = format!("/api/v1/bookings/{}", booking.text("/id"));
        office.delete(&path, Some(&attendee.token)).await.expect(StatusCode::NO_CONTENT);
        let again = office.book(&attendee, &event.text("/id")).await;
        again.expect(StatusCode::CREATED);
        let told = office.get_after("/api/v1/notifications", Some(&host.token), &again).await;
        assert_eq!(told.body["total"], 1, "{}", told.body);
        assert_eq!(told.body["items"][0]["kind"], "event-sold-out");
        assert_eq!(told.body["items"][0]["eventTitle"], event.body["title"]);
    }

    async fn who_registered_can_sign_in(office: &BoxOffice) {
        let person = office.register("attendee").await;
        let session = office.log_in(&person.email.to_uppercase(), PASSWORD).await;
        session.expect(StatusCode::OK);
        assert_eq!(session.body["user"]["id"], person.id.as_str());
        assert_eq!(session.body["expiresIn"], 900);
        let me = eventually("the user is in the read model", DEADLINE, || async {
            let me = office.get("/api/v1/auth/me", Some(&session.text("/accessToken"))).await;
            me.status.is_success().then_some(me)
        });
        assert_eq!(me.await.body, session.body["user"]);
    }

    async fn events_are_listed_by_date(office: &BoxOffice) {
        let host = office.register("host").await;
        let mut ids = Vec::new();
        for days in [3, 1, 2] {
            let start = chrono::Utc::now() + chrono::TimeDelta::days(days);
            let mut request = event_request(10);
            request["startDateTime"] = json!(start);
            request["endDateTime"] = json!(start + chrono::TimeDelta::hours(1));
            let created = office.post("/api/v1/events", Some(&host.token), &request).await;
            ids.push(created.expect(StatusCode::CREATED).body["id"].clone());
            // Each is a stream of its own, and Kafka keeps no order between them.
            office.get_after("/api/v1/events", None, &created).await.expect(StatusCode::OK);
        }
        let path = format!("/api/v1/events?host={}&limit=2", host.id);
        let first = office.get(&path, None).await;
        assert_eq!(first.body["total"], 3, "{}", first.body);
        let items = |answer: &Value| -> Vec<Value> {
            answer["items"].as_array().expect("items").iter().map(|item| item["id"].clone()).collect()
        };
        assert_eq!(items(&first.body), [ids[1].clone(), ids[2].clone()]);
        let next = first.text("/next");
        let second = office.get(&format!("{path}&cursor={next}"), None).await;
        assert_eq!(items(&second.body), [ids[0].clone()]);
        assert_eq!(second.body["next"], Value::Null);
    }
}
