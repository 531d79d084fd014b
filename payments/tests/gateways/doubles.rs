//! The client of Stripe against what others wrote to play Stripe: localstripe, which knows what it was told, and
//! stripe-mock, Stripe's own checker of requests, which knows the forms but remembers nothing.

use std::{path::PathBuf, process::Command, time::Duration};

use payments::{Gateway, GatewayError, PaymentStanding, RefundStanding, Stripe};
use testkit::{eventually, free_port, localstripe::Localstripe, process::Process};

use crate::{method, new_payment, refund_of};

const DEADLINE: Duration = Duration::from_secs(60);
const KEY: &str = "sk_test_double";

fn workspace(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

async fn localstripe() -> (Localstripe, Stripe) {
    let localstripe = Localstripe::start(KEY).await;
    let stripe = Stripe::new(KEY.to_owned().into(), Some(localstripe.url())).expect("a client");
    (localstripe, stripe)
}

#[tokio::test]
async fn localstripe_sets_money_aside_takes_it_and_gives_it_back() {
    let (_localstripe, stripe) = localstripe().await;
    let payment = new_payment(3_500);
    let opened = stripe.open(&payment).await.unwrap();
    assert_eq!(opened.standing, PaymentStanding::Open { declined: None });
    let authorised = stripe.authorise(payment.payment_id, &opened.reference, &method("pm_card_visa")).await;
    assert_eq!(authorised.unwrap().standing, PaymentStanding::Authorised);
    assert_eq!(stripe.payment(&opened.reference).await.unwrap().standing, PaymentStanding::Authorised);
    let captured = stripe.capture(payment.payment_id, &opened.reference).await.unwrap();
    assert_eq!(captured.standing, PaymentStanding::Captured);
    let refund = refund_of(&payment, &opened.reference, payment.amount);
    assert_eq!(stripe.find_refund(&refund).await.unwrap(), None);
    assert_eq!(stripe.refund(&refund).await.unwrap().standing, RefundStanding::Made);
    let found = stripe.find_refund(&refund).await.unwrap().expect("found");
    assert_eq!(found.standing, RefundStanding::Made);
}

#[tokio::test]
async fn localstripe_declines_and_voids() {
    let (_localstripe, stripe) = localstripe().await;
    let payment = new_payment(3_500);
    let opened = stripe.open(&payment).await.unwrap();
    let card = method("pm_card_chargeCustomerFail");
    let declined = stripe.authorise(payment.payment_id, &opened.reference, &card).await;
    assert!(matches!(declined, Err(GatewayError::Declined { .. })), "{declined:?}");
    let voided = stripe.void(payment.payment_id, &opened.reference).await.unwrap();
    assert_eq!(voided.standing, PaymentStanding::Voided);
    let late = stripe.authorise(payment.payment_id, &opened.reference, &method("pm_card_visa")).await;
    assert!(matches!(late, Err(GatewayError::Refused { .. })), "{late:?}");
    let unknown = stripe.payment("pi_nothing").await;
    assert!(matches!(unknown, Err(GatewayError::Refused { .. })), "{unknown:?}");
}

#[tokio::test]
async fn localstripe_asks_the_buyer_where_the_bank_wants_more() {
    let (localstripe, stripe) = localstripe().await;
    let card = method(&localstripe.card_that_wants_more().await);
    for (satisfies, expected) in [(true, PaymentStanding::Authorised), (false, refused_by_the_bank())] {
        let payment = new_payment(3_500);
        let opened = stripe.open(&payment).await.unwrap();
        let asked = stripe.authorise(payment.payment_id, &opened.reference, &card).await.unwrap();
        assert_eq!(asked.standing, PaymentStanding::ActionRequired);
        let secret = asked.client_secret.expect("a client secret");
        localstripe.authenticate(secrecy::ExposeSecret::expose_secret(&secret), satisfies).await;
        assert_eq!(stripe.payment(&opened.reference).await.unwrap().standing, expected);
    }
}

fn refused_by_the_bank() -> PaymentStanding {
    PaymentStanding::Open { declined: Some("payment_intent_authentication_failure".to_owned()) }
}

/// Where Go is there: it is built from source.
#[tokio::test]
async fn stripe_mock_accepts_every_request_and_its_answers_are_understood() {
    let program = workspace(".dev/tools/bin/stripe-mock");
    if !program.exists() && Command::new("go").arg("version").output().is_err() {
        eprintln!("not shown: stripe-mock is built with Go, and there is none here");
        return;
    }
    assert!(
        program.exists(),
        "there is no {}: run ./dev test once, it brings stripe-mock",
        program.display()
    );
    let (port, other) = (free_port(), free_port());
    let mut command = Command::new(program);
    command.args([
        "-http-port",
        &port.to_string(),
        "-https-port",
        &other.to_string(),
        "-strict-version-check=false",
    ]);
    let _process = Process::spawn(&mut command);
    let url = format!("http://127.0.0.1:{port}");
    eventually("stripe-mock answers", DEADLINE, || async {
        reqwest::get(format!("{url}/v1/refunds")).await.ok().map(drop)
    })
    .await;
    let stripe = Stripe::new(KEY.to_owned().into(), Some(&url)).unwrap();
    let payment = new_payment(3_500);
    let opened = stripe.open(&payment).await.unwrap();
    let reference = opened.reference.as_str();
    // The one payment that it knows was declined once.
    let asked = stripe.authorise(payment.payment_id, reference, &method("pm_card_visa")).await;
    assert!(matches!(asked, Ok(_) | Err(GatewayError::Declined { .. })), "{asked:?}");
    stripe.payment(reference).await.unwrap();
    // It answers with a payment of its own, which is not this one.
    assert!(stripe.find_payment(payment.payment_id).await.unwrap().is_none());
    stripe.capture(payment.payment_id, reference).await.unwrap();
    stripe.void(payment.payment_id, reference).await.unwrap();
    let refund = refund_of(&payment, reference, payment.amount);
    stripe.refund(&refund).await.unwrap();
    stripe.find_refund(&refund).await.unwrap();
}
