//! The client of Stripe against what others wrote to play Stripe: localstripe, which knows what it was told, and
//! stripe-mock, Stripe's own checker of requests, which knows the forms but remembers nothing.

use std::{path::PathBuf, process::Command, time::Duration};

use payments::{
    About, Gateway, GatewayError, NewPayment, NewRefund, PaymentMethod, PaymentStanding, RefundStanding,
    Stripe,
};
use serde_json::Value;
use testkit::{eventually, free_port, process::Process};
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(60);
const KEY: &str = "sk_test_double";

fn workspace(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

async fn start(name: &str, command: &mut Command, port: u16) -> (Process, Stripe, String) {
    let process = Process::spawn(command);
    let url = format!("http://127.0.0.1:{port}");
    eventually(&format!("{name} answers"), DEADLINE, || async {
        reqwest::get(format!("{url}/v1/refunds")).await.ok().map(drop)
    })
    .await;
    (process, Stripe::new(KEY.to_owned().into(), Some(&url)).expect("a client"), url)
}

async fn localstripe() -> (Process, Stripe, String) {
    let python = workspace(".dev/venv/bin/python");
    assert!(python.exists(), "there is no {}: run ./dev test once, it brings localstripe", python.display());
    let port = free_port();
    let mut command = Command::new(python);
    command.arg(workspace("testkit/run_localstripe.py")).args([
        "--from-scratch",
        "--port",
        &port.to_string(),
    ]);
    start("localstripe", &mut command, port).await
}

fn new_payment(amount: i64) -> NewPayment {
    let about = About { booking_id: Uuid::now_v7(), event_id: Uuid::now_v7() };
    NewPayment { payment_id: Uuid::now_v7(), about, amount, currency: "EUR".to_owned() }
}

fn method(name: &str) -> PaymentMethod {
    PaymentMethod::parse(name).expect("a payment method")
}

fn refund_of(payment: &NewPayment, reference: &str) -> NewRefund {
    NewRefund {
        refund_id: Uuid::now_v7(),
        resumed: 0,
        reference: reference.to_owned(),
        about: payment.about,
        amount: payment.amount,
        currency: "EUR".to_owned(),
    }
}

#[tokio::test]
async fn localstripe_sets_money_aside_takes_it_and_gives_it_back() {
    let (_process, stripe, _) = localstripe().await;
    let payment = new_payment(3_500);
    let opened = stripe.open(&payment).await.unwrap();
    assert_eq!(opened.standing, PaymentStanding::Open { declined: None });
    let authorised = stripe.authorise(payment.payment_id, &opened.reference, &method("pm_card_visa")).await;
    assert_eq!(authorised.unwrap().standing, PaymentStanding::Authorised);
    assert_eq!(stripe.payment(&opened.reference).await.unwrap().standing, PaymentStanding::Authorised);
    let captured = stripe.capture(payment.payment_id, &opened.reference).await.unwrap();
    assert_eq!(captured.standing, PaymentStanding::Captured);
    let refund = refund_of(&payment, &opened.reference);
    assert_eq!(stripe.find_refund(&opened.reference, refund.refund_id).await.unwrap(), None);
    assert_eq!(stripe.refund(&refund).await.unwrap().standing, RefundStanding::Made);
    let found = stripe.find_refund(&opened.reference, refund.refund_id).await.unwrap().expect("found");
    assert_eq!(found.standing, RefundStanding::Made);
}

#[tokio::test]
async fn localstripe_declines_and_voids() {
    let (_process, stripe, _) = localstripe().await;
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
    let (_process, stripe, url) = localstripe().await;
    let http = reqwest::Client::new();
    let card = [
        ("type", "card"),
        ("card[number]", "4000002760003184"),
        ("card[exp_month]", "12"),
        ("card[exp_year]", "2030"),
        ("card[cvc]", "123"),
    ];
    let made = http.post(format!("{url}/v1/payment_methods")).basic_auth(KEY, Some("")).form(&card);
    let made: Value = made.send().await.unwrap().json().await.unwrap();
    let card = method(made["id"].as_str().expect("a payment method"));
    for (satisfies, expected) in [("true", PaymentStanding::Authorised), ("false", refused_by_the_bank())] {
        let payment = new_payment(3_500);
        let opened = stripe.open(&payment).await.unwrap();
        let asked = stripe.authorise(payment.payment_id, &opened.reference, &card).await.unwrap();
        assert_eq!(asked.standing, PaymentStanding::ActionRequired);
        let secret = asked.client_secret.expect("a client secret");
        let form = [("client_secret", secrecy::ExposeSecret::expose_secret(&secret)), ("success", satisfies)];
        let url = format!("{url}/v1/payment_intents/{}/_authenticate", opened.reference);
        http.post(url)
            .basic_auth(KEY, Some(""))
            .form(&form)
            .send()
            .await
            .unwrap()
            .error_for_status()
            .unwrap();
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
    let (_process, stripe, _) = start("stripe-mock", &mut command, port).await;
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
    let refund = refund_of(&payment, reference);
    stripe.refund(&refund).await.unwrap();
    stripe.find_refund(reference, refund.refund_id).await.unwrap();
}
