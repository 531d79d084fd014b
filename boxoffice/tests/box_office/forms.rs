//! The forms that all answers have: names, times, ids, money; and the shapes of the main resources.

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, BoxOffice, PASSWORD, both_sources};

/// Calls `see` with the name and the value of every member, however deep.
fn members(value: &Value, see: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                see(name, value);
                members(value, see);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[track_caller]
fn expect_forms(answer: &Answer) {
    members(&answer.body, &mut |name, value| {
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{name} is not in camelCase");
        assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{name} is not in camelCase");
        let Some(text) = value.as_str() else { return };
        let is_time = ["At", "Time", "Until", "Start", "End", "asOf"].iter().any(|end| name.ends_with(end));
        if is_time {
            let time: DateTime<Utc> = text.parse().expect("RFC 3339");
            assert!(text.ends_with('Z') && time.timestamp() > 0, "{name} is not in UTC: {text}");
        }
        // Seats are numbered within their event: docs/adr/0010-seat-ids.md.
        if name == "id" || name.ends_with("Id") {
            let id: Uuid = text.parse().expect("a UUID");
            assert_eq!(id.get_version_num(), 7, "{name}: {text}");
        }
    });
}

#[track_caller]
fn expect_members(value: &Value, names: &[&str]) {
    let mut expected = names.to_vec();
    expected.sort_unstable();
    let mut there: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    there.sort_unstable();
    assert_eq!(there, expected);
}

const USER: [&str; 6] = ["id", "name", "email", "role", "createdAt", "version"];
const SESSION: [&str; 4] = ["user", "accessToken", "expiresIn", "refreshToken"];
const EVENT: [&str; 18] = [
    "id",
    "hostId",
    "title",
    "description",
    "venue",
    "startDateTime",
    "endDateTime",
    "timeZone",
    "salesStart",
    "salesEnd",
    "maxTicketsPerBooking",
    "holdSeconds",
    "status",
    "capacity",
    "numberOfAttendees",
    "ticketTypes",
    "createdAt",
    "version",
];
const TICKET_TYPE: [&str; 7] = ["id", "name", "price", "capacity", "sold", "held", "available"];
const BOOKING: [&str; 10] =
    ["id", "eventId", "userId", "status", "tickets", "seats", "total", "heldUntil", "createdAt", "version"];
const LIST: [&str; 5] = ["items", "total", "limit", "offset", "next"];

both_sources! {
    async fn answers_have_the_shapes_and_forms_of_the_contract(office: &BoxOffice) {
        let offer = json!([{ "name": "Floor", "price": { "amount": 2500, "currency": "EUR" }, "capacity": 5 }]);
        let (host, event) = office.event_selling("ticketTypes", offer, 600).await;
        expect_members(&event.body, &EVENT);
        expect_members(&event.body["ticketTypes"][0], &TICKET_TYPE);
        assert_eq!(event.body["ticketTypes"][0]["price"], json!({ "amount": 2500, "currency": "EUR" }));
        let attendee = office.register("attendee").await;
        let booking = office.book(&attendee, &event.text("/id")).await;
        expect_members(&booking.expect(StatusCode::CREATED).body, &BOOKING);
        assert_eq!(booking.body["total"], json!({ "amount": 2500, "currency": "EUR" }));

        // The booking's token tells nothing of the host.
        office.until_known(&host).await;
        let of_event = format!("/api/v1/events/{}", event.text("/id"));
        let one = format!("/api/v1/bookings/{}", booking.text("/id"));
        for (path, token, shape) in [
            (of_event.clone(), None, &EVENT[..]),
            (one, Some(&attendee.token), &BOOKING),
            (format!("/api/v1/users/{}", host.id), Some(&host.token), &USER),
            ("/api/v1/auth/me".to_owned(), Some(&attendee.token), &USER),
            ("/api/v1/bookings".to_owned(), Some(&attendee.token), &LIST),
            ("/api/v1/notifications".to_owned(), Some(&attendee.token), &LIST),
            ("/api/v1/auth/sessions".to_owned(), Some(&attendee.token), &LIST),
            (format!("/api/v1/events?host={}", host.id), None, &LIST),
            (format!("{of_event}/bookings"), Some(&host.token), &LIST),
            (
                format!("{of_event}/availability"),
                None,
                &["capacity", "sold", "held", "available", "ticketTypes", "asOf"],
            ),
        ] {
            let answer = office.get_after(&path, token.map(String::as_str), &booking).await;
            expect_members(&answer.expect(StatusCode::OK).body, shape);
            expect_forms(&answer);
        }
        expect_forms(&event);
        expect_forms(&booking);
    }

    async fn who_registers_or_signs_in_gets_user_and_tokens(office: &BoxOffice) {
        for role in ["host", "attendee"] {
            let email = format!("{}@example.org", Uuid::now_v7().simple());
            let body = json!({ "name": "Ada", "email": email, "password": PASSWORD, "role": role });
            let registered = office.post("/api/v1/auth/register", None, &body).await;
            registered.expect(StatusCode::CREATED);
            let signed_in = office.log_in(&email, PASSWORD).await;
            signed_in.expect(StatusCode::OK);
            for answer in [&registered, &signed_in] {
                expect_members(&answer.body, &SESSION);
                expect_members(&answer.body["user"], &USER);
                assert_eq!(
                    (&answer.body["user"]["role"], &answer.body["user"]["email"]),
                    (&json!(role), &json!(email))
                );
                assert_eq!(answer.body["expiresIn"], 900, "15 minutes");
                expect_forms(answer);
                let token = answer.text("/accessToken");
                let me = office.get_after("/api/v1/auth/me", Some(&token), &registered).await;
                assert_eq!(me.expect(StatusCode::OK).body, answer.body["user"]);
                let next = json!({ "refreshToken": answer.text("/refreshToken") });
                office.post("/api/v1/auth/refresh", None, &next).await.expect(StatusCode::OK);
            }
        }
    }
}
