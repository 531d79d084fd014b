//! Refunds that the gateway does not make are tried again, and in the end somebody is asked for a hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic, in its helpers too")]

mod refunding;

use std::time::Duration;

use chrono::TimeDelta;
use domain::booking::RefundState;
use payments::GatewayError;
use testkit::eventually;
use tokio_util::sync::CancellationToken;

use refunding::{Failing, Refunding};

const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_the_gateway_does_not_make_for_long_is_given_up_and_not_before() {
    let gateway = Failing::with(GatewayError::Unavailable { reason: "a test" });
    let refunding = Refunding::through(&gateway).await;
    let shutdown = CancellationToken::new();
    let processes = refunding.processes().giving_up_refunds_after(TimeDelta::seconds(2));
    let running = tokio::spawn(processes.run(shutdown.clone()));
    eventually("it was tried several times", DEADLINE, || async { (gateway.refunds() >= 2).then_some(()) })
        .await;
    eventually("it is given up", DEADLINE, || async {
        let refund = refunding.refund().await;
        (refund.state == RefundState::Failed).then(|| {
            assert_eq!(refund.reason.unwrap().as_str(), "gateway-unavailable");
            assert!(refund.since - refund.requested_at >= TimeDelta::seconds(2));
        })
    })
    .await;
    shutdown.cancel();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rest_of_the_gateway_gives_up_no_refund() {
    let gateway = Failing::with(GatewayError::Resting);
    let refunding = Refunding::through(&gateway).await;
    let shutdown = CancellationToken::new();
    let processes = refunding.processes().giving_up_refunds_after(TimeDelta::zero());
    let running = tokio::spawn(processes.run(shutdown.clone()));
    eventually("it was tried several times", DEADLINE, || async {
        (refunding.tries().await >= 3).then_some(())
    })
    .await;
    assert_eq!(refunding.refund().await.state, RefundState::Requested);
    shutdown.cancel();
    running.await.unwrap();
}
