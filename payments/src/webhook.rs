//! What Stripe says by itself: signed over the raw body, late, twice, out of order. So it is only a hint where to look.
//!
//! The form of the signature: <https://docs.stripe.com/webhooks/signature>.

mod said;

use aws_lc_rs::{digest, hmac};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// How far a signature's time may be from ours.
const TOLERANCE: TimeDelta = TimeDelta::seconds(300);
/// Most signatures in a header; Stripe sends two while a secret is being changed.
const MAX_SIGNATURES: usize = 8;

/// It was not Stripe, or it was long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not good")]
pub struct BadSignature;

/// Checks the header `Stripe-Signature`: `t=1492774577,v1=5257a869…`. Every comparison takes the same time.
///
/// # Errors
/// No signature in it is over this body, with this secret, or its time is more than five minutes from `now`.
pub fn verify(
    secret: &SecretString,
    header: &str,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(), BadSignature> {
    let fields = || header.split(',').filter_map(|field| field.trim().split_once('='));
    let time = fields().find(|(name, _)| *name == "t").map(|(_, time)| time).ok_or(BadSignature)?;
    let seconds: i64 = time.parse().map_err(|_| BadSignature)?;
    let signed_at = DateTime::from_timestamp(seconds, 0).ok_or(BadSignature)?;
    if (now - signed_at).abs() > TOLERANCE {
        return Err(BadSignature);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let signed = [time.as_bytes(), b".", body].concat();
    let signatures = fields().filter(|(name, _)| *name == "v1").take(MAX_SIGNATURES);
    let is_good =
        |signature: &str| bytes(signature).is_some_and(|tag| hmac::verify(&key, &signed, &tag).is_ok());
    if signatures.map(|(_, signature)| is_good(signature)).fold(false, |any, good| any | good) {
        Ok(())
    } else {
        Err(BadSignature)
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let is_hex = hex.len().is_multiple_of(2) && hex.chars().all(|c| c.is_ascii_hexdigit());
    let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    is_hex.then(|| (0..hex.len()).step_by(2).map(byte).collect()).flatten()
}

/// What a webhook says, as far as anybody here wants to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Its id, the same when it comes again.
    pub id: String,
    /// What happened, such as `payment_intent.succeeded`.
    pub kind: String,
    /// The booking that the object is about, if it is one of ours.
    pub booking_id: Option<Uuid>,
    /// What of the body may be kept: what it says about money, and nothing about a buyer or a card.
    pub said: Value,
    /// SHA-256 of the raw body: who has that, from Stripe, can show that this is it.
    pub body_sha256: [u8; 32],
}

/// Most characters of an id or a type.
const MAX_CHARS: usize = 255;

impl Notice {
    /// Reads a webhook's body; nothing if it is not one.
    #[must_use]
    pub fn parse(raw: &[u8]) -> Option<Self> {
        let whole: Value = serde_json::from_slice(raw).ok()?;
        let body = Body::deserialize(&whole).ok()?;
        let mut body_sha256 = [0; 32];
        body_sha256.copy_from_slice(digest::digest(&digest::SHA256, raw).as_ref());
        let fits = |text: &String| !text.is_empty() && text.len() <= MAX_CHARS;
        let is_fine = fits(&body.id) && fits(&body.kind);
        // Somebody else's payments of the same account may say what they like there.
        let booking_id = body.data.object.metadata.get("booking_id").and_then(|id| id.as_str()?.parse().ok());
        is_fine.then(|| Self {
            id: body.id,
            kind: body.kind,
            booking_id,
            said: said::about_money(&whole),
            body_sha256,
        })
    }
}

#[derive(Deserialize)]
struct Body {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    metadata: serde_json::Value,
}
