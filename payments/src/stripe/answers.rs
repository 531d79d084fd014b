//! What Stripe answers, as far as it is needed. Nothing about cards is read.

use secrecy::SecretString;
use serde::Deserialize;
use uuid::Uuid;

use crate::{GatewayError, GatewayPayment, GatewayRefund, PaymentStanding, RefundStanding};

#[derive(Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    status: String,
    #[serde(default)]
    client_secret: Option<SecretString>,
    #[serde(default)]
    last_payment_error: Option<ErrorBody>,
    #[serde(default)]
    metadata: serde_json::Value,
}

/// Part of a list.
#[derive(Deserialize)]
pub(super) struct Intents {
    pub(super) data: Vec<Intent>,
}

#[derive(Deserialize)]
pub(super) struct Refund {
    #[serde(default)]
    pub(super) amount: i64,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    failure_reason: Option<String>,
    #[serde(default)]
    metadata: serde_json::Value,
}

/// Part of a list.
#[derive(Deserialize)]
pub(super) struct Refunds {
    pub(super) data: Vec<Refund>,
}

#[derive(Deserialize, Default)]
struct ErrorBody {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    decline_code: Option<String>,
}

#[derive(Deserialize, Default)]
pub(super) struct ApiError {
    error: ErrorBody,
}

impl Intent {
    pub(super) fn payment(self) -> Result<GatewayPayment, GatewayError> {
        let declined = self.last_payment_error.map(|error| error.reason());
        let standing = match self.status.as_str() {
            "requires_payment_method" | "requires_confirmation" => PaymentStanding::Open { declined },
            "requires_action" => PaymentStanding::ActionRequired,
            "processing" => PaymentStanding::Processing,
            "requires_capture" => PaymentStanding::Authorised,
            "succeeded" => PaymentStanding::Captured,
            "canceled" => PaymentStanding::Voided,
            _ => return Err(GatewayError::Unavailable { reason: "a payment in a state that is not known" }),
        };
        Ok(GatewayPayment { reference: self.id, standing, client_secret: self.client_secret })
    }

    pub(super) fn is_of(&self, payment_id: Uuid) -> bool {
        self.metadata["payment_id"] == payment_id.to_string()
    }
}

impl Refund {
    pub(super) fn refund(&self) -> Result<GatewayRefund, GatewayError> {
        let reason = || self.failure_reason.clone().unwrap_or_else(|| "refund_failed".to_owned());
        let standing = match self.status.as_deref() {
            Some("succeeded") => RefundStanding::Made,
            Some("pending" | "requires_action") => RefundStanding::Pending,
            Some("failed" | "canceled") => RefundStanding::Failed { reason: reason() },
            // Some things that play Stripe leave it out.
            None => RefundStanding::Made,
            Some(_) => {
                return Err(GatewayError::Unavailable { reason: "a refund in a state that is not known" });
            }
        };
        let resumed =
            self.metadata["resumed"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
        Ok(GatewayRefund { standing, resumed })
    }

    pub(super) fn is_of(&self, refund_id: Uuid) -> bool {
        self.metadata["refund_id"] == refund_id.to_string()
    }

    /// Whether it was not asked for here.
    pub(super) fn is_nobodys(&self) -> bool {
        self.metadata["refund_id"].is_null()
    }
}

impl ErrorBody {
    /// The bank's code, else Stripe's, else its kind.
    fn reason(self) -> String {
        let reason = self.decline_code.or(self.code).or(self.kind);
        reason.unwrap_or_else(|| "unknown".to_owned())
    }
}

impl ApiError {
    pub(super) fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Whether the key stands for another form: somebody asked for the same before, and in another way.
    pub(super) fn is_of_another_form(&self, status: u16) -> bool {
        status == 400 && self.error.kind.as_deref() == Some("idempotency_error")
    }

    /// Only what Stripe itself says about the call, or about the card, is its last word. Whatever else comes, from a proxy
    /// or about the key, may come in spite of what was done.
    pub(super) fn meaning(self, status: u16) -> GatewayError {
        let unavailable = |reason| GatewayError::Unavailable { reason };
        match (status, self.error.kind.as_deref()) {
            // Some things that play Stripe call it a bad request with this status.
            (400..=499, Some("card_error")) | (402, Some("invalid_request_error")) => {
                GatewayError::Declined { reason: self.error.reason() }
            }
            // The key: whoever runs this must look, and then it can go on.
            (401 | 403, _) => unavailable("the key is not accepted"),
            (409, Some(_)) => GatewayError::UnderWay,
            (429, _) => unavailable("too many calls"),
            (400 | 404, Some("invalid_request_error")) => {
                GatewayError::Refused { reason: self.error.reason() }
            }
            (400, Some("idempotency_error")) => unavailable("the key stands for another form"),
            (400..=499, _) => unavailable("an answer that is not Stripe's"),
            _ => unavailable("an error of the gateway"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = r#"{ "error": { "type": "invalid_request_error", "code": "a_code" } }"#;
    const CARD: &str = r#"{ "error": { "type": "card_error", "code": "a_code" } }"#;
    const KEY: &str = r#"{ "error": { "type": "idempotency_error", "code": "a_code" } }"#;

    fn meaning(status: u16, body: &str) -> GatewayError {
        ApiError::parse(body.as_bytes()).meaning(status)
    }

    #[test]
    fn only_what_stripe_says_about_the_call_or_the_card_is_its_last_word() {
        let reason = || "a_code".to_owned();
        assert_eq!(meaning(402, CARD), GatewayError::Declined { reason: reason() });
        for status in [400, 404] {
            assert_eq!(meaning(status, CALL), GatewayError::Refused { reason: reason() });
        }
        assert_eq!(meaning(409, KEY), GatewayError::UnderWay);
        for status in 400..=599 {
            for body in ["", "<h1>Not found</h1>", "{}", r#"{ "error": "not found" }"#, r#"{ "error": {} }"#]
            {
                let meant = meaning(status, body);
                assert!(matches!(meant, GatewayError::Unavailable { .. }), "{status} {body}: {meant:?}");
            }
        }
        for (status, body) in [(400, KEY), (401, CALL), (403, CALL), (408, CALL), (424, CALL), (429, CALL)] {
            let meant = meaning(status, body);
            assert!(matches!(meant, GatewayError::Unavailable { .. }), "{status} {body}: {meant:?}");
        }
    }
}
