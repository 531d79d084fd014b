//! What of a webhook may be kept.
//!
//! Its body names the buyer, and what is left of their card. That would outlive an erasure, so it is not kept; only fields
//! that are named here are, and only if they are numbers, truth values or codes: no text that somebody wrote.

use serde_json::{Map, Value};

/// Of the event.
const OF_EVENT: [&str; 4] = ["api_version", "created", "livemode", "type"];
/// Of the payment or the refund that it is about.
const OF_OBJECT: [&str; 14] = [
    "amount",
    "amount_capturable",
    "amount_received",
    "amount_refunded",
    "cancellation_reason",
    "capture_method",
    "created",
    "currency",
    "failure_reason",
    "id",
    "latest_charge",
    "object",
    "payment_intent",
    "status",
];
/// Of what we gave along.
const OF_METADATA: [&str; 5] = ["booking_id", "event_id", "payment_id", "refund_id", "resumed"];
/// Of why a payment failed.
const OF_ERROR: [&str; 3] = ["code", "decline_code", "type"];
/// Most characters of a code.
const MAX_CHARS: usize = 255;

pub(super) fn about_money(body: &Value) -> Value {
    let object = &body["data"]["object"];
    let mut said = kept(&OF_EVENT, body);
    let mut of_object = kept(&OF_OBJECT, object);
    of_object.insert("metadata".to_owned(), kept(&OF_METADATA, &object["metadata"]).into());
    of_object.insert("last_payment_error".to_owned(), kept(&OF_ERROR, &object["last_payment_error"]).into());
    said.insert("object".to_owned(), of_object.into());
    said.into()
}

fn kept(names: &[&str], of: &Value) -> Map<String, Value> {
    let field = |name: &&str| {
        let value = of.get(*name).filter(|value| may_be_kept(value))?;
        Some(((*name).to_owned(), value.clone()))
    };
    names.iter().filter_map(field).collect()
}

fn may_be_kept(value: &Value) -> bool {
    let is_code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    match value {
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => text.len() <= MAX_CHARS && text.chars().all(is_code),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}
