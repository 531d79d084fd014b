//! What a host does with an event.

use chrono::{TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{BoxOffice, both_sources, event_request, send, with_token};

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
