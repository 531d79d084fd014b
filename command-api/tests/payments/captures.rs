//! Money that was set aside and cannot be had after all, or comes for tickets that are gone.

use command_api::Paid;
use domain::booking::{BookingStatus, PaymentState};
use payments::Gateway;

use crate::{
    box_office::BoxOffice,
    gate::{Call, Gate, Moment},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_that_fails_for_good_cancels_the_booking_wherever_its_driver_dies() {
    let first = BoxOffice::open().await;
    for goes_on in [true, false] {
        for webhooks in 0..3 {
            let office = first.another().await;
            let gate = Gate::at(Moment::Before(Call::Capture), &office.ledger);
            let paying = office.pay(&gate, "pm_card_visa").await;
            gate.reached().await;
            // The tickets are sold; but the bank has taken back its word.
            let payment = office.booking().await.payments[0].clone();
            let reference = payment.reference.unwrap();
            office.ungated().void(payment.id.uuid(), reference.as_str()).await.unwrap();
            for _ in 0..webhooks {
                office.hear().await;
            }
            if goes_on {
                gate.open();
                let paid = paying.await.unwrap();
                assert!(matches!(paid, Ok(Paid::CaptureFailed)), "{paid:?}");
            } else {
                paying.abort();
            }
            office.settle().await;
            office.money_and_tickets_agree().await;
            let booking = office.booking().await;
            assert_eq!(booking.status, BookingStatus::Cancelled, "{booking:?}");
            assert_eq!(booking.payments[0].state, PaymentState::CaptureFailed, "{booking:?}");
            assert!(office.somebody_else_books().await, "the ticket is free again");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_of_a_capture_that_fails_are_free_again_though_whoever_drives_it_knew_the_show_before() {
    let (office, known_before) = BoxOffice::known_before().await;
    let gate = Gate::at(Moment::Before(Call::Capture), &office.ledger);
    let paying = office.pay(&gate, "pm_card_visa").await;
    gate.reached().await;
    let payment = office.booking().await.payments[0].clone();
    office.ungated().void(payment.id.uuid(), payment.reference.unwrap().as_str()).await.unwrap();
    paying.abort();
    office.settle_with(known_before).await;
    office.money_and_tickets_agree().await;
    assert_eq!(office.booking().await.status, BookingStatus::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_comes_for_a_cancelled_booking_goes_back_and_is_not_called_a_payment() {
    let office = BoxOffice::open().await;
    let gate = Gate::at(Moment::After(Call::Capture), &office.ledger);
    let paying = office.pay(&gate, "pm_card_visa").await;
    gate.reached().await;
    office.cancel().await;
    gate.open();
    let paid = paying.await.unwrap();
    assert!(matches!(paid, Ok(Paid::TooLate { was_taken: true, .. })), "{paid:?}");
    office.settle().await;
    office.money_and_tickets_agree().await;
    assert_eq!(office.booking().await.status, BookingStatus::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_that_money_was_taken_that_never_was() {
    let office = BoxOffice::open().await;
    let gate = Gate::at(Moment::Before(Call::Capture), &office.ledger);
    let paying = office.pay(&gate, "pm_card_visa").await;
    gate.reached().await;
    office.cancel().await;
    office.hear().await;
    gate.open();
    let paid = paying.await.unwrap();
    assert!(matches!(paid, Ok(Paid::TooLate { was_taken: false, .. })), "{paid:?}");
    office.money_and_tickets_agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_is_never_answered_as_cancelled() {
    let office = BoxOffice::open().await;
    let gate = Gate::at(Moment::After(Call::Capture), &office.ledger);
    let paying = office.pay(&gate, "pm_card_visa").await;
    gate.reached().await;
    // A webhook confirms it, and then it is cancelled, before the request hears of either.
    office.hear().await;
    office.cancel().await;
    gate.open();
    match paying.await.unwrap() {
        Ok(Paid::Confirmed { booking, .. }) => assert_eq!(booking.status, BookingStatus::Confirmed),
        other => panic!("{other:?}"),
    }
    office.settle().await;
    office.money_and_tickets_agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_whose_booking_or_hold_is_gone_is_told_of_a_declined_card() {
    let first = BoxOffice::open().await;
    for card in ["pm_card_visa", "pm_card_chargeDeclined"] {
        for (is_cancelled, expected) in [(true, "booking-cancelled"), (false, "hold-expired")] {
            let office = first.another().await;
            let gate = Gate::at(Moment::Before(Call::Authorise), &office.ledger);
            let paying = office.pay(&gate, card).await;
            gate.reached().await;
            if is_cancelled {
                office.cancel().await;
            } else {
                office.expire().await;
            }
            // Somebody else drives it to its end, before the bank is asked.
            office.settle().await;
            assert_eq!(office.booking().await.payments[0].state, PaymentState::Declined);
            gate.open();
            match paying.await.unwrap() {
                Ok(Paid::TooLate { reason, was_taken: false }) => {
                    assert_eq!(reason.unwrap().as_str(), expected);
                }
                other => panic!("{other:?}"),
            }
            office.money_and_tickets_agree().await;
        }
    }
}
