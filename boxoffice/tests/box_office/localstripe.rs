//! Paid bookings through localstripe: what others believe that Stripe answers, and says by itself.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{eventually, localstripe::Localstripe};

use crate::{
    harness::{BoxOffice, DEADLINE},
    stripe::{WEBHOOK_SECRET, event, held, is, pay},
};

const KEY: &str = "sk_test_localstripe";

#[tokio::test(flavor = "multi_thread")]
async fn what_localstripe_answers_and_says_is_understood() {
    let stripe = Localstripe::start(KEY).await;
    let settings = vec![
        ("BOXOFFICE_STRIPE_KEY", KEY.to_owned()),
        ("BOXOFFICE_STRIPE_URL", stripe.url().to_owned()),
        ("BOXOFFICE_STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
    ];
    let office = BoxOffice::up_with(None, settings).await;
    stripe.tell(&office.url(&Method::POST, "/api/v1/webhooks/stripe"), WEBHOOK_SECRET).await;
    let (host, event_id) = event(&office, 10).await;

    let (attendee, booking_id) = held(&office, &event_id).await;
    let declined = pay(&office, &attendee, &booking_id, "pm_card_chargeCustomerFail").await;
    declined.expect_problem(402, "payment-declined");
    let paid = pay(&office, &attendee, &booking_id, "pm_card_visa").await;
    assert_eq!(paid.expect(StatusCode::OK).body["status"], "confirmed");
    let path = format!("/api/v1/bookings/{booking_id}");
    office.delete(&path, Some(&attendee.token)).await.expect(StatusCode::NO_CONTENT);
    eventually("the money is back", DEADLINE, || async {
        let seen = office.get(&format!("{path}/payment"), Some(&attendee.token)).await;
        (seen.body["refunds"][0]["status"] == "made").then_some(())
    })
    .await;

    let (other, other_booking) = held(&office, &event_id).await;
    let card = stripe.card_that_wants_more().await;
    let asked = pay(&office, &other, &other_booking, &card).await;
    let client_secret = asked.expect(StatusCode::ACCEPTED).text("/clientSecret");
    stripe.authenticate(&client_secret, true).await;
    is(&office, &other, &other_booking, "confirmed").await;
    let sales = format!("/api/v1/events/{event_id}/sales");
    eventually("one ticket has earned something", DEADLINE, || async {
        let seen = office.get(&sales, Some(&host.token)).await;
        let totals = &seen.body["totals"][0];
        ((&totals["gross"]["amount"], &totals["net"]["amount"]) == (&json!(5_000), &json!(2_500)))
            .then_some(())
    })
    .await;

    let pool = PgPool::connect(office.database.url()).await.expect("connects");
    eventually("what it said is kept and dealt with", DEADLINE, || async {
        let heard: Vec<(String, Value)> = sqlx::query_as(
            "select kind, said -> 'object' -> 'amount' from webhooks where processed_at is not null order by kind",
        )
        .fetch_all(&pool)
        .await
        .ok()?;
        let said = |kind: &str| (kind.to_owned(), json!(2_500));
        let (failed, succeeded) = (said("payment_intent.payment_failed"), said("payment_intent.succeeded"));
        (heard == [failed, succeeded.clone(), succeeded]).then_some(())
    })
    .await;
}
