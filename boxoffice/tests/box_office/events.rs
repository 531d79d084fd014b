//! What a host does with an event.

use chrono::{TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::eventually;

use crate::harness::{BoxOffice, DEADLINE, both_sources, event_request, send, with_token};

/// Sections of so many rows with so many seats.
fn sections(sections: u32, rows: u32, seats: u32, name: &str) -> Value {
    let rows: Vec<Value> = (1..=rows).map(|row| json!({ "row": format!("{row}"), "seats": seats })).collect();
    let ticket_type = json!({ "name": "Seat", "price": { "amount": 2500, "currency": "EUR" } });
    let section = |number: u32| json!({ "section": format!("{name} {number}"), "ticketType": ticket_type, "rows": rows });
    (1..=sections).map(section).collect()
}

both_sources! {
    async fn a_draft_is_its_hosts_alone_until_it_is_published(office: &BoxOffice) {
        let (host, other) = (office.register("host").await, office.register("host").await);
        let attendee = office.register("attendee").await;
        let mut request = event_request(5);
        request["draft"] = json!(true);
        let draft = office.post("/api/v1/events", Some(&host.token), &request).await;
        assert_eq!(draft.expect(StatusCode::CREATED).body["status"], "draft");
        let path = format!("/api/v1/events/{}", draft.text("/id"));
        office.get_after(&path, Some(&host.token), &draft).await.expect(StatusCode::OK);
        for token in [None, Some(other.token.as_str()), Some(attendee.token.as_str())] {
            office.get_after(&path, token, &draft).await.expect_problem(404, "not-found");
        }
        office.book(&attendee, &draft.text("/id")).await.expect_problem(404, "not-found");
        let publish = format!("{path}/publish");
        office.post(&publish, Some(&other.token), &json!({})).await.expect_problem(404, "not-found");
        for _ in 0..2 {
            let published = office.post(&publish, Some(&host.token), &json!({})).await;
            assert_eq!(published.expect(StatusCode::OK).body["status"], "published");
        }
        let booking = office.book(&attendee, &draft.text("/id")).await;
        booking.expect(StatusCode::CREATED);
        office.get_after(&path, None, &booking).await.expect(StatusCode::OK);
    }

    async fn a_change_keeps_what_is_left_out_and_heeds_the_version(office: &BoxOffice) {
        let (host, event) = office.event(5).await;
        let path = format!("/api/v1/events/{}", event.text("/id"));
        let change = json!({ "title": "Another title", "venue": "Hall 2", "timeZone": "Asia/Tokyo" });
        let changed = office.put(&path, Some(&host.token), &change).await;
        changed.expect(StatusCode::OK);
        assert_eq!(changed.headers["etag"], "\"2\"");
        assert_eq!(changed.body["startDateTime"], event.body["startDateTime"]);
        assert_eq!(changed.body["timeZone"], "Asia/Tokyo");
        let seen = office.get_after(&path, None, &changed).await;
        assert_eq!(seen.body, changed.body, "both edges show the same");
        let again = office.put(&path, Some(&host.token), &change).await;
        assert_eq!(again.expect(StatusCode::OK).body["version"], 2, "the same again is no change");

        let stale = with_token(office.request(Method::PUT, &path), Some(&host.token)).header("If-Match", "\"1\"");
        send(stale.json(&json!({ "title": "Too late" }))).await.expect_problem(412, "version-conflict");
        let fresh = with_token(office.request(Method::PUT, &path), Some(&host.token)).header("If-Match", "\"2\"");
        let taken_away = send(fresh.json(&json!({ "venue": null }))).await;
        assert_eq!(taken_away.expect(StatusCode::OK).body["venue"], json!(null));
    }

    async fn a_change_cannot_break_what_is_sold(office: &BoxOffice) {
        let (host, event) = office.event(5).await;
        let (other, path) = (office.register("host").await, format!("/api/v1/events/{}", event.text("/id")));
        for attendee in office.register_many("attendee", 3).await {
            office.book(&attendee, &event.text("/id")).await.expect(StatusCode::CREATED);
        }
        let refused = office.put(&path, Some(&host.token), &json!({ "capacity": 2 })).await;
        assert_eq!(refused.expect_problem(409, "capacity-below-sold").body["soldAndHeld"], 3);
        office.put(&path, Some(&host.token), &json!({ "capacity": 3 })).await.expect(StatusCode::OK);
        let anew = json!({ "ticketTypes": [
            { "name": "New", "price": { "amount": 0, "currency": "EUR" }, "capacity": 5 }
        ] });
        office.put(&path, Some(&host.token), &anew).await.expect_problem(409, "ticket-type-in-use");
        office.put(&path, Some(&other.token), &json!({ "title": "Mine" })).await.expect_problem(403, "forbidden");
        let end = json!({ "endDateTime": Utc::now() - TimeDelta::days(1) });
        office.put(&path, Some(&host.token), &end).await.expect_invalid("endDateTime");
        let attendee = office.register("attendee").await;
        office.book(&attendee, &event.text("/id")).await.expect_problem(409, "sold-out");
    }

    async fn the_sale_has_a_window(office: &BoxOffice) {
        let host = office.register("host").await;
        let attendee = office.register("attendee").await;
        let mut request = event_request(5);
        request["salesStart"] = json!(Utc::now() + TimeDelta::days(1));
        let event = office.post("/api/v1/events", Some(&host.token), &request).await;
        office.book(&attendee, &event.text("/id")).await.expect_problem(409, "sales-not-open");
        let path = format!("/api/v1/events/{}", event.text("/id"));
        let open = json!({ "salesStart": null });
        office.put(&path, Some(&host.token), &open).await.expect(StatusCode::OK);
        office.book(&attendee, &event.text("/id")).await.expect(StatusCode::CREATED);
    }

    async fn what_a_host_leaves_out_has_a_default(office: &BoxOffice) {
        let host = office.register("host").await;
        let mut request = event_request(5);
        request.as_object_mut().expect("an object").remove("timeZone");
        let event = office.post("/api/v1/events", Some(&host.token), &request).await;
        let body = &event.expect(StatusCode::CREATED).body;
        for field in ["description", "venue", "salesStart", "salesEnd"] {
            assert_eq!(body[field], Value::Null, "{field}");
        }
        assert_eq!((&body["timeZone"], &body["status"]), (&json!("UTC"), &json!("published")));
        assert_eq!((&body["maxTicketsPerBooking"], &body["holdSeconds"]), (&json!(10), &json!(900)));
        let only = &body["ticketTypes"][0];
        assert_eq!(only["price"], json!({ "amount": 0, "currency": "EUR" }), "free of charge");
        assert_eq!((&only["capacity"], &body["ticketTypes"][1]), (&json!(5), &Value::Null));

        for (field, value) in [
            ("description", json!("All of them,\nfrom the first on")),
            ("venue", json!("Hall 1")),
            ("timeZone", json!("Asia/Tokyo")),
            ("salesStart", json!("2026-01-01T00:00:00Z")),
            ("salesEnd", body["endDateTime"].clone()),
            ("maxTicketsPerBooking", json!(3)),
            ("holdSeconds", json!(60)),
        ] {
            request[field] = value.clone();
            let event = office.post("/api/v1/events", Some(&host.token), &request).await;
            assert_eq!(event.expect(StatusCode::CREATED).body[field], value, "{field}");
        }
    }

    async fn an_event_lasts_five_minutes_to_fourteen_days(office: &BoxOffice) {
        let host = office.register("host").await;
        let create = async |length: TimeDelta| {
            let mut request = event_request(5);
            let start = Utc::now() + TimeDelta::days(1);
            request["startDateTime"] = json!(start);
            request["endDateTime"] = json!(start + length);
            office.post("/api/v1/events", Some(&host.token), &request).await
        };
        for length in [TimeDelta::minutes(5), TimeDelta::days(14)] {
            create(length).await.expect(StatusCode::CREATED);
        }
        let second = TimeDelta::seconds(1);
        for length in [TimeDelta::zero(), -second, TimeDelta::minutes(5) - second, TimeDelta::days(14) + second] {
            create(length).await.expect_invalid("endDateTime");
        }
    }

    async fn an_events_times_are_those_that_rfc_3339_can_write(office: &BoxOffice) {
        let host = office.register("host").await;
        let event = office.post("/api/v1/events", Some(&host.token), &event_request(5)).await;
        let path = format!("/api/v1/events/{}", event.text("/id"));
        for far in ["-9999-01-01T00:00:00Z", "+10000-01-01T00:00:00Z"] {
            for field in ["startDateTime", "endDateTime", "salesStart", "salesEnd"] {
                let mut request = event_request(5);
                request[field] = json!(far);
                office.post("/api/v1/events", Some(&host.token), &request).await.expect_invalid(field);
                let change = json!({ field: far });
                office.put(&path, Some(&host.token), &change).await.expect_invalid(field);
            }
        }
    }

    async fn a_hall_has_at_most_100_000_seats(office: &BoxOffice) {
        let host = office.register("host").await;
        let create = async |sections: &Value| {
            let mut request = event_request(1);
            request.as_object_mut().expect("an object").remove("capacity");
            request["seating"] = sections.clone();
            office.post("/api/v1/events", Some(&host.token), &request).await
        };
        // A stadium: 5,000 rows of 20.
        let mut stadium = sections(10, 500, 20, "Block");
        let event = create(&stadium).await;
        assert_eq!(event.expect(StatusCode::CREATED).body["capacity"], 100_000);
        let path = format!("/api/v1/events/{}", event.text("/id"));
        eventually("all of its seats are seen", DEADLINE, async || {
            let seats = office.get(&format!("{path}/seats"), None).await;
            (seats.body.as_array().map(Vec::len) == Some(100_000)).then_some(())
        })
        .await;
        stadium[9]["rows"][499]["seats"] = json!(21);
        create(&stadium).await.expect_invalid("seating");
        office.put(&path, Some(&host.token), &json!({ "seating": stadium })).await.expect_invalid("seating");
    }

    async fn a_hall_that_no_message_of_kafka_can_hold_is_refused(office: &BoxOffice) {
        let host = office.register("host").await;
        let mut request = event_request(1);
        request.as_object_mut().expect("an object").remove("capacity");
        request["seating"] = sections(3, 900, 1, &"\u{1f3ad}".repeat(98));
        let answer = office.post("/api/v1/events", Some(&host.token), &request).await;
        answer.expect_invalid("seating");
    }

    async fn ticket_types_are_kept_by_id_new_without_one_and_removed_when_left_out(office: &BoxOffice) {
        let price = |amount: u32| json!({ "amount": amount, "currency": "EUR" });
        let offer = json!([
            { "name": "Floor", "price": price(2500), "capacity": 5 },
            { "name": "Balcony", "price": price(4000), "capacity": 5 },
        ]);
        let (host, event) = office.event_selling("ticketTypes", offer, 600).await;
        let path = format!("/api/v1/events/{}", event.text("/id"));
        let floor = event.body["ticketTypes"][0]["id"].clone();
        let types = json!([
            { "name": "Gallery", "price": price(1000), "capacity": 7 },
            { "id": floor, "name": "Ground floor", "price": price(3000), "capacity": 6 },
        ]);
        let changed = office.put(&path, Some(&host.token), &json!({ "ticketTypes": types })).await;
        let now = &changed.expect(StatusCode::OK).body["ticketTypes"];
        assert_eq!(now.as_array().map(Vec::len), Some(2), "{now}");
        assert_eq!((&now[0]["name"], &now[0]["capacity"]), (&json!("Gallery"), &json!(7)));
        assert!(event.body["ticketTypes"].as_array().expect("types").iter().all(|old| old["id"] != now[0]["id"]));
        assert_eq!(
            (&now[1]["id"], &now[1]["name"], &now[1]["price"]),
            (&floor, &json!("Ground floor"), &price(3000))
        );
        assert_eq!(changed.body["capacity"], 13);
        let unknown = json!([{ "id": event.body["id"], "name": "X", "price": price(1), "capacity": 1 }]);
        let refused = office.put(&path, Some(&host.token), &json!({ "ticketTypes": unknown })).await;
        refused.expect_invalid("ticketTypes");
    }

    async fn exactly_one_offer_is_made(office: &BoxOffice) {
        let host = office.register("host").await;
        let mut both = event_request(5);
        both["ticketTypes"] = json!([
            { "name": "A", "price": { "amount": 0, "currency": "EUR" }, "capacity": 5 }
        ]);
        office.post("/api/v1/events", Some(&host.token), &both).await.expect_invalid("capacity");
        let mut currencies = event_request(5);
        currencies.as_object_mut().expect("an object").remove("capacity");
        currencies["ticketTypes"] = json!([
            { "name": "A", "price": { "amount": 1, "currency": "EUR" }, "capacity": 5 },
            { "name": "B", "price": { "amount": 1, "currency": "USD" }, "capacity": 5 },
        ]);
        office.post("/api/v1/events", Some(&host.token), &currencies).await.expect_invalid("ticketTypes");
    }
}
