//! Stripe remembers for a day that a call failed, even if all was done: that keeps no payment from its end.

use std::sync::Arc;

use command_api::{Paid, Progress};
use domain::booking::{BookingStatus, PaymentState};
use payments::{Gateway, Guarded, Stripe};
use testkit::stripe::{FakeStripe, Faults, Totals};

use crate::box_office::{BoxOffice, PRICE};

async fn stripe() -> (FakeStripe, Arc<dyn Gateway>) {
    let fake = FakeStripe::start(Faults::default(), "whsec_of_the_fake").await;
    let stripe = Stripe::new("sk_test_fake".to_owned().into(), Some(fake.url())).unwrap();
    (fake, Arc::new(Guarded::new(stripe)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_stripe_remembers_as_failed_ends_confirmed_whether_or_not_it_was_done() {
    let first = BoxOffice::open().await;
    for step in ["open", "confirm", "capture"] {
        for is_done in [true, false] {
            // What was not done and is remembered as failed cannot be confirmed: nobody knows the payment method any more.
            if step == "confirm" && !is_done {
                continue;
            }
            let (fake, gateway) = stripe().await;
            let office = first.another().await;
            fake.break_next(step, is_done);
            let paid = office.pay_through(Arc::clone(&gateway), "pm_card_visa").await;
            if step == "confirm" {
                assert_eq!(
                    office.process(gateway).drive(office.booking_id).await.unwrap(),
                    Progress::Settled
                );
            } else {
                assert!(matches!(paid, Ok(Paid::Confirmed { .. })), "{step}, {is_done}: {paid:?}");
            }
            assert_eq!(office.booking().await.status, BookingStatus::Confirmed, "{step}, {is_done}");
            assert_eq!(fake.totals(), Totals { captured: PRICE, captures: 1, ..Totals::default() });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn voiding_that_stripe_remembers_as_failed_ends_voided_whether_or_not_it_was_done() {
    let first = BoxOffice::open().await;
    for is_done in [true, false] {
        let (fake, gateway) = stripe().await;
        let office = first.another().await;
        let asked = office.pay_through(Arc::clone(&gateway), "pm_card_authenticationRequired").await;
        assert!(matches!(asked, Ok(Paid::ActionRequired { .. })), "{asked:?}");
        office.cancel().await;
        fake.break_next("cancel", is_done);
        assert_eq!(office.process(gateway).drive(office.booking_id).await.unwrap(), Progress::Settled);
        assert_eq!(office.booking().await.payments[0].state, PaymentState::Declined, "{is_done}");
        assert_eq!(fake.totals(), Totals::default());
    }
}
