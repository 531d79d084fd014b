//! Paid bookings, through the embedded test gateway: money and tickets agree.

use chrono::{TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::eventually;
use uuid::Uuid;

use crate::harness::{Answer, BoxOffice, DEADLINE, Person, both_sources, time};

/// What one ticket costs.
const PRICE: i64 = 2_500;

/// A priced event with a booking of it that is held.
struct Held {
    host: Person,
    event_id: String,
    attendee: Person,
    booking_id: String,
}

impl Held {
    async fn of(office: &BoxOffice, capacity: u32, hold_seconds: u32) -> Self {
        let price = json!({ "amount": PRICE, "currency": "EUR" });
        let offer = json!([{ "name": "Floor", "price": price, "capacity": capacity }]);
        let (host, event) = office.event_selling("ticketTypes", offer, hold_seconds).await;
        let event_id = event.text("/id");
        let attendee = office.register("attendee").await;
        let booking = office.book(&attendee, &event_id).await;
        booking.expect(StatusCode::CREATED);
        Self { host, event_id, attendee, booking_id: booking.text("/id") }
    }

    fn path(&self) -> String {
        format!("/api/v1/bookings/{}", self.booking_id)
    }

    async fn pay(&self, office: &BoxOffice, card: &str) -> Answer {
        let body = json!({ "paymentMethod": card });
        office.post(&format!("{}/payment", self.path()), Some(&self.attendee.token), &body).await
    }

    async fn payments(&self, office: &BoxOffice, write: &Answer) -> Value {
        let path = format!("{}/payment", self.path());
        office.get_after(&path, Some(&self.attendee.token), write).await.expect(StatusCode::OK).body.clone()
    }

    async fn cancel(&self, office: &BoxOffice) -> Answer {
        let cancelled = office.delete(&self.path(), Some(&self.attendee.token)).await;
        cancelled.expect(StatusCode::NO_CONTENT);
        cancelled
    }

    /// Waits until the only refund stands so.
    async fn refund(&self, office: &BoxOffice, status: &str) -> Value {
        self.refund_seen_by(office, &self.attendee, status).await
    }

    async fn refund_seen_by(&self, office: &BoxOffice, reader: &Person, status: &str) -> Value {
        let path = format!("{}/payment", self.path());
        eventually(&format!("the refund is {status}"), DEADLINE, || async {
            let seen = office.get(&path, Some(&reader.token)).await;
            let refund = seen.body["refunds"][0].clone();
            (refund["status"] == status).then_some(refund)
        })
        .await
    }
}

both_sources! {
    async fn what_is_paid_is_confirmed_and_sold(office: &BoxOffice) {
        let held = Held::of(office, 5, 900).await;
        let paid = held.pay(office, "pm_card_visa").await;
        assert_eq!(paid.expect(StatusCode::OK).body["status"], "confirmed");
        let seen = office.get_after(&held.path(), Some(&held.attendee.token), &paid).await;
        assert_eq!(seen.body, paid.body);
        let payments = held.payments(office, &paid).await;
        assert_eq!(payments["payments"][0]["status"], "captured");
        assert_eq!(payments["payments"][0]["amount"], json!({ "amount": PRICE, "currency": "EUR" }));
        assert_eq!(payments["refunds"], json!([]));
        let event = format!("/api/v1/events/{}", held.event_id);
        let seen = office.get_after(&event, None, &paid).await;
        let types = &seen.body["ticketTypes"][0];
        assert_eq!((&types["sold"], &types["held"]), (&json!(1), &json!(0)), "who pays reads what it wrote");
        held.pay(office, "pm_card_visa").await.expect_problem(409, "not-payable");
    }

    async fn a_declined_card_leaves_the_hold_for_at_least_five_minutes(office: &BoxOffice) {
        let held = Held::of(office, 5, 60).await;
        let before = Utc::now();
        let declined = held.pay(office, "pm_card_chargeDeclinedInsufficientFunds").await;
        assert_eq!(declined.expect_problem(402, "payment-declined").body["reason"], "insufficient_funds");
        let seen = eventually("the decline is seen", DEADLINE, || async {
            let payments = office.get(&format!("{}/payment", held.path()), Some(&held.attendee.token)).await;
            let is_declined = payments.body["payments"][0]["status"] == "declined";
            let booking = office.get(&held.path(), Some(&held.attendee.token)).await;
            let is_extended = booking.body["version"].as_i64() >= Some(4);
            (is_declined && is_extended).then_some(booking)
        })
        .await;
        assert_eq!(seen.body["status"], "held");
        assert!(time(&seen.body["heldUntil"]) - before >= TimeDelta::minutes(5), "{}", seen.body);
        held.pay(office, "pm_card_visa").await.expect(StatusCode::OK);
    }

    async fn a_bank_that_wants_more_gets_it_from_the_buyer_and_nobody_pays_twice(office: &BoxOffice) {
        let held = Held::of(office, 5, 900).await;
        let asked = held.pay(office, "pm_card_authenticationRequired").await;
        asked.expect(StatusCode::ACCEPTED);
        assert!(asked.text("/clientSecret").contains("_secret_"));
        held.pay(office, "pm_card_visa").await.expect_problem(409, "payment-in-progress");
        let payments = held.payments(office, &asked).await;
        assert_eq!(payments["payments"][0]["status"], "action-required");
        assert!(!payments.to_string().contains("secret"));
    }

    async fn only_what_is_held_can_be_paid_and_only_by_its_owner(office: &BoxOffice) {
        let held = Held::of(office, 5, 900).await;
        let path = format!("{}/payment", held.path());
        let card = json!({ "paymentMethod": "pm_card_visa" });
        office.post(&path, None, &card).await.expect_problem(401, "unauthorized");
        office.post(&path, Some(&held.host.token), &card).await.expect_problem(403, "forbidden");
        let nobody = format!("/api/v1/bookings/{}/payment", Uuid::now_v7());
        office.post(&nobody, Some(&held.attendee.token), &card).await.expect_problem(404, "not-found");
        for method in ["visa", "pm_", "pm_4242 4242", "pm_4242424242424242", "4242424242424242", ""] {
            held.pay(office, method).await.expect_invalid("paymentMethod");
        }
        held.pay(office, "pm_card_unheardOf").await.expect_problem(402, "payment-declined");
        held.cancel(office).await;
        held.pay(office, "pm_card_visa").await.expect_problem(409, "not-payable");

        let (_, event) = office.event(5).await;
        let free = office.book(&held.attendee, &event.text("/id")).await;
        let path = format!("/api/v1/bookings/{}/payment", free.text("/id"));
        office.post(&path, Some(&held.attendee.token), &card).await.expect_problem(409, "not-payable");

        let lapsing = Held::of(office, 5, 1).await;
        eventually("the hold lapses", DEADLINE, || async {
            let seen = office.get(&lapsing.path(), Some(&lapsing.attendee.token)).await;
            (seen.body["status"] == "expired").then_some(())
        })
        .await;
        lapsing.pay(office, "pm_card_visa").await.expect_problem(409, "hold-expired");
    }

    async fn nobody_tries_cards_without_end(office: &BoxOffice) {
        const MAX: usize = 20;
        let held = Held::of(office, 5, 900).await;
        let path = format!("{}/payment", held.path());
        let (token, card) = (Some(held.attendee.token.as_str()), json!({ "paymentMethod": "pm_card_chargeDeclined" }));
        for nth in 0..MAX {
            let answer = match nth % 2 {
                0 => held.pay(office, "pm_card_chargeDeclined").await,
                _ => office.post_with_key(&path, token, "a-key", &card).await,
            };
            answer.expect_problem(402, "payment-declined");
        }
        let refused = held.pay(office, "pm_card_visa").await;
        assert_eq!(refused.expect_problem(409, "limit-exceeded").body["max"], MAX);
        let refused = office.post_with_key(&path, token, "a-key", &card).await;
        refused.expect_problem(409, "limit-exceeded");
    }

    async fn a_cancelled_booking_gets_its_money_back_once_and_says_so(office: &BoxOffice) {
        let held = Held::of(office, 5, 900).await;
        held.pay(office, "pm_card_visa").await.expect(StatusCode::OK);
        held.cancel(office).await;
        held.cancel(office).await;
        let refund = held.refund(office, "made").await;
        assert_eq!(refund["amount"], json!({ "amount": PRICE, "currency": "EUR" }));
        assert_eq!(refund["cause"], "booking-cancelled");
        let inbox = eventually("they are told", DEADLINE, || async {
            let inbox = office.get("/api/v1/notifications", Some(&held.attendee.token)).await;
            let kinds: Vec<Value> =
                inbox.body["items"].as_array()?.iter().map(|item| item["kind"].clone()).collect();
            kinds.contains(&json!("refund-made")).then_some(kinds)
        })
        .await;
        assert_eq!(inbox.iter().filter(|kind| **kind == json!("refund-made")).count(), 1);
        let sales = format!("/api/v1/events/{}/sales", held.event_id);
        eventually("the host sees it", DEADLINE, || async {
            let seen = office.get(&sales, Some(&held.host.token)).await;
            let net = |value: &Value| (value["gross"]["amount"].clone(), value["net"]["amount"].clone());
            (net(&seen.body["totals"][0]) == (json!(PRICE), json!(0))).then_some(())
        })
        .await;
        office.get(&sales, Some(&held.attendee.token)).await.expect_problem(403, "forbidden");
        let table = office.request(reqwest::Method::GET, &format!("{sales}.csv"));
        let table = table.bearer_auth(&held.host.token).send().await.expect("an answer");
        assert_eq!(table.headers()["content-type"], "text/csv; charset=utf-8");
        let table = table.text().await.expect("a body");
        assert!(table.contains(&format!(",\"Floor\",EUR,1,{PRICE},{PRICE},0\r\n")), "{table}");
    }

    async fn a_cancelled_event_gives_all_money_back(office: &BoxOffice) {
        for ends in ["cancelled", "deleted"] {
            let held = Held::of(office, 5, 900).await;
            held.pay(office, "pm_card_visa").await.expect(StatusCode::OK);
            let (path, token) = (format!("/api/v1/events/{}", held.event_id), Some(held.host.token.as_str()));
            if ends == "cancelled" {
                office.post(&format!("{path}/cancel"), token, &json!({})).await.expect(StatusCode::OK);
            } else {
                office.delete(&path, token).await.expect(StatusCode::NO_CONTENT);
            }
            assert_eq!(held.refund(office, "made").await["cause"], "event-cancelled");
        }
    }

    async fn who_is_erased_gets_their_money_back_and_so_do_the_guests_of_an_erased_host(office: &BoxOffice) {
        let admin = office.admin().await;
        for erased in ["attendee", "host"] {
            let held = Held::of(office, 5, 900).await;
            held.pay(office, "pm_card_visa").await.expect(StatusCode::OK);
            let (person, cause) = match erased {
                "attendee" => (&held.attendee, "booking-cancelled"),
                _ => (&held.host, "event-cancelled"),
            };
            let path = format!("/api/v1/users/{}", person.id);
            office.delete(&path, Some(&admin.token)).await.expect(StatusCode::NO_CONTENT);
            let refund = held.refund_seen_by(office, &admin, "made").await;
            assert_eq!((&refund["cause"], &refund["amount"]["amount"]), (&json!(cause), &json!(PRICE)));
        }
    }

    async fn a_refund_that_failed_waits_for_an_administrator_who_tries_it_again(office: &BoxOffice) {
        let held = Held::of(office, 5, 900).await;
        held.pay(office, "pm_card_refundFail").await.expect(StatusCode::OK);
        held.cancel(office).await;
        let refund = held.refund(office, "failed").await;
        assert_eq!(refund["reason"], "expired_or_canceled_card");
        let admin = office.admin().await;
        let listed = office.get("/api/v1/refunds?status=failed&limit=100", Some(&admin.token)).await;
        let ids = listed.body["items"].as_array().expect("a list").iter().map(|item| item["id"].clone());
        assert!(ids.into_iter().any(|id| id == refund["id"]), "{}", listed.body);
        office.get("/api/v1/refunds", Some(&held.host.token)).await.expect_problem(403, "forbidden");
        let retry = format!("/api/v1/refunds/{}/retry", refund["id"].as_str().expect("an id"));
        office.post(&retry, Some(&held.host.token), &json!({})).await.expect_problem(403, "forbidden");
        let retried = office.post(&retry, Some(&admin.token), &json!({})).await;
        assert_eq!(retried.expect(StatusCode::OK).body["status"], "made");
        let path = format!("{}/payment", held.path());
        let seen = office.get_after(&path, Some(&admin.token), &retried).await;
        assert_eq!(seen.body["refunds"][0]["status"], "made", "{}", seen.body);
        let nothing = format!("/api/v1/refunds/{}/retry", Uuid::now_v7());
        office.post(&nothing, Some(&admin.token), &json!({})).await.expect_problem(404, "not-found");
    }

    async fn an_extension_that_a_payment_made_needless_is_answered_again_by_its_key(office: &BoxOffice) {
        let held = Held::of(office, 5, 60).await;
        held.pay(office, "pm_card_chargeDeclined").await.expect_problem(402, "payment-declined");
        let (path, token) = (format!("{}/extend", held.path()), Some(held.attendee.token.as_str()));
        let extended = office.post_with_key(&path, token, "needless", &json!({})).await;
        extended.expect(StatusCode::OK);
        held.cancel(office).await;
        let again = office.post_with_key(&path, token, "needless", &json!({})).await;
        assert_eq!(again.expect(StatusCode::OK).body, extended.body);
    }

    async fn with_a_key_a_payment_is_repeated_safely_and_a_refusal_decided_anew(office: &BoxOffice) {
        let held = Held::of(office, 5, 900).await;
        let path = format!("{}/payment", held.path());
        let token = Some(held.attendee.token.as_str());
        let declined = json!({ "paymentMethod": "pm_card_chargeDeclined" });
        for _ in 0..2 {
            let answer = office.post_with_key(&path, token, "one", &declined).await;
            answer.expect_problem(402, "payment-declined");
        }
        let card = json!({ "paymentMethod": "pm_card_visa" });
        let paid = office.post_with_key(&path, token, "two", &card).await;
        paid.expect(StatusCode::OK);
        let again = office.post_with_key(&path, token, "two", &card).await;
        assert_eq!(again.expect(StatusCode::OK).body, paid.body);
        office.post_with_key(&path, token, "two", &declined).await.expect_problem(422, "idempotency-key-reused");
        held.cancel(office).await;
        let again = office.post_with_key(&path, token, "two", &card).await;
        assert_eq!(again.expect(StatusCode::OK).body, paid.body, "whatever became of it since");
        let payments = held.payments(office, &paid).await;
        let states: Vec<&Value> = payments["payments"].as_array().expect("a list").iter().map(|p| &p["status"]).collect();
        assert_eq!(states, ["declined", "declined", "captured"]);
    }
}
