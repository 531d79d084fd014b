//! What costs something is held for a while; a hold that has lapsed blocks nobody.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::eventually;

use crate::harness::{Answer, BoxOffice, DEADLINE, Person, both_sources, time};

fn types(capacity: u32) -> Value {
    json!([
        { "name": "Floor", "price": { "amount": 2500, "currency": "EUR" }, "capacity": capacity },
        { "name": "Balcony", "price": { "amount": 4000, "currency": "EUR" }, "capacity": capacity },
    ])
}

async fn book(office: &BoxOffice, attendee: &Person, event: &Answer, quantities: [u32; 2]) -> Answer {
    let tickets: Vec<Value> = quantities
        .iter()
        .enumerate()
        .filter(|(_, quantity)| **quantity > 0)
        .map(|(place, quantity)| {
            json!({ "ticketTypeId": event.body["ticketTypes"][place]["id"], "quantity": quantity })
        })
        .collect();
    let body = json!({ "eventId": event.body["id"], "tickets": tickets });
    office.post("/api/v1/bookings", Some(&attendee.token), &body).await
}

both_sources! {
    async fn priced_tickets_are_held_at_the_price_of_the_moment(office: &BoxOffice) {
        let (host, event) = office.event_selling("ticketTypes", types(10), 900).await;
        let attendee = office.register("attendee").await;
        let booking = book(office, &attendee, &event, [2, 1]).await;
        booking.expect(StatusCode::CREATED);
        assert_eq!(booking.body["status"], "held");
        assert_eq!(booking.body["total"], json!({ "amount": 9000, "currency": "EUR" }));
        let left = time(&booking.body["heldUntil"]) - Utc::now();
        assert!(left > TimeDelta::minutes(14) && left <= TimeDelta::minutes(15), "{left}");
        let path = format!("/api/v1/events/{}", event.text("/id"));
        let seen = office.get_after(&path, None, &booking).await;
        assert_eq!(
            (&seen.body["ticketTypes"][0]["held"], &seen.body["ticketTypes"][0]["available"]),
            (&json!(2), &json!(8))
        );
        assert_eq!(seen.body["numberOfAttendees"], 0, "held is not confirmed");

        let mut dearer = types(10);
        for place in [0, 1] {
            dearer[place]["id"] = event.body["ticketTypes"][place]["id"].clone();
            dearer[place]["price"]["amount"] = json!(9_999);
        }
        let changed = office.put(&path, Some(&host.token), &json!({ "ticketTypes": dearer })).await;
        assert_eq!(changed.expect(StatusCode::OK).body["version"], 2);
        let path = format!("/api/v1/bookings/{}", booking.text("/id"));
        let seen = office.get_after(&path, Some(&attendee.token), &booking).await;
        assert_eq!(seen.body, booking.body, "the price is frozen in the hold");
    }

    async fn quantities_have_limits_and_are_all_or_nothing(office: &BoxOffice) {
        let (_, event) = office.event_selling("ticketTypes", types(6), 900).await;
        let attendee = office.register("attendee").await;
        let refused = book(office, &attendee, &event, [6, 5]).await;
        assert_eq!(refused.expect_problem(409, "limit-exceeded").body["max"], 10);
        let refused = book(office, &attendee, &event, [1, 7]).await;
        assert_eq!(refused.expect_problem(409, "sold-out").body["available"], 6);
        let availability = format!("/api/v1/events/{}/availability", event.text("/id"));
        let seen = office.get_after(&availability, None, &event).await;
        assert_eq!((&seen.body["held"], &seen.body["available"]), (&json!(0), &json!(12)));
        let unnamed = json!({ "eventId": event.body["id"] });
        office.post("/api/v1/bookings", Some(&attendee.token), &unnamed).await.expect_invalid("tickets");
    }

    async fn a_booking_that_is_held_is_open_until_it_is_cancelled(office: &BoxOffice) {
        let (_, event) = office.event_selling("ticketTypes", types(10), 900).await;
        let attendee = office.register("attendee").await;
        let booking = book(office, &attendee, &event, [1, 0]).await;
        let refused = book(office, &attendee, &event, [0, 1]).await;
        assert_eq!(refused.expect_problem(409, "already-booked").body["bookingId"], booking.body["id"]);
        let path = format!("/api/v1/bookings/{}", booking.text("/id"));
        office.delete(&path, Some(&attendee.token)).await.expect(StatusCode::NO_CONTENT);
        book(office, &attendee, &event, [0, 1]).await.expect(StatusCode::CREATED);
    }

    async fn a_hold_can_be_extended_by_its_owner(office: &BoxOffice) {
        let (_, event) = office.event_selling("ticketTypes", types(6), 600).await;
        let (owner, other) = (office.register("attendee").await, office.register("attendee").await);
        let booking = book(office, &owner, &event, [1, 0]).await;
        let path = format!("/api/v1/bookings/{}/extend", booking.text("/id"));
        office.post(&path, Some(&other.token), &json!({})).await.expect_problem(403, "forbidden");
        tokio::time::sleep(Duration::from_millis(20)).await;
        let extended = office.post(&path, Some(&owner.token), &json!({})).await;
        extended.expect(StatusCode::OK);
        assert!(time(&extended.body["heldUntil"]) > time(&booking.body["heldUntil"]));
        let path = format!("/api/v1/bookings/{}", booking.text("/id"));
        let seen = office.get_after(&path, Some(&owner.token), &extended).await;
        assert_eq!(seen.body, extended.body);
        office.delete(&path, Some(&owner.token)).await.expect(StatusCode::NO_CONTENT);
        let path = format!("{path}/extend");
        office.post(&path, Some(&owner.token), &json!({})).await.expect_problem(409, "hold-expired");
    }

    async fn an_expired_hold_blocks_nobody_and_is_seen_to_have_expired(office: &BoxOffice) {
        let offer = json!([{ "name": "Only", "price": { "amount": 100, "currency": "EUR" }, "capacity": 1 }]);
        let (_, event) = office.event_selling("ticketTypes", offer, 5).await;
        let (first, second) = (office.register("attendee").await, office.register("attendee").await);
        let held = office.book(&first, &event.text("/id")).await;
        assert_eq!(held.expect(StatusCode::CREATED).body["status"], "held");
        office.book(&second, &event.text("/id")).await.expect_problem(409, "sold-out");
        let taken = eventually("the lapsed ticket can be taken", DEADLINE, || async {
            let taken = office.book(&second, &event.text("/id")).await;
            (taken.status == StatusCode::CREATED).then_some(taken)
        })
        .await;
        let path = format!("/api/v1/bookings/{}", held.text("/id"));
        let seen = office.get_after(&path, Some(&first.token), &taken).await;
        assert_eq!(seen.body["status"], "expired");
        eventually("the process manager or the next attendee made it visible", DEADLINE, || async {
            let seen = office.get(&path, Some(&first.token)).await;
            (seen.body["status"] == "expired" && seen.body["version"] == 2).then_some(())
        })
        .await;
        let extend = format!("{path}/extend");
        office.post(&extend, Some(&first.token), &json!({})).await.expect_problem(409, "hold-expired");
    }
}

#[tokio::test]
async fn the_process_manager_makes_lapsed_holds_visible() {
    let office = BoxOffice::up(None).await;
    let offer = json!([{ "name": "Only", "price": { "amount": 100, "currency": "EUR" }, "capacity": 20 }]);
    let (_, event) = office.event_selling("ticketTypes", offer, 1).await;
    let attendees = office.register_many("attendee", 10).await;
    for attendee in &attendees {
        office.book(attendee, &event.text("/id")).await.expect(StatusCode::CREATED);
    }
    let pool = sqlx::PgPool::connect(office.database.url()).await.expect("connects");
    eventually("every hold and every booking has expired in its stream", DEADLINE, || async {
        let count = "select count(*) from events where event_type = $1";
        let holds: i64 = sqlx::query_scalar(count).bind("HoldExpired").fetch_one(&pool).await.ok()?;
        let bookings: i64 = sqlx::query_scalar(count).bind("BookingExpired").fetch_one(&pool).await.ok()?;
        ((holds, bookings) == (10, 10)).then_some(())
    })
    .await;
}
