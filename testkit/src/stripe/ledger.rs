//! What the fake knows of payments, and what calls do to them.

mod objects;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

pub(super) use objects::error;
use objects::{Intent, Refund, declined};

/// Fields of a form.
type Fields = [(String, String)];

#[derive(Default)]
pub(super) struct Ledger {
    intents: BTreeMap<String, Intent>,
    refunds: Vec<Refund>,
    /// What was asked with a key, and answered.
    keys: HashMap<String, (String, Answer)>,
    events: u64,
}

/// What a call is answered, and what is said about it by itself.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) event: Option<Value>,
}

/// What has become of money, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Taken.
    pub captured: i64,
    /// Given back.
    pub refunded: i64,
    /// Set aside, and neither taken nor given back.
    pub authorised: i64,
    /// Payments of which money was taken.
    pub captures: usize,
}

impl Answer {
    pub(super) fn refusal(status: u16, code: &str) -> Self {
        Self { status, body: error("invalid_request_error", code), event: None }
    }
}

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
}

fn metadata(fields: &Fields) -> BTreeMap<String, String> {
    let entry = |(name, value): &(String, String)| {
        let name = name.strip_prefix("metadata[")?.strip_suffix(']')?;
        Some((name.to_owned(), value.clone()))
    };
    fields.iter().filter_map(entry).collect()
}

impl Ledger {
    /// The same call with the same key is answered the same; another one with that key is refused. Answers whether it was
    /// so before.
    pub(super) fn once(
        &mut self,
        key: &str,
        what: &str,
        fields: &Fields,
        change: impl FnOnce(&mut Self, &Fields) -> Answer,
    ) -> (Answer, bool) {
        let asked = format!("{what} {fields:?}");
        match self.keys.get(key) {
            Some((before, answer)) if *before == asked => (answer.clone(), true),
            Some(_) => {
                let body = error("idempotency_error", "idempotency_key_in_use");
                (Answer { status: 400, body, event: None }, false)
            }
            None => {
                let answer = change(self, fields);
                self.keys.insert(key.to_owned(), (asked, answer.clone()));
                (answer, false)
            }
        }
    }

    pub(super) fn open(&mut self, fields: &Fields) -> Answer {
        let Some(amount) = field(fields, "amount").parse().ok().filter(|amount: &i64| *amount > 0) else {
            return Answer::refusal(400, "parameter_invalid_integer");
        };
        if field(fields, "capture_method") != "manual" || field(fields, "payment_method_types[]") != "card" {
            return Answer::refusal(400, "a_test_wants_manual_capture_of_a_card");
        }
        let id = format!("pi_fake_{}", self.intents.len() + 1);
        let intent = Intent {
            id: id.clone(),
            status: "requires_payment_method",
            amount,
            currency: field(fields, "currency").to_owned(),
            received: 0,
            declined: None,
            metadata: metadata(fields),
            method: String::new(),
        };
        self.intents.insert(id.clone(), intent);
        self.answer(&id, Some("payment_intent.created"))
    }

    pub(super) fn confirm(&mut self, id: &str, fields: &Fields) -> Answer {
        let method = field(fields, "payment_method").to_owned();
        let Some(intent) = self.intents.get_mut(id) else { return Answer::refusal(404, "resource_missing") };
        if !matches!(intent.status, "requires_payment_method" | "requires_confirmation") {
            return Answer::refusal(400, "payment_intent_unexpected_state");
        }
        intent.method = method.clone();
        match method.as_str() {
            "pm_card_visa" | "pm_card_refundFail" => {
                intent.status = "requires_capture";
                self.answer(id, Some("payment_intent.amount_capturable_updated"))
            }
            "pm_card_authenticationRequired" => {
                intent.status = "requires_action";
                self.answer(id, Some("payment_intent.requires_action"))
            }
            "pm_card_chargeDeclined" => self.decline(id, "generic_decline"),
            "pm_card_chargeDeclinedInsufficientFunds" => self.decline(id, "insufficient_funds"),
            _ => Answer::refusal(400, "resource_missing"),
        }
    }

    fn decline(&mut self, id: &str, reason: &'static str) -> Answer {
        if let Some(intent) = self.intents.get_mut(id) {
            intent.status = "requires_payment_method";
            intent.declined = Some(reason);
        }
        let answer = self.answer(id, Some("payment_intent.payment_failed"));
        Answer { status: 402, body: declined(reason), ..answer }
    }

    pub(super) fn authenticate(&mut self, client_secret: &str, satisfies: bool) -> Option<Value> {
        let (id, _) = client_secret.split_once("_secret_").expect("a client secret");
        let intent = self.intents.get_mut(id).expect("a payment with this client secret");
        assert_eq!(intent.status, "requires_action", "no bank waits for it");
        if satisfies {
            intent.status = "requires_capture";
            return self.answer(id, Some("payment_intent.amount_capturable_updated")).event;
        }
        let id = id.to_owned();
        self.decline(&id, "payment_intent_authentication_failure").event
    }

    pub(super) fn let_authorisations_lapse(&mut self) {
        for intent in self.intents.values_mut().filter(|intent| intent.status == "requires_capture") {
            intent.status = "canceled";
        }
    }

    pub(super) fn capture(&mut self, id: &str) -> Answer {
        self.moved(id, &["requires_capture"], |intent| {
            intent.status = "succeeded";
            intent.received = intent.amount;
            "payment_intent.succeeded"
        })
    }

