//! What requests have left open is settled: refunds that the gateway does not make are tried again, and in the end somebody is
//! asked for a hand; and nobody waits for anybody else's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic, in its helpers too")]

mod crowds;
mod foreign;
mod refunding;

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use domain::booking::RefundState;
use payments::{GatewayError, GatewayRefund, RefundStanding};
use processes::Processes;
use testkit::eventually;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use refunding::{BoxOffice, Refunder, Refunds};

const DEADLINE: Duration = Duration::from_secs(30);
const UNAVAILABLE: GatewayError = GatewayError::Unavailable { reason: "a test" };

/// Process managers that run until they are told to stop.
struct Running(CancellationToken, JoinHandle<()>);

impl Running {
    fn start(processes: Processes) -> Self {
        let shutdown = CancellationToken::new();
        Self(shutdown.clone(), tokio::spawn(processes.run(shutdown)))
    }

    async fn stop(self) {
        self.0.cancel();
        self.1.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_the_gateway_does_not_make_for_long_is_given_up_and_not_before() {
    let gateway = Refunder::whose(Refunds::Answer(Err(UNAVAILABLE)));
    let office = BoxOffice::through(&gateway).await;
    let booking_id = office.refunding().await;
    let running = Running::start(office.processes().giving_up_refunds_after(TimeDelta::seconds(2)));
    eventually("it was tried several times", DEADLINE, || async { (gateway.asked() >= 2).then_some(()) })
        .await;
    eventually("it is given up", DEADLINE, || async {
        let refund = office.refund(booking_id).await;
        (refund.state == RefundState::Failed).then(|| {
            assert_eq!(refund.reason.unwrap().as_str(), "gateway-unavailable");
            assert!(refund.since - refund.requested_at >= TimeDelta::seconds(2));
        })
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rest_of_the_gateway_gives_up_no_refund() {
    let gateway = Refunder::whose(Refunds::Answer(Err(GatewayError::Resting)));
    let office = BoxOffice::through(&gateway).await;
    let booking_id = office.refunding().await;
    let running = Running::start(office.processes().giving_up_refunds_after(TimeDelta::zero()));
    eventually("it was tried several times", DEADLINE, || async {
        (office.noted(booking_id).await.0 >= 3).then_some(())
    })
    .await;
    assert_eq!(office.refund(booking_id).await.state, RefundState::Requested);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_is_pending_is_not_given_up_when_the_gateway_fails_later() {
    let pending = GatewayRefund { standing: RefundStanding::Pending, resumed: 0 };
    let gateway = Refunder::whose(Refunds::Answer(Ok(pending)));
    let office = BoxOffice::through(&gateway).await;
    let booking_id = office.refunding().await;
    let patience = TimeDelta::seconds(2);
    let running = Running::start(office.processes().giving_up_refunds_after(patience));
    eventually("it was asked for, and is looked at later, past its patience", DEADLINE, || async {
        let requested_at = office.refund(booking_id).await.requested_at;
        let (tries, is_put_off) = office.noted(booking_id).await;
        let has_waited = Utc::now() - requested_at > patience;
        (has_waited && is_put_off && tries == 0 && gateway.asked() > 0).then_some(())
    })
    .await;
    let fails_since = Utc::now();
    gateway.becomes(Refunds::Answer(Err(UNAVAILABLE)));
    office.hurry().await;
    eventually("it goes on failing, and is given up", DEADLINE, || async {
        let refund = office.refund(booking_id).await;
        (refund.state == RefundState::Failed).then(|| assert!(refund.since - fails_since >= patience))
    })
    .await;
    running.stop().await;
}
