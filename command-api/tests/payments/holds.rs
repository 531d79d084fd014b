//! A hold lasts while it is being found out what became of its payment.

use chrono::{TimeDelta, Utc};
use command_api::KEEP_BELOW;
use domain::{PaymentId, booking::PaymentStep};
use uuid::Uuid;

use crate::{box_office::BoxOffice, gate::Gate};

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_kept_while_its_payment_is_being_decided_even_by_a_gateway_that_fails() {
    let office = BoxOffice::holding_for(200).await;
    let payment_id = PaymentId::new(Uuid::now_v7());
    office.write_down(PaymentStep::Start { payment_id }, Utc::now() - TimeDelta::seconds(100)).await;
    let left = office.booking().await.held_until.unwrap() - Utc::now();
    assert!(left > TimeDelta::zero() && left < KEEP_BELOW, "{left}");
    let gateway = Gate::failing(u32::MAX, &office.ledger);
    office.process(gateway).drive(office.booking_id).await.unwrap_err();
    let left = office.booking().await.held_until.unwrap() - Utc::now();
    assert!(left > KEEP_BELOW, "{left}");
}
