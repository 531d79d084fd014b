//! Stripe's objects, as far as anybody here reads them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

#[derive(Clone)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) status: &'static str,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) received: i64,
    pub(super) declined: Option<&'static str>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) method: String,
}

#[derive(Clone)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) intent: String,
    pub(super) amount: i64,
    pub(super) status: &'static str,
    pub(super) metadata: BTreeMap<String, String>,
}

impl Intent {
    pub(super) fn body(&self) -> Value {
        let error = self.declined.map(|reason| declined(reason)["error"].clone());
        json!({
            "id": self.id, "object": "payment_intent", "status": self.status, "amount": self.amount,
            "currency": self.currency, "amount_received": self.received, "metadata": self.metadata,
            "client_secret": format!("{}_secret_fake", self.id), "last_payment_error": error,
        })
    }
}

impl Refund {
    pub(super) fn body(&self) -> Value {
        let failed = (self.status == "failed").then_some("expired_or_canceled_card");
        json!({
            "id": self.id, "object": "refund", "payment_intent": self.intent, "amount": self.amount,
            "status": self.status, "failure_reason": failed, "metadata": self.metadata,
        })
    }
}

pub(in super::super) fn error(kind: &str, code: &str) -> Value {
    json!({ "error": { "type": kind, "code": code, "message": code } })
}

pub(super) fn declined(reason: &str) -> Value {
    json!({ "error": { "type": "card_error", "code": "card_declined", "decline_code": reason, "message": "Declined." } })
}
