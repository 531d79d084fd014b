//! Money that goes back goes back once, wherever whoever drives it dies.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use command_api::{Payments, Progress, ShowOrder};
use domain::{
    PaymentId,
    booking::{PaymentState, PaymentStep, ReasonCode, RefundState},
};
use payments::{Gateway, Stripe};
use testkit::stripe::{FakeStripe, Faults};
use uuid::Uuid;

use crate::{
    box_office::{BoxOffice, PRICE, authorised_at},
    gate::{Call, Gate, Moment},
};

async fn paid(first: &BoxOffice, card: &str) -> BoxOffice {
    let office = first.another().await;
    let gate = Gate::at(Moment::Never, &office.ledger);
    office.pay(&gate, card).await.await.unwrap().unwrap();
    assert_eq!(office.booking().await.payments[0].state, PaymentState::Captured);
    office
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_made_once_wherever_its_driver_dies() {
    let first = BoxOffice::open().await;
    for moment in [Moment::Before(Call::Refund), Moment::After(Call::Refund)] {
        for others in 0..3 {
            let office = paid(&first, "pm_card_visa").await;
            office.cancel().await;
            let gate = Gate::at(moment, &office.ledger);
            let (payments, booking_id) = (office.process(gate.clone()), office.booking_id);
            let driving = tokio::spawn(async move { payments.drive(booking_id).await });
            gate.reached().await;
            for _ in 0..others {
                office.hear().await;
            }
            driving.abort();
            office.settle().await;
            office.money_and_tickets_agree().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn voiding_happens_once_wherever_its_driver_dies() {
    let first = BoxOffice::open().await;
    for moment in [Moment::Before(Call::Void), Moment::After(Call::Void)] {
        let office = first.another().await;
        let held_up = Gate::at(Moment::Before(Call::Capture), &office.ledger);
        let paying = office.pay(&held_up, "pm_card_visa").await;
        held_up.reached().await;
        office.cancel().await;
        paying.abort();
        let gate = Gate::at(moment, &office.ledger);
        let (payments, booking_id) = (office.process(gate.clone()), office.booking_id);
        let driving = tokio::spawn(async move { payments.drive(booking_id).await });
        gate.reached().await;
        driving.abort();
        office.settle().await;
        office.money_and_tickets_agree().await;
        assert_eq!(office.booking().await.payments[0].state, PaymentState::Voided);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_fails_for_a_while_delays_a_refund_and_loses_none() {
    let office = paid(&BoxOffice::open().await, "pm_card_visa").await;
    office.cancel().await;
    let payments = office.process(Gate::failing(3, &office.ledger));
    for _ in 0..3 {
        payments.drive(office.booking_id).await.unwrap_err();
    }
    assert_eq!(payments.drive(office.booking_id).await.unwrap(), Progress::Settled);
    office.money_and_tickets_agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_was_given_up_is_made_once_when_it_is_resumed() {
    let office = paid(&BoxOffice::open().await, "pm_card_visa").await;
    office.cancel().await;
    // It came through, but nobody heard of it.
    let gate = Gate::at(Moment::After(Call::Refund), &office.ledger);
    let (payments, booking_id) = (office.process(gate.clone()), office.booking_id);
    let driving = tokio::spawn(async move { payments.drive(booking_id).await });
    gate.reached().await;
    driving.abort();
    office.process(gate).give_up_refund(booking_id, TimeDelta::zero()).await.unwrap();
    let refund = office.booking().await.refunds[0].clone();
    assert_eq!(refund.state, RefundState::Failed);
    let step = PaymentStep::ResumeRefund { refund_id: refund.id };
    office.order(ShowOrder::Pay { booking_id, step }).await.unwrap();
    office.settle().await;
    office.money_and_tickets_agree().await;
    assert_eq!(office.booking().await.refunds[0].state, RefundState::Made);
}

/// A refund that failed at Stripe, that somebody then made by hand, and that was resumed; and what drives it.
async fn made_by_hand() -> (FakeStripe, BoxOffice, Payments, PaymentStep) {
    let fake = FakeStripe::start(Faults::default(), "whsec_of_the_fake").await;
    let stripe = Arc::new(Stripe::new("sk_test_fake".to_owned().into(), Some(fake.url())).unwrap());
    let office = BoxOffice::open().await;
    let booking_id = office.booking_id;
    office.pay_through(stripe.clone(), "pm_card_refundFail").await.unwrap();
    office.cancel().await;
    let payments = office.process(stripe);
    assert_eq!(payments.drive(booking_id).await.unwrap(), Progress::Settled);
    let refund = office.booking().await.refunds[0].clone();
    assert_eq!(refund.state, RefundState::Failed);
    fake.refund_by_hand(&booking_id.to_string(), PRICE);
    let step = PaymentStep::ResumeRefund { refund_id: refund.id };
    office.order(ShowOrder::Pay { booking_id, step }).await.unwrap();
    (fake, office, payments, PaymentStep::MakeRefund { refund_id: refund.id })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_somebody_made_by_hand_is_made_when_it_is_resumed() {
    let (fake, office, payments, _) = made_by_hand().await;
    assert_eq!(payments.drive(office.booking_id).await.unwrap(), Progress::Settled);
    assert_eq!(office.booking().await.refunds[0].state, RefundState::Made);
    assert_eq!(fake.totals().refunded, PRICE);
}

/// The try that failed is still at Stripe, as failed as ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_somebody_made_by_hand_stays_made_when_it_is_looked_at_again() {
    let (_fake, office, payments, made) = made_by_hand().await;
    office.write_down(made, Utc::now() - TimeDelta::hours(25)).await;
    payments.look_back(office.booking_id).await.unwrap();
    assert_eq!(office.booking().await.refunds[0].state, RefundState::Made);
}

/// Nobody asked for it here, and the bank sent it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_somebody_made_by_hand_and_that_came_back_is_seen_days_later() {
    let fake = FakeStripe::start(Faults::default(), "whsec_of_the_fake").await;
    let stripe = Arc::new(Stripe::new("sk_test_fake".to_owned().into(), Some(fake.url())).unwrap());
    let office = BoxOffice::open().await;
    let booking_id = office.booking_id;
    office.pay_through(stripe.clone(), "pm_card_visa").await.unwrap();
    fake.refund_by_hand(&booking_id.to_string(), PRICE);
    office.cancel().await;
    let refund_id = office.booking().await.refunds[0].id;
    office.write_down(PaymentStep::MakeRefund { refund_id }, Utc::now() - TimeDelta::hours(25)).await;
    let payments = office.process(stripe);
    payments.look_back(booking_id).await.unwrap();
    assert_eq!(office.booking().await.refunds[0].state, RefundState::Made);
    fake.fail_refunds_by_hand(&booking_id.to_string());
    payments.look_back(booking_id).await.unwrap();
    let refund = office.booking().await.refunds[0].clone();
    assert_eq!(refund.state, RefundState::Failed);
    assert_eq!(refund.reason.as_ref().map(ReasonCode::as_str), Some(ReasonCode::REFUND_NOT_FOUND));
}

/// Somebody took it in the gateway's dashboard, before anybody here heard that the bank had agreed.
#[tokio::test(flavor = "multi_thread")]
async fn money_of_an_attempt_whose_name_at_the_gateway_was_never_written_down_goes_back() {
    let office = BoxOffice::open().await;
    let payment_id = PaymentId::new(Uuid::now_v7());
    office.write_down(PaymentStep::Start { payment_id }, office.now().await).await;
    let reference = authorised_at(&*office.ungated(), &office, payment_id).await;
    office.ungated().capture(payment_id.uuid(), &reference).await.unwrap();
    office.cancel().await;
    office.settle().await;
    office.money_and_tickets_agree().await;
    let booking = office.booking().await;
    assert_eq!(
        (booking.payments[0].state, booking.refunds[0].state),
        (PaymentState::Captured, RefundState::Made)
    );
    office.process(office.ungated()).look_back(office.booking_id).await.unwrap();
}
