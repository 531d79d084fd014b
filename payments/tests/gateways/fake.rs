//! The client of Stripe against the fake: what goes wrong on the way, which nobody else's double can do.

use payments::{
    About, Gateway, GatewayError, NewPayment, NewRefund, PaymentStanding, RefundStanding, Stripe,
};
use serde_json::{Value, json};
use testkit::stripe::{FakeStripe, Faults, Totals};
use uuid::Uuid;

use crate::{method, new_payment, refund_of};

const PRICE: i64 = 2_500;

async fn fake() -> (FakeStripe, Stripe) {
    let fake = FakeStripe::start(Faults::default(), "whsec_of_the_fake").await;
    let stripe = Stripe::new("sk_test_fake".to_owned().into(), Some(fake.url())).expect("a client");
    (fake, stripe)
}

/// A payment whose money is set aside, and its reference.
async fn authorised(stripe: &Stripe) -> (NewPayment, String) {
    let payment = new_payment(PRICE);
    let opened = stripe.open(&payment).await.expect("an answer");
    authorise(stripe, &payment, &opened.reference).await;
    (payment, opened.reference)
}

async fn authorise(stripe: &Stripe, payment: &NewPayment, reference: &str) {
    let card = method("pm_card_visa");
    let authorised = stripe.authorise(payment.payment_id, reference, &card).await.expect("an answer");
    assert_eq!(authorised.standing, PaymentStanding::Authorised);
}

#[track_caller]
fn failed<T: std::fmt::Debug>(answer: Result<T, GatewayError>) {
    assert!(matches!(answer, Err(GatewayError::Unavailable { .. })), "{answer:?}");
}

#[tokio::test]
async fn opening_that_stripe_remembers_as_failed_goes_on_under_the_next_key() {
    for is_done in [true, false] {
        let (fake, stripe) = fake().await;
        let payment = new_payment(PRICE);
        fake.break_next("open", is_done);
        failed(stripe.open(&payment).await);
        let opened = stripe.open(&payment).await.unwrap();
        assert_eq!(stripe.open(&payment).await.unwrap().reference, opened.reference, "opened once");
        authorise(&stripe, &payment, &opened.reference).await;
        let found = stripe.find_payment(payment.payment_id).await.unwrap().expect("found");
        assert_eq!(found.reference, opened.reference, "and not what nobody confirmed");
    }
}

