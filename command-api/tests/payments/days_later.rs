//! Whoever drove a payment died so long ago that the gateway has forgotten the keys of the calls: what was asked for is
//! looked up, and nothing is asked for twice.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use command_api::Progress;
use domain::{
    PaymentId,
    booking::{BookingStatus, PaymentReference, PaymentState, PaymentStep, RefundState},
};
use payments::{Gateway, Stripe};
use testkit::stripe::{FakeStripe, Faults, Totals};
use uuid::Uuid;

use crate::{
    box_office::{BoxOffice, PRICE, authorised_at},
    gate::{Call, Gate, Moment},
};

/// Longer than keys are trusted for.
const LONG: TimeDelta = TimeDelta::hours(25);

/// An attempt that began long ago, and about which no more was written down.
async fn started_long_ago(first: &BoxOffice) -> (BoxOffice, PaymentId) {
    let office = first.another().await;
    let payment_id = PaymentId::new(Uuid::now_v7());
    office.write_down(PaymentStep::Start { payment_id }, Utc::now() - LONG).await;
    (office, payment_id)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_never_opened_is_declined_and_not_opened_days_later() {
    let (office, _) = started_long_ago(&BoxOffice::open().await).await;
    let gate = Gate::at(Moment::Never, &office.ledger);
    office.process(gate.clone()).drive(office.booking_id).await.unwrap();
    assert_eq!(gate.calls(), []);
    let booking = office.booking().await;
    assert_eq!(booking.payments[0].state, PaymentState::Declined);
    assert_eq!(booking.status, BookingStatus::Held);
    office.money_and_tickets_agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bank_agreed_to_is_found_and_taken_once_days_later() {
    let (office, payment_id) = started_long_ago(&BoxOffice::open().await).await;
    authorised_at(&*office.ungated(), &office, payment_id).await;
    let gate = Gate::at(Moment::Never, &office.ledger);
    office.process(gate.clone()).drive(office.booking_id).await.unwrap();
    assert_eq!(gate.calls(), [Call::Capture]);
    assert_eq!(office.booking().await.status, BookingStatus::Confirmed);
    office.money_and_tickets_agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bank_agreed_to_is_found_at_stripe_and_taken_once_days_later() {
    let fake = FakeStripe::start(Faults::default(), "whsec_of_the_fake").await;
    let stripe = Arc::new(Stripe::new("sk_test_fake".to_owned().into(), Some(fake.url())).unwrap());
    let (office, payment_id) = started_long_ago(&BoxOffice::open().await).await;
    authorised_at(&*stripe, &office, payment_id).await;
    office.process(stripe).drive(office.booking_id).await.unwrap();
    assert_eq!(office.booking().await.status, BookingStatus::Confirmed);
    assert_eq!(fake.totals(), Totals { captured: PRICE, captures: 1, ..Totals::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_captured_is_not_captured_again_days_later() {
    let first = BoxOffice::open().await;
    for was_captured in [true, false] {
        let (office, payment_id) = started_long_ago(&first).await;
        let reference = authorised_at(&*office.ungated(), &office, payment_id).await;
        let step =
            PaymentStep::Authorise { payment_id, reference: PaymentReference::parse(&reference).unwrap() };
        office.write_down(step, Utc::now() - LONG).await;
        if was_captured {
            office.ungated().capture(payment_id.uuid(), &reference).await.unwrap();
        }
        let gate = Gate::at(Moment::Never, &office.ledger);
        office.process(gate.clone()).drive(office.booking_id).await.unwrap();
        let expected: &[Call] = if was_captured { &[] } else { &[Call::Capture] };
        assert_eq!(gate.calls(), expected);
        assert_eq!(office.booking().await.status, BookingStatus::Confirmed);
        office.money_and_tickets_agree().await;
    }
}

/// The test gateway says of such a card's refund that it failed; what was written down said otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_came_back_is_seen_days_later_though_nobody_said_so() {
    let first = BoxOffice::open().await;
    let ages = [
        (TimeDelta::hours(23), false),
        (LONG, true),
        (TimeDelta::days(8), true),
        (TimeDelta::days(31), false),
    ];
    for (age, is_seen) in ages {
        let office = first.another().await;
        let gate = Gate::at(Moment::Never, &office.ledger);
        office.pay(&gate, "pm_card_refundFail").await.await.unwrap().unwrap();
        office.cancel().await;
        office.hear().await;
        let failed = office.booking().await.refunds[0].clone();
        assert_eq!(failed.state, RefundState::Failed);
        office.write_down(PaymentStep::MakeRefund { refund_id: failed.id }, Utc::now() - age).await;
        let made_at = office.booking().await.refunds[0].since;
        let looked = office.process(office.ungated()).look_back(office.booking_id).await.unwrap();
        let expected = match age.num_days() {
            0 => Progress::Waits(made_at + TimeDelta::days(1)),
            1 => Progress::Waits(made_at + TimeDelta::days(7)),
            _ => Progress::Settled,
        };
        assert_eq!(looked, expected);
        let state = office.booking().await.refunds[0].state;
        assert_eq!(state, if is_seen { RefundState::Failed } else { RefundState::Made }, "{age}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_was_made_is_not_made_again_days_later() {
    let first = BoxOffice::open().await;
    let office = first.another().await;
    office.pay(&Gate::at(Moment::Never, &office.ledger), "pm_card_visa").await.await.unwrap().unwrap();
    office.cancel().await;
    // It came through, but whoever asked for it died.
    let gate = Gate::at(Moment::After(Call::Refund), &office.ledger);
    let (payments, booking_id) = (office.process(gate.clone()), office.booking_id);
    let driving = tokio::spawn(async move { payments.drive(booking_id).await });
    gate.reached().await;
    driving.abort();
    let later = Gate::at(Moment::Never, &office.ledger);
    office.process(later.clone()).drive(office.booking_id).await.unwrap();
    assert_eq!(later.calls(), []);
    office.money_and_tickets_agree().await;
}
