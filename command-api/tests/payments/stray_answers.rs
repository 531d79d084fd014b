//! What something on the way to Stripe says, a proxy or an old form of the same call, decides about no money.

use std::sync::Arc;

use chrono::TimeDelta;
use command_api::{Paid, Progress};
use domain::{
    PaymentId,
    booking::{BookingStatus, PaymentState, PaymentStep, RefundState},
};
use payments::{Gateway, Guarded, Stripe};
use serde_json::{Value, json};
use testkit::stripe::{FakeStripe, Faults, Totals};
use uuid::Uuid;

use crate::box_office::{BoxOffice, PRICE, authorised_at};

const CONFIRMED: Totals = Totals { captured: PRICE, captures: 1, refunded: 0, authorised: 0 };

async fn stripe() -> (FakeStripe, Arc<dyn Gateway>) {
    let fake = FakeStripe::start(Faults::default(), "whsec_of_the_fake").await;
    let stripe = Stripe::new("sk_test_fake".to_owned().into(), Some(fake.url())).unwrap();
    (fake, Arc::new(Guarded::new(stripe)))
}

fn error(kind: &str) -> Value {
    json!({ "error": { "type": kind, "code": "a_test" } })
}

/// The request died when the bank had agreed, before anybody wrote it down.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_the_bank_agreed_to_is_not_declined_by_a_stray_answer() {
    let first = BoxOffice::open().await;
    for (status, body) in [
        (408, Value::Null),
        (404, json!("no such page")),
        (400, error("idempotency_error")),
        // Even where Stripe itself refuses to open it: it was opened.
        (400, error("invalid_request_error")),
    ] {
        let (fake, gateway) = stripe().await;
        let office = first.another().await;
        let payment_id = PaymentId::new(Uuid::now_v7());
        office.write_down(PaymentStep::Start { payment_id }, office.now().await).await;
        authorised_at(&*gateway, &office, payment_id).await;
        fake.intercept_next("open", status, body);
        let driven = office.process(gateway).drive(office.booking_id).await.unwrap();
        assert_eq!(driven, Progress::Settled, "{status}");
        assert_eq!(office.booking().await.status, BookingStatus::Confirmed, "{status}");
        assert_eq!(fake.totals(), CONFIRMED);
    }
}

/// A search is a minute behind.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_stripe_refuses_to_open_is_declined_once_a_search_would_find_it() {
    let (fake, gateway) = stripe().await;
    let office = BoxOffice::open().await;
    let (payment_id, began) = (PaymentId::new(Uuid::now_v7()), office.now().await);
    office.write_down(PaymentStep::Start { payment_id }, began).await;
    fake.intercept_next("open", 400, error("invalid_request_error"));
    let process = office.process(gateway);
    let driven = process.drive(office.booking_id).await.unwrap();
    assert_eq!(driven, Progress::Waits(began + TimeDelta::minutes(2)));
    assert_eq!(office.booking().await.payments[0].state, PaymentState::Started);
    fake.intercept_next("open", 400, error("invalid_request_error"));
    let later = process.abandoning_after(TimeDelta::zero());
    assert_eq!(later.drive(office.booking_id).await.unwrap(), Progress::Settled);
    assert_eq!(office.booking().await.payments[0].state, PaymentState::Declined);
    assert_eq!(fake.totals(), Totals::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stray_answer_to_a_capture_cancels_no_sold_booking() {
    let first = BoxOffice::open().await;
    for (status, body) in
        [(408, Value::Null), (404, json!("no such page")), (403, error("invalid_request_error"))]
    {
        let (fake, gateway) = stripe().await;
        let office = first.another().await;
        fake.intercept_next("capture", status, body);
        let paid = office.pay_through(gateway, "pm_card_visa").await;
        assert!(matches!(paid, Ok(Paid::Confirmed { .. })), "{status}: {paid:?}");
        assert_eq!(fake.totals(), CONFIRMED, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stray_answer_to_a_refund_is_not_its_failure() {
    let (fake, gateway) = stripe().await;
    let office = BoxOffice::open().await;
    office.pay_through(Arc::clone(&gateway), "pm_card_visa").await.unwrap();
    office.cancel().await;
    fake.intercept_next("refund", 408, Value::Null);
    assert_eq!(office.process(gateway).drive(office.booking_id).await.unwrap(), Progress::Settled);
    assert_eq!(office.booking().await.refunds[0].state, RefundState::Made);
    assert_eq!(fake.totals(), Totals { refunded: PRICE, ..CONFIRMED });
}
