//! Who is believed to be Stripe.

use chrono::{DateTime, TimeDelta, Utc};
use payments::webhook::{BadSignature, Notice, sign, verify};
use secrecy::SecretString;

const BODY: &[u8] = br#"{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"metadata":{}}}}"#;

fn secret() -> SecretString {
    "whsec_test".to_owned().into()
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
    for body in ["", "{}", "[]", r#"{"id":"","type":"x","data":{"object":{}}}"#] {
        assert_eq!(Notice::parse(body.as_bytes()), None, "{body}");
    }
}