#[tokio::test]
async fn a_payment_that_cannot_be_opened_under_any_key_is_refused() {
    let (fake, stripe) = fake().await;
    let payment = new_payment(PRICE);
    for _ in 0..3 {
        fake.break_next("open", true);
        failed(stripe.open(&payment).await);
    }
    let refused = stripe.open(&payment).await;
    assert!(matches!(refused, Err(GatewayError::Refused { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_capture_that_stripe_remembers_as_failed_is_tried_anew() {
    for is_done in [true, false] {
        let (fake, stripe) = fake().await;
        let (payment, reference) = authorised(&stripe).await;
        fake.break_next("capture", is_done);
        failed(stripe.capture(payment.payment_id, &reference).await);
        match stripe.capture(payment.payment_id, &reference).await {
            Ok(captured) => assert_eq!((captured.standing, is_done), (PaymentStanding::Captured, false)),
            Err(error) => assert!(is_done && !error.is_passing(), "{error:?}"),
        }
        assert_eq!(stripe.payment(&reference).await.unwrap().standing, PaymentStanding::Captured);
        assert_eq!(fake.totals(), Totals { captured: PRICE, captures: 1, ..Totals::default() });
    }
}

#[tokio::test]
async fn voiding_that_stripe_remembers_as_failed_is_tried_anew() {
    for is_done in [true, false] {
        let (fake, stripe) = fake().await;
        let (payment, reference) = authorised(&stripe).await;
        fake.break_next("cancel", is_done);
        failed(stripe.void(payment.payment_id, &reference).await);
        let voided = stripe.void(payment.payment_id, &reference).await;
        assert_eq!(voided.is_ok(), !is_done, "{voided:?}");
        assert_eq!(stripe.payment(&reference).await.unwrap().standing, PaymentStanding::Voided);
        assert_eq!(fake.totals(), Totals::default());
    }
}

#[tokio::test]
async fn a_refund_that_stripe_remembers_as_failed_is_made_once() {
    for is_done in [true, false] {
        let (fake, stripe) = fake().await;
        let (payment, reference) = authorised(&stripe).await;
        stripe.capture(payment.payment_id, &reference).await.unwrap();
        let refund = refund_of(&payment, &reference, PRICE);
        fake.break_next("refund", is_done);
        failed(stripe.refund(&refund).await);
        for _ in 0..2 {
            assert_eq!(stripe.refund(&refund).await.unwrap().standing, RefundStanding::Made);
        }
        assert_eq!(fake.totals().refunded, PRICE);
    }
}

#[tokio::test]
async fn what_was_given_back_by_hand_counts_once_all_of_it_is_back() {
    let (fake, stripe) = fake().await;
    let (payment, reference) = authorised(&stripe).await;
    stripe.capture(payment.payment_id, &reference).await.unwrap();
    let booking_id = payment.about.booking_id.to_string();
    let refund = |resumed| NewRefund { resumed, ..refund_of(&payment, &reference, PRICE) };
    fake.refund_by_hand(&booking_id, PRICE - 1);
    let refused = stripe.refund(&refund(1)).await;
    assert!(matches!(refused, Err(GatewayError::Refused { .. })), "{refused:?}");
    fake.refund_by_hand(&booking_id, 1);
    let found = stripe.refund(&refund(2)).await.unwrap();
    assert_eq!((found.standing, found.resumed), (RefundStanding::Made, 2));
    assert_eq!(fake.totals().refunded, PRICE);
}

/// Another refund of ours is not this one.
#[tokio::test]
async fn what_another_refund_gave_back_counts_for_that_one_alone() {
    let (_fake, stripe) = fake().await;
    let (payment, reference) = authorised(&stripe).await;
    stripe.capture(payment.payment_id, &reference).await.unwrap();
    let refund = || refund_of(&payment, &reference, PRICE);
    assert_eq!(stripe.refund(&refund()).await.unwrap().standing, RefundStanding::Made);
    let refused = stripe.refund(&refund()).await;
    assert!(matches!(refused, Err(GatewayError::Refused { .. })), "{refused:?}");
}

#[tokio::test]
async fn what_was_opened_is_found_by_its_id_as_it_is_now() {
    let (_fake, stripe) = fake().await;
    let (payment, reference) = authorised(&stripe).await;
    authorised(&stripe).await;
    let found = stripe.find_payment(payment.payment_id).await.unwrap().expect("found");
    assert_eq!((found.reference, found.standing), (reference, PaymentStanding::Authorised));
    assert!(stripe.find_payment(Uuid::now_v7()).await.unwrap().is_none());
}

/// What a proxy may say, or Stripe about the key.
fn stray_answers() -> Vec<(u16, Value)> {
    let error = |kind: &str| json!({ "error": { "type": kind, "code": "a_test" } });
    vec![
        (408, Value::Null),
        (404, json!("no such page")),
        (404, json!({ "error": "no such page" })),
        (413, json!({})),
        (400, error("idempotency_error")),
        (401, error("invalid_request_error")),
        (403, error("invalid_request_error")),
        (429, error("invalid_request_error")),
    ]
}

#[tokio::test]
async fn what_somebody_else_says_on_the_way_is_not_stripes_last_word() {
    let (fake, stripe) = fake().await;
    let (payment, reference) = authorised(&stripe).await;
    for (status, body) in stray_answers() {
        fake.intercept_next("capture", status, body);
        failed(stripe.capture(payment.payment_id, &reference).await);
    }
    assert_eq!(fake.totals().authorised, PRICE);
    let captured = stripe.capture(payment.payment_id, &reference).await.unwrap();
    assert_eq!(captured.standing, PaymentStanding::Captured);
}

#[tokio::test]
async fn what_another_build_has_opened_in_another_form_is_found() {
    let (_fake, stripe) = fake().await;
    let payment = new_payment(PRICE);
    let opened = stripe.open(&payment).await.unwrap();
    authorise(&stripe, &payment, &opened.reference).await;
    let about = About { event_id: Uuid::now_v7(), ..payment.about };
    let found = stripe.open(&NewPayment { about, ..payment }).await.unwrap();
    assert_eq!((found.reference, found.standing), (opened.reference, PaymentStanding::Authorised));
}
