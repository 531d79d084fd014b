//! Paid bookings through Stripe, which a fake plays: webhooks in any order, faults, and nothing of it in places where it
//! does not belong.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{
    eventually,
    stripe::{FakeStripe, Faults, Totals, sign},
};

use crate::{
    harness::{Answer, BoxOffice, DEADLINE, Person},
    secrets::{everything_kept, expect_in, expect_no_secrets, sends_secrets},
};

pub(crate) const KEY: &str = "sk_test_5ecretKeyOfTheBoxOffice";
pub(crate) const WEBHOOK_SECRET: &str = "whsec_5ecretOfTheWebhooks";
pub(crate) const PRICE: i64 = 2_500;

pub(crate) fn settings(stripe: &FakeStripe) -> Vec<(&'static str, String)> {
    vec![
        ("BOXOFFICE_STRIPE_KEY", KEY.to_owned()),
        ("BOXOFFICE_STRIPE_URL", stripe.url().to_owned()),
        ("BOXOFFICE_STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
        ("BOXOFFICE_LOG", "debug".to_owned()),
    ]
}

async fn open(faults: Faults) -> (BoxOffice, FakeStripe) {
    let stripe = FakeStripe::start(faults, WEBHOOK_SECRET).await;
    let office = BoxOffice::up_with(None, settings(&stripe)).await;
    (office, stripe)
}

pub(crate) async fn event(office: &BoxOffice, capacity: u32) -> (Person, String) {
    let price = json!({ "amount": PRICE, "currency": "EUR" });
    let offer = json!([{ "name": "Floor", "price": price, "capacity": capacity }]);
    let (host, event) = office.event_selling("ticketTypes", offer, 900).await;
    (host, event.text("/id"))
}

pub(crate) async fn held(office: &BoxOffice, event_id: &str) -> (Person, String) {
    let attendee = office.register("attendee").await;
    let booking = office.book(&attendee, event_id).await;
    booking.expect(StatusCode::CREATED);
    (attendee, booking.text("/id"))
}

pub(crate) async fn pay(office: &BoxOffice, attendee: &Person, booking_id: &str, card: &str) -> Answer {
    office.post(&payment_path(booking_id), Some(&attendee.token), &json!({ "paymentMethod": card })).await
}

pub(crate) fn payment_path(booking_id: &str) -> String {
    format!("/api/v1/bookings/{booking_id}/payment")
}

pub(crate) async fn is(office: &BoxOffice, attendee: &Person, booking_id: &str, status: &str) {
    let path = format!("/api/v1/bookings/{booking_id}");
    eventually(&format!("the booking is {status}"), DEADLINE, || async {
        let seen = office.get(&path, Some(&attendee.token)).await;
        (seen.body["status"] == status).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_stripe_it_is_paid_declined_and_given_back_and_no_secret_is_kept() {
    let (mut office, stripe) = open(Faults::default()).await;
    stripe.tell(office.url(&Method::POST, "/api/v1/webhooks/stripe"));
    let (_, event_id) = event(&office, 10).await;
    let (attendee, booking_id) = held(&office, &event_id).await;
    let declined = pay(&office, &attendee, &booking_id, "pm_card_chargeDeclined").await;
    assert_eq!(declined.expect_problem(402, "payment-declined").body["reason"], "generic_decline");
    let paid = pay(&office, &attendee, &booking_id, "pm_card_visa").await;
    assert_eq!(paid.expect(StatusCode::OK).body["status"], "confirmed");
    let taken = Totals { captured: PRICE, captures: 1, ..Totals::default() };
    assert_eq!(stripe.totals_of(&booking_id), taken);
    let path = format!("/api/v1/bookings/{booking_id}");
    office.delete(&path, Some(&attendee.token)).await.expect(StatusCode::NO_CONTENT);
    eventually("the money is back", DEADLINE, || async {
        (stripe.totals_of(&booking_id).refunded == PRICE).then_some(())
    })
    .await;

    let (other, other_booking) = held(&office, &event_id).await;
    let asked = pay(&office, &other, &other_booking, "pm_card_authenticationRequired").await;
    let client_secret = asked.expect(StatusCode::ACCEPTED).text("/clientSecret");
    stripe.authenticate(&client_secret, true);
    is(&office, &other, &other_booking, "confirmed").await;
    stripe.say_everything_again();
    is(&office, &other, &other_booking, "confirmed").await;
    assert_eq!(stripe.totals(), Totals { captured: 2 * PRICE, refunded: PRICE, captures: 2, authorised: 0 });

    let (unlucky, third_booking) = held(&office, &event_id).await;
    pay(&office, &unlucky, &third_booking, "pm_card_refundFail").await.expect(StatusCode::OK);
    let path = format!("/api/v1/bookings/{third_booking}");
    office.delete(&path, Some(&unlucky.token)).await.expect(StatusCode::NO_CONTENT);
    eventually("the refund failed", DEADLINE, || async {
        let seen = office.get(&payment_path(&third_booking), Some(&unlucky.token)).await;
        (seen.body["refunds"][0]["status"] == "failed").then_some(())
    })
    .await;

    let (clumsy, fourth_booking) = held(&office, &event_id).await;
    let mut answers = format!("{} {}", declined.body, paid.body);
    answers += &sends_secrets(&office, &clumsy, &fourth_booking).await;
    office.processes[0].terminate(DEADLINE).await;
    let mut everything = everything_kept(&office).await;
    for (place, text) in [
        ("public.events", "PaymentCaptured"),
        ("public.events", "RefundFailed"),
        ("public.webhooks", "payment_intent.succeeded"),
        ("log", "a refund failed and needs a hand"),
    ] {
        expect_in(&everything, place, text);
    }
    everything.push(("answers".to_owned(), answers));
    expect_no_secrets(&everything);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_stripe_is_believed_and_what_it_says_twice_is_done_once() {
    let (office, _stripe) = open(Faults::default()).await;
    let object = json!({ "metadata": { "booking_id": uuid::Uuid::now_v7() } });
    let body = json!({ "id": "evt_1", "type": "payment_intent.succeeded", "data": { "object": object } })
        .to_string();
    let send = async |signature: &str| {
        let request = office.request(Method::POST, "/api/v1/webhooks/stripe");
        let request = request.header("Stripe-Signature", signature).body(body.clone());
        crate::harness::send(request).await
    };
    send("t=1,v1=00").await.expect_problem(400, "invalid-signature");
    send("").await.expect_problem(400, "invalid-signature");
    let now = chrono::Utc::now().timestamp();
    let signed = sign(WEBHOOK_SECRET, body.as_bytes(), now);
    let old = sign(WEBHOOK_SECRET, body.as_bytes(), now - 6 * 60);
    send(&old).await.expect_problem(400, "invalid-signature");
    send(&signed).await.expect(StatusCode::NO_CONTENT);
    send(&signed).await.expect(StatusCode::NO_CONTENT);
    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    let heard: Vec<(String, bool)> = sqlx::query_as("select id, processed_at is not null from webhooks")
        .fetch_all(&pool)
        .await
        .expect("reads");
    assert_eq!(heard, [("evt_1".to_owned(), true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_stripe_is_down_what_is_free_of_charge_goes_on() {
    let (mut office, _stripe) = open(Faults { failing: 100, ..Faults::default() }).await;
    let (_, event_id) = event(&office, 10).await;
    let (attendee, booking_id) = held(&office, &event_id).await;
    let (path, card) = (payment_path(&booking_id), json!({ "paymentMethod": "pm_card_visa" }));
    for _ in 0..2 {
        let answer = office.post_with_key(&path, Some(&attendee.token), "a-key", &card).await;
        answer.expect_problem(503, "payments-unavailable");
    }
    for _ in 0..7 {
        let answer = pay(&office, &attendee, &booking_id, "pm_card_visa").await;
        answer.expect_problem(503, "payments-unavailable");
        assert!(answer.headers.contains_key("retry-after"));
    }
    let (_, free) = office.event(5).await;
    let booked = office.book(&attendee, &free.text("/id")).await;
    assert_eq!(booked.expect(StatusCode::CREATED).body["status"], "confirmed");
    is(&office, &attendee, &booking_id, "held").await;

    let answers = sends_secrets(&office, &attendee, &booking_id).await;
    office.processes[0].terminate(DEADLINE).await;
    let mut everything = everything_kept(&office).await;
    expect_in(&everything, "public.events", "gateway-unavailable");
    expect_in(&everything, "log", "cannot begin to pay");
    everything.push(("answers".to_owned(), answers));
    expect_no_secrets(&everything);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorisation_that_lapsed_before_it_was_captured_costs_nothing_and_gives_nothing() {
    let (office, stripe) = open(Faults::default()).await;
    let (_, event_id) = event(&office, 10).await;
    let (attendee, booking_id) = held(&office, &event_id).await;
    let asked = pay(&office, &attendee, &booking_id, "pm_card_authenticationRequired").await;
    let client_secret = asked.expect(StatusCode::ACCEPTED).text("/clientSecret");
    // No webhook comes: nobody was told where to.
    stripe.authenticate(&client_secret, true);
    stripe.let_authorisations_lapse();
    let path = payment_path(&booking_id);
    eventually("it is looked up and over", DEADLINE, || async {
        let seen = office.get(&path, Some(&attendee.token)).await;
        let status: &Value = &seen.body["payments"][0]["status"];
        (status == "declined").then_some(())
    })
    .await;
    assert_eq!(stripe.totals(), Totals::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_runs_it_is_told_that_no_money_moves_or_that_no_webhook_is_believed() {
    const NO_KEY: &str = "BOXOFFICE_STRIPE_KEY is not set";
    const NO_SECRET: &str = "BOXOFFICE_STRIPE_WEBHOOK_SECRET is not set";
    let stripe = FakeStripe::start(Faults::default(), WEBHOOK_SECRET).await;
    let all = settings(&stripe);
    let without = |name| all.iter().filter(|(setting, _)| *setting != name).cloned().collect::<Vec<_>>();
    for (settings, warnings) in
        [(vec![], [1, 0]), (without("BOXOFFICE_STRIPE_WEBHOOK_SECRET"), [0, 1]), (all.clone(), [0, 0])]
    {
        let office = BoxOffice::up_with(None, settings).await;
        let said = office.processes[0].output();
        assert_eq!([NO_KEY, NO_SECRET].map(|warning| said.matches(warning).count()), warnings, "{said}");
    }
}
