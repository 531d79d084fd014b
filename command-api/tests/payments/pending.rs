//! What is not decided elsewhere is looked at again, the less often the longer it takes.

use chrono::{TimeDelta, Utc};
use command_api::Progress;
use domain::{
    PaymentId,
    booking::{BookingStatus, PaymentReference, PaymentState, PaymentStep, ReasonCode, RefundState},
};
use payments::{About, Gateway, NewPayment, PaymentMethod, PaymentStanding};
use uuid::Uuid;

use crate::{
    box_office::{BoxOffice, PRICE},
    gate::{Call, Gate, Moment},
};

/// How much later than meant a look may be: driving takes its time.
const ROUGHLY: TimeDelta = TimeDelta::seconds(10);

/// Drives it through the gate, and answers after how long it is to be looked at again.
async fn pause(office: &BoxOffice, gate: &std::sync::Arc<Gate>) -> TimeDelta {
    match office.process(gate.clone()).drive(office.booking_id).await.unwrap() {
        Progress::Waits(until) => until - Utc::now(),
        Progress::Settled => panic!("it waits for nothing: {:?}", office.booking().await),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_is_pending_for_days_stays_so_is_looked_at_hourly_and_is_made_once() {
    let first = BoxOffice::open().await;
    for (age, expected) in [
        (TimeDelta::zero(), TimeDelta::seconds(20)),
        (TimeDelta::hours(2), TimeDelta::minutes(30)),
        (TimeDelta::hours(13), TimeDelta::hours(1)),
        (TimeDelta::days(9), TimeDelta::hours(1)),
    ] {
        let office = first.another().await;
        let gate = Gate::at(Moment::Never, &office.ledger);
        office.pay(&gate, "pm_card_visa").await.await.unwrap().unwrap();
        office.cancel().await;
        let (refund_id, at) = (office.booking().await.refunds[0].id, Utc::now() - age);
        let reason = ReasonCode::of("a-test");
        office.write_down(PaymentStep::FailRefund { refund_id, reason }, at).await;
        office.write_down(PaymentStep::ResumeRefund { refund_id }, at).await;
        gate.says_that_refunds_are_pending(true);
        for _ in 0..2 {
            let pause = pause(&office, &gate).await;
            assert!(pause <= expected + ROUGHLY && pause >= expected - ROUGHLY, "{age}: {pause}");
            assert_eq!(office.booking().await.refunds[0].state, RefundState::Requested);
        }
        gate.says_that_refunds_are_pending(false);
        assert_eq!(office.process(gate.clone()).drive(office.booking_id).await.unwrap(), Progress::Settled);
        assert_eq!(office.booking().await.refunds[0].state, RefundState::Made);
        assert_eq!(gate.calls().iter().filter(|call| **call == Call::Refund).count(), 1);
        office.money_and_tickets_agree().await;
    }
}

/// A booking about which the bank asked its buyer so long ago.
async fn asked(first: &BoxOffice, age: TimeDelta) -> (BoxOffice, PaymentId) {
    let office = first.another().await;
    let (payment_id, at) = (PaymentId::new(Uuid::now_v7()), Utc::now() - age);
    office.write_down(PaymentStep::Start { payment_id }, at).await;
    let booking = office.booking().await;
    let about = About { booking_id: booking.id.uuid(), event_id: booking.event_id.uuid() };
    let (id, currency, gateway) = (payment_id.uuid(), "EUR".to_owned(), office.ungated());
    let new = NewPayment { payment_id: id, about, amount: PRICE, currency };
    let opened = gateway.open(&new).await.unwrap();
    let card = PaymentMethod::parse("pm_card_authenticationRequired").unwrap();
    gateway.authorise(id, &opened.reference, &card).await.unwrap();
    let reference = PaymentReference::parse(&opened.reference).unwrap();
    office.write_down(PaymentStep::RequireAction { payment_id, reference }, at).await;
    (office, payment_id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_who_does_not_answer_the_bank_is_looked_at_less_and_less_often() {
    let first = BoxOffice::open().await;
    for (age, expected) in [(60, 20), (360, 90), (720, 120), (870, 30)] {
        let (office, _) = asked(&first, TimeDelta::seconds(age)).await;
        let pause = pause(&office, &Gate::at(Moment::Never, &office.ledger)).await;
        let expected = TimeDelta::seconds(expected);
        assert!(pause <= expected + ROUGHLY && pause >= expected - ROUGHLY, "{age} s: {pause}");
        assert_eq!(office.booking().await.payments[0].state, PaymentState::ActionRequired);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_who_never_answers_the_bank_has_a_quarter_of_an_hour_and_keeps_the_hold() {
    let (office, payment_id) = asked(&BoxOffice::open().await, TimeDelta::minutes(16)).await;
    office.process(office.ungated()).drive(office.booking_id).await.unwrap();
    let booking = office.booking().await;
    let payment = &booking.payments[0];
    assert_eq!(payment.state, PaymentState::Declined);
    assert_eq!(payment.reason.as_ref().unwrap().as_str(), "authentication-timed-out");
    assert_eq!(booking.status_at(Utc::now() + TimeDelta::minutes(4)), BookingStatus::Held);
    let found = office.ungated().find_payment(payment_id.uuid()).await.unwrap().unwrap();
    assert_eq!(found.standing, PaymentStanding::Voided, "a late answer has no effect");
    office.money_and_tickets_agree().await;
}
