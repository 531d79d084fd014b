//! After a decline another card may be tried; whoever drives that payment may die as well.

use domain::booking::{BookingStatus, PaymentState};

use crate::{
    box_office::BoxOffice,
    gate::{Call, Gate, Moment},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_tried_after_a_decline_is_charged_once_wherever_its_driver_dies() {
    let first = BoxOffice::open().await;
    for (moment, was_asked) in [
        (Moment::Before(Call::Open), false),
        (Moment::After(Call::Open), false),
        (Moment::Before(Call::Authorise), false),
        (Moment::After(Call::Authorise), true),
        (Moment::Before(Call::Capture), true),
        (Moment::After(Call::Capture), true),
    ] {
        for goes_on in [true, false] {
            for webhooks in 0..3 {
                let office = first.another().await;
                let declining = Gate::at(Moment::Never, &office.ledger);
                office.pay(&declining, "pm_card_chargeDeclined").await.await.unwrap().unwrap();
                let gate = Gate::at(moment, &office.ledger);
                let paying = office.pay(&gate, "pm_card_visa").await;
                gate.reached().await;
                for _ in 0..webhooks {
                    office.hear().await;
                }
                if goes_on {
                    gate.open();
                    paying.await.unwrap().ok();
                } else {
                    paying.abort();
                }
                office.settle().await;
                office.money_and_tickets_agree().await;
                let booking = office.booking().await;
                let states: Vec<PaymentState> =
                    booking.payments.iter().map(|payment| payment.state).collect();
                let (status, second) = if goes_on || was_asked {
                    (BookingStatus::Confirmed, PaymentState::Captured)
                } else {
                    (BookingStatus::Held, PaymentState::Declined)
                };
                assert_eq!(
                    (booking.status, states),
                    (status, vec![PaymentState::Declined, second]),
                    "{moment:?}, goes on {goes_on}, {webhooks} webhooks"
                );
            }
        }
    }
}
