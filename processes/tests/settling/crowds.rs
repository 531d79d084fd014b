//! Many are due at once, and the gateway does not answer: nobody waits for anybody else's.

use domain::booking::{BookingStatus, RefundState};
use testkit::eventually;

use crate::{
    DEADLINE, Running,
    refunding::{BoxOffice, Refunder},
};

/// More than are driven at the same time.
const MANY: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_decided_though_more_refunds_than_places_are_due_before_it_and_hang() {
    let gateway = Refunder::hanging(u32::MAX);
    let office = BoxOffice::through(&gateway).await;
    for _ in 0..MANY {
        office.refunding().await;
    }
    let booking_id = office.undecided().await;
    let running = Running::start(office.processes());
    eventually("the payment is decided", DEADLINE, || async {
        (office.booking(booking_id).await.status == BookingStatus::Confirmed).then_some(())
    })
    .await;
    assert!(gateway.asked() > 0, "refunds hang meanwhile");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_do_not_wait_for_one_that_hangs() {
    let gateway = Refunder::hanging(1);
    let office = BoxOffice::through(&gateway).await;
    let mut bookings = vec![];
    for _ in 0..2 * MANY {
        bookings.push(office.refunding().await);
    }
    let running = Running::start(office.processes());
    eventually("all but one are made", DEADLINE, || async {
        let mut made = 0;
        for booking_id in &bookings {
            made += usize::from(office.refund(*booking_id).await.state == RefundState::Made);
        }
        (made == bookings.len() - 1).then_some(())
    })
    .await;
    running.stop().await;
}
