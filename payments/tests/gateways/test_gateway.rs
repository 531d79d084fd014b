//! What the embedded gateway does.

use payments::{
    Gateway, GatewayError, MemoryLedger, NewPayment, NewRefund, PaymentMethod, PaymentStanding,
    RefundStanding, TestGateway,
};

use crate::{method, new_payment, refund_of};

const PRICE: i64 = 3_500;

/// Opened and confirmed; and what came of it.
async fn pay(
    gateway: &TestGateway<MemoryLedger>,
    card: &str,
) -> (NewPayment, String, Result<PaymentStanding, GatewayError>) {
    let payment = new_payment(PRICE);
    let reference = gateway.open(&payment).await.expect("a payment").reference;
    let answer = gateway.authorise(payment.payment_id, &reference, &method(card)).await;
    (payment, reference, answer.map(|payment| payment.standing))
}

async fn captured(gateway: &TestGateway<MemoryLedger>, card: &str) -> (NewPayment, String) {
    let (payment, reference, _) = pay(gateway, card).await;
    gateway.capture(payment.payment_id, &reference).await.expect("captured");
    (payment, reference)
}

fn gateway() -> TestGateway<MemoryLedger> {
    TestGateway::on(MemoryLedger::default())
}

#[tokio::test]
async fn stripes_test_payment_methods_succeed_or_fail_as_they_do_there() {
    for card in ["pm_card_visa", "pm_card_mastercard", "pm_card_amex", "pm_card_refundFail"] {
        assert_eq!(pay(&gateway(), card).await.2, Ok(PaymentStanding::Authorised), "{card}");
    }
    for (card, reason) in [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "lost_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error"),
    ] {
        let declined = GatewayError::Declined { reason: reason.to_owned() };
        assert_eq!(pay(&gateway(), card).await.2, Err(declined), "{card}");
    }
    for card in ["pm_card_authenticationRequired", "pm_card_threeDSecure2Required"] {
        assert_eq!(pay(&gateway(), card).await.2, Ok(PaymentStanding::ActionRequired), "{card}");
    }
    let unknown = GatewayError::Refused { reason: "resource_missing".to_owned() };
    for card in ["pm_card_unknown", "pm_1NG8Du", "pm_card_chargeDeclinedForNothing"] {
        assert_eq!(pay(&gateway(), card).await.2, Err(unknown.clone()), "{card}");
    }
}

#[tokio::test]
async fn the_same_call_again_does_nothing_and_answers_the_same() {
    let gateway = gateway();
    let (payment, reference, _) = pay(&gateway, "pm_card_visa").await;
    assert_eq!(gateway.open(&payment).await.unwrap().reference, reference);
    let again = gateway.authorise(payment.payment_id, &reference, &method("pm_card_visa")).await;
    assert_eq!(again.unwrap().standing, PaymentStanding::Authorised);
    for _ in 0..2 {
        let captured = gateway.capture(payment.payment_id, &reference).await.unwrap();
        assert_eq!(captured.standing, PaymentStanding::Captured);
    }
    let refund = refund_of(&payment, &reference, PRICE);
    for _ in 0..2 {
        assert_eq!(gateway.refund(&refund).await.unwrap().standing, RefundStanding::Made);
    }
}

#[tokio::test]
async fn what_was_voided_is_never_authorised_however_late_that_comes() {
    let gateway = gateway();
    let payment = new_payment(PRICE);
    let reference = gateway.open(&payment).await.unwrap().reference;
    gateway.void(payment.payment_id, &reference).await.unwrap();
    let late = gateway.authorise(payment.payment_id, &reference, &method("pm_card_visa")).await;
    assert!(matches!(late, Err(GatewayError::Refused { .. })), "{late:?}");
    let captured = gateway.capture(payment.payment_id, &reference).await;
    assert!(matches!(captured, Err(GatewayError::Refused { .. })), "{captured:?}");
}

#[tokio::test]
async fn what_was_captured_is_not_voided() {
    let gateway = gateway();
    let (payment, reference) = captured(&gateway, "pm_card_visa").await;
    let voided = gateway.void(payment.payment_id, &reference).await;
    assert!(matches!(voided, Err(GatewayError::Refused { .. })), "{voided:?}");
    let found = gateway.find_payment(payment.payment_id).await.unwrap().expect("found");
    assert_eq!(found.standing, PaymentStanding::Captured);
}

#[tokio::test]
async fn no_more_goes_back_than_came() {
    let gateway = gateway();
    let (payment, reference) = captured(&gateway, "pm_card_visa").await;
    gateway.refund(&refund_of(&payment, &reference, 3_000)).await.unwrap();
    let over = gateway.refund(&refund_of(&payment, &reference, 501)).await;
    assert!(matches!(over, Err(GatewayError::Refused { .. })), "{over:?}");
    gateway.refund(&refund_of(&payment, &reference, 500)).await.unwrap();
}

#[tokio::test]
async fn a_refund_may_be_pending_or_fail_and_be_tried_again() {
    let gateway = gateway();
    let (payment, reference) = captured(&gateway, "pm_card_pendingRefund").await;
    let refund = refund_of(&payment, &reference, PRICE);
    assert_eq!(gateway.find_refund(&refund).await.unwrap(), None);
    assert_eq!(gateway.refund(&refund).await.unwrap().standing, RefundStanding::Pending);
    let found = gateway.find_refund(&refund).await.unwrap().expect("found");
    assert_eq!(found.standing, RefundStanding::Made);

    let (payment, reference) = captured(&gateway, "pm_card_refundFail").await;
    let refund = refund_of(&payment, &reference, PRICE);
    assert!(matches!(gateway.refund(&refund).await.unwrap().standing, RefundStanding::Failed { .. }));
    let resumed = NewRefund { resumed: 1, ..refund };
    assert_eq!(gateway.refund(&resumed).await.unwrap().standing, RefundStanding::Made);
}

#[tokio::test]
async fn a_buyer_satisfies_the_bank_with_the_client_secret_or_does_not() {
    let gateway = gateway();
    let standing = async |card: &str, satisfies| {
        let (_, reference, _) = pay(&gateway, card).await;
        let secret = gateway.payment(&reference).await.unwrap().client_secret.expect("a secret");
        assert!(gateway.act(&secret, satisfies).await.unwrap());
        assert!(!gateway.act(&secret, satisfies).await.unwrap(), "once");
        gateway.payment(&reference).await.unwrap().standing
    };
    assert_eq!(standing("pm_card_authenticationRequired", true).await, PaymentStanding::Authorised);
    let declined = |reason: &str| PaymentStanding::Open { declined: Some(reason.to_owned()) };
    assert_eq!(
        standing("pm_card_authenticationRequired", false).await,
        declined("payment_intent_authentication_failure")
    );
    assert_eq!(
        standing("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", true).await,
        declined("insufficient_funds")
    );
    let guessed = "pi_test_1_secret_1".to_owned().into();
    assert!(!gateway.act(&guessed, true).await.unwrap());
}

#[tokio::test]
async fn a_payment_method_is_never_shown() {
    assert_eq!(format!("{:?}", method("pm_card_visa")), "PaymentMethod(…)");
    for text in ["", "pm_", "card_1", "pm_4242 4242", "pm_ä", &format!("pm_{}", "x".repeat(253))] {
        assert_eq!(PaymentMethod::parse(text), None, "{text}");
    }
}