    pub(super) fn cancel(&mut self, id: &str) -> Answer {
        const OPEN: [&str; 4] =
            ["requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"];
        self.moved(id, &OPEN, |intent| {
            intent.status = "canceled";
            "payment_intent.canceled"
        })
    }

    fn moved(&mut self, id: &str, from: &[&str], change: impl FnOnce(&mut Intent) -> &'static str) -> Answer {
        let Some(intent) = self.intents.get_mut(id) else { return Answer::refusal(404, "resource_missing") };
        if !from.contains(&intent.status) {
            return Answer::refusal(400, "payment_intent_unexpected_state");
        }
        let kind = change(intent);
        self.answer(id, Some(kind))
    }

    pub(super) fn refund(&mut self, fields: &Fields) -> Answer {
        let Some(intent) = self.intents.get(field(fields, "payment_intent")) else {
            return Answer::refusal(404, "resource_missing");
        };
        let amount: i64 = field(fields, "amount").parse().unwrap_or_default();
        let made =
            self.refunds.iter().filter(|refund| refund.intent == intent.id && refund.status == "succeeded");
        let back: i64 = made.map(|refund| refund.amount).sum();
        if amount <= 0 || back + amount > intent.received {
            return Answer::refusal(400, "charge_already_refunded");
        }
        let metadata = metadata(fields);
        let fails = intent.method == "pm_card_refundFail" && metadata.get("resumed").is_none_or(|n| n == "0");
        let refund = Refund {
            id: format!("re_fake_{}", self.refunds.len() + 1),
            intent: intent.id.clone(),
            amount,
            status: if fails { "failed" } else { "succeeded" },
            metadata,
        };
        let body = refund.body();
        let event = self.event("refund.created", body.clone());
        self.refunds.push(refund);
        Answer { status: 200, body, event: Some(event) }
    }

    fn intent_of_booking(&self, booking_id: &str) -> String {
        let of_booking =
            |intent: &&Intent| intent.metadata.get("booking_id").is_some_and(|id| id == booking_id);
        self.intents.values().find(of_booking).expect("a payment of the booking").id.clone()
    }

    pub(super) fn fail_refunds_by_hand(&mut self, booking_id: &str) {
        let intent = self.intent_of_booking(booking_id);
        let by_hand =
            self.refunds.iter_mut().filter(|refund| refund.intent == intent && refund.metadata.is_empty());
        by_hand.for_each(|refund| refund.status = "failed");
    }

    /// In the dashboard: nobody's id is beside it.
    pub(super) fn refund_by_hand(&mut self, booking_id: &str, amount: i64) {
        let intent = self.intent_of_booking(booking_id);
        self.refunds.push(Refund {
            id: format!("re_fake_{}", self.refunds.len() + 1),
            intent,
            amount,
            status: "succeeded",
            metadata: BTreeMap::new(),
        });
    }

    pub(super) fn intent(&self, id: &str) -> Option<Value> {
        self.intents.get(id).map(Intent::body)
    }

    /// Only by one field of the metadata.
    pub(super) fn search(&self, query: &str) -> Value {
        let wanted = query.trim_start_matches("metadata['payment_id']:'").trim_end_matches('\'');
        let is_wanted = |intent: &&Intent| intent.metadata.get("payment_id").is_some_and(|id| id == wanted);
        let found: Vec<Value> = self.intents.values().filter(is_wanted).map(Intent::body).collect();
        json!({ "object": "search_result", "data": found, "has_more": false })
    }

    /// Newest first.
    pub(super) fn refunds_of(&self, intent: &str) -> Value {
        let of_intent = self.refunds.iter().rev().filter(|refund| refund.intent == intent);
        json!({ "object": "list", "data": of_intent.map(Refund::body).collect::<Vec<_>>(), "has_more": false })
    }

    pub(super) fn totals_of(&self, booking_id: &str) -> Totals {
        self.sum(|intent| intent.metadata.get("booking_id").is_some_and(|id| id == booking_id))
    }

    pub(super) fn totals(&self) -> Totals {
        self.sum(|_| true)
    }

    fn sum(&self, is_of: impl Fn(&Intent) -> bool) -> Totals {
        let mut totals = Totals::default();
        for intent in self.intents.values().filter(|intent| is_of(intent)) {
            totals.captured += intent.received;
            totals.captures += usize::from(intent.received > 0);
            totals.authorised += if intent.status == "requires_capture" { intent.amount } else { 0 };
            let made = self.refunds.iter().filter(|r| r.intent == intent.id && r.status == "succeeded");
            totals.refunded += made.map(|refund| refund.amount).sum::<i64>();
        }
        totals
    }

    fn answer(&mut self, id: &str, kind: Option<&str>) -> Answer {
        let body = self.intent(id).expect("it is there");
        let event = kind.map(|kind| self.event(kind, body.clone()));
        Answer { status: 200, body, event }
    }

    /// As Stripe's, with the buyer's data that nobody here should keep.
    fn event(&mut self, kind: &str, mut object: Value) -> Value {
        self.events += 1;
        object["charges"] = json!([{ "billing_details": { "email": "buyer@example.org" }, "last4": "4242" }]);
        json!({
            "id": format!("evt_fake_{}", self.events), "object": "event", "type": kind, "data": { "object": object },
        })
    }
}
