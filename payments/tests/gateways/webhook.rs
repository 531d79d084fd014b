//! Who is believed to be Stripe.

use chrono::{DateTime, TimeDelta, Utc};
use payments::webhook::{BadSignature, Notice, verify};
use secrecy::{ExposeSecret, SecretString};

const BODY: &[u8] = br#"{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"metadata":{}}}}"#;

fn secret() -> SecretString {
    "whsec_test".to_owned().into()
}

/// As Stripe signs.
fn sign(secret: &SecretString, body: &[u8], at: DateTime<Utc>) -> String {
    testkit::stripe::sign(secret.expose_secret(), body, at.timestamp())
}

fn now() -> DateTime<Utc> {
    "2026-11-21T10:00:00Z".parse().expect("a time")
}

#[test]
fn a_signature_over_the_raw_body_is_good_for_five_minutes() {
    let header = sign(&secret(), BODY, now());
    for seconds in [-300, 0, 300] {
        assert_eq!(verify(&secret(), &header, BODY, now() + TimeDelta::seconds(seconds)), Ok(()));
    }
    for seconds in [-301, 301, 86_400] {
        assert_eq!(verify(&secret(), &header, BODY, now() + TimeDelta::seconds(seconds)), Err(BadSignature));
    }
}

#[test]
fn another_body_another_secret_and_another_time_are_not_signed() {
    let header = sign(&secret(), BODY, now());
    assert_eq!(verify(&secret(), &header, &BODY[1..], now()), Err(BadSignature));
    assert_eq!(verify(&"whsec_other".to_owned().into(), &header, BODY, now()), Err(BadSignature));
    let moved = header.replacen("t=1", "t=2", 1);
    assert_eq!(verify(&secret(), &moved, BODY, now()), Err(BadSignature));
    for header in
        ["", "t=1", "v1=00", "t=x,v1=00", &header[..header.len() - 1], &header.replace("v1=", "v0=")]
    {
        assert_eq!(verify(&secret(), header, BODY, now()), Err(BadSignature), "{header}");
    }
}

/// While a secret is being changed, Stripe signs with both.
#[test]
fn one_good_signature_of_several_is_enough() {
    let good = sign(&secret(), BODY, now());
    let other = sign(&"whsec_other".to_owned().into(), BODY, now());
    let (_, others) = other.split_once(',').unwrap();
    assert_eq!(verify(&secret(), &format!("{good},{others}"), BODY, now()), Ok(()));
    let (time, goods) = good.split_once(',').unwrap();
    assert_eq!(verify(&secret(), &format!("{time},{others},{goods}"), BODY, now()), Ok(()));
}

/// As Stripe's own library computes it: HMAC-SHA256 of `1700000000.{}` with `whsec_test`.
#[test]
fn the_signature_is_stripes() {
    let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    assert_eq!(sign(&secret(), b"{}", at), SIGNED);
}

const SIGNED: &str = "t=1700000000,v1=35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91";

#[test]
fn what_a_webhook_is_about_is_read_and_nothing_else() {
    let with = |metadata: &str| {
        let body = format!(
            r#"{{"id":"evt_1","type":"charge.refunded","data":{{"object":{{"card":4242,"metadata":{metadata}}}}}}}"#
        );
        Notice::parse(body.as_bytes()).expect("a webhook").booking_id.map(|id| id.to_string())
    };
    let id = "0193a5c2-7e44-7c1b-9d0e-1f2a3b4c5d6e";
    assert_eq!(with(&format!(r#"{{"booking_id":"{id}"}}"#)), Some(id.to_owned()));
    for others in ["{}", "null", r#"{"booking_id":7}"#, r#"{"booking_id":"ours"}"#] {
        assert_eq!(with(others), None);
    }
    for body in ["", "{}", "[]", "7", r#"{"id":"","type":"x","data":{"object":{}}}"#] {
        assert_eq!(Notice::parse(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn what_is_kept_of_a_webhook_is_about_money_and_not_about_the_buyer() {
    let body = serde_json::json!({
        "id": "evt_1", "object": "event", "type": "payment_intent.payment_failed", "created": 1_795_000_000,
        "livemode": false, "request": { "idempotency_key": "a key" },
        "data": { "object": {
            "id": "pi_1", "object": "payment_intent", "status": "requires_payment_method", "amount": 2_500,
            "currency": "eur", "client_secret": "pi_1_secret_x", "receipt_email": "ada@example.org",
            "description": "for Ada", "failure_reason": "Ada's card, 4242 4242 4242 4242",
            "metadata": { "booking_id": "b", "name": "Ada" }, "shipping": { "name": "Ada" },
            "last_payment_error": { "decline_code": "insufficient_funds", "message": "Ada has none.",
                                    "payment_method": { "card": { "last4": "4242" } } },
        } },
    });
    let notice = Notice::parse(body.to_string().as_bytes()).expect("a webhook");
    let expected = serde_json::json!({
        "type": "payment_intent.payment_failed", "created": 1_795_000_000, "livemode": false,
        "object": {
            "id": "pi_1", "object": "payment_intent", "status": "requires_payment_method", "amount": 2_500,
            "currency": "eur", "metadata": { "booking_id": "b" },
            "last_payment_error": { "decline_code": "insufficient_funds" },
        },
    });
    assert_eq!(notice.said, expected);
    let other = Notice::parse(format!("{body} ").as_bytes()).expect("a webhook");
    assert_ne!(notice.body_sha256, other.body_sha256, "it is over the raw body");
}
