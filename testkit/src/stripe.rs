//! A small Stripe for tests: PaymentIntents with manual capture, refunds, webhooks; and everything that goes wrong on the
//! way to it.
//!
//! - `ledger`: what it knows, and what its calls do.
//! - `faults`: how often it fails, answers nobody, loses, doubles and delays webhooks.
//! - `webhooks`: what it says by itself.
//!
//! Where it differs from Stripe's documentation:
//! - Only what Boxoffice calls is there; of objects only the fields that it reads, and `amount`, `amount_received`.
//! - Any key is accepted. Keys of calls never lapse. A call that fails with 500 has not begun, and is not remembered under
//!   its key, or has begun (`broken`), and is remembered, as Stripe does. A call that comes while the same is under way
//!   is told 409 only where that one hangs.
//! - A search finds a payment at once; Stripe may need a minute.
//! - There are no charges, fees or balances; a refund succeeds or fails at once.
//! - A webhook that was not acknowledged with 2xx is sent again after a moment, a few times; Stripe does so for three days.
//! - An answer that nobody gets is a connection that breaks off after everything was done: what a client sees of a
//!   timeout, without the waiting. Only a call that hangs lets its client wait.

mod faults;
mod ledger;
mod webhooks;

pub use faults::Faults;
pub use ledger::Totals;
pub use webhooks::sign;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::Value;
use tokio::net::TcpListener;

use faults::{Fate, Planned};
use ledger::{Answer, Ledger};
use webhooks::Webhooks;

/// A running fake.
#[derive(Clone)]
pub struct FakeStripe {
    shared: Arc<Shared>,
    url: String,
}

struct Shared {
    ledger: Mutex<Ledger>,
    /// Until when the calls with these keys are under way.
    under_way: Mutex<HashMap<String, Instant>>,
    planned: Mutex<Planned>,
    faults: Faults,
    webhooks: Webhooks,
}

impl FakeStripe {
    /// Starts one on a free port. It ends with the runtime.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(faults: Faults, webhook_secret: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared {
            ledger: Mutex::default(),
            under_way: Mutex::default(),
            planned: Mutex::default(),
            webhooks: Webhooks::signed_with(webhook_secret, faults),
            faults,
        });
        let router = Router::new()
            .route("/v1/payment_intents", post(open))
            .route("/v1/payment_intents/search", get(search))
            .route("/v1/payment_intents/{id}", get(look))
            .route("/v1/payment_intents/{id}/{step}", post(step))
            .route("/v1/refunds", post(refund).get(refunds))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shared, url }
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where webhooks go from now on.
    pub fn tell(&self, url: String) {
        self.shared.webhooks.tell(url);
    }

    /// The buyer with this client secret satisfies the bank, or does not.
    ///
    /// # Panics
    /// When no payment waits for it.
    pub fn authenticate(&self, client_secret: &str, satisfies: bool) {
        let event = self.shared.ledger().authenticate(client_secret, satisfies);
        self.shared.webhooks.send(event);
    }

    /// The next call of this step that is not remembered yet (`open`, `confirm`, `capture`, `cancel`, `refund`) fails with
    /// 500, before anything was done or after; that is remembered under its key.
    pub fn break_next(&self, step: &str, is_done: bool) {
        self.shared.planned().break_next(step, is_done);
    }

    /// The next call of this step is answered so by something on the way, and does not come through.
    pub fn intercept_next(&self, step: &str, status: u16, body: Value) {
        self.shared.planned().intercept_next(step, status, body);
    }

    /// A payment's money is taken back by the bank before it was captured, as after a week.
    pub fn let_authorisations_lapse(&self) {
        self.shared.ledger().let_authorisations_lapse();
    }

    /// Somebody gives back so much of a booking's payment in the dashboard.
    ///
    /// # Panics
    /// When there is no payment of it.
    pub fn refund_by_hand(&self, booking_id: &str, amount: i64) {
        self.shared.ledger().refund_by_hand(booking_id, amount);
    }

    /// The bank sends what was given back by hand of a booking's payment back to the seller. Nobody is told.
    pub fn fail_refunds_by_hand(&self, booking_id: &str) {
        self.shared.ledger().fail_refunds_by_hand(booking_id);
    }

    /// Says again, signed anew, everything that was ever said.
    pub fn say_everything_again(&self) {
        self.shared.webhooks.say_everything_again();
    }

    /// What has become of the money of a booking.
    pub fn totals_of(&self, booking_id: &str) -> Totals {
        self.shared.ledger().totals_of(booking_id)
    }

    /// What has become of all money.
    pub fn totals(&self) -> Totals {
        self.shared.ledger().totals()
    }
}

impl Shared {
    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn planned(&self) -> std::sync::MutexGuard<'_, Planned> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call breaks, and if so whether all is done before.
    fn breaks(&self, what: &str, fate: Fate) -> Option<bool> {
        if let Some(is_done) = self.planned().breaks(what) {
            return Some(is_done);
        }
        match fate {
            Fate::Breaks { is_done } => Some(is_done),
            Fate::GoesWell | Fate::Fails | Fate::AnswersNobody | Fate::Hangs => None,
        }
    }

    /// One call that changes something: perhaps it fails, perhaps nobody hears of it.
    async fn change(
        &self,
        headers: &HeaderMap,
        what: &str,
        form: &[u8],
        change: impl FnOnce(&mut Ledger, &[(String, String)]) -> Answer,
    ) -> Response {
        if let Some((status, body)) = self.planned().intercepts(what) {
            return answer(status, &body, false);
        }
        let fate = self.faults.fate();
        if fate == Fate::Fails {
            return answer(500, &ledger::error("api_error", "internal_error"), false);
        }
        let Some(key) = headers.get("idempotency-key").and_then(|key| key.to_str().ok()) else {
            return answer(400, &ledger::error("invalid_request_error", "a_test_wants_a_key"), false);
        };
        if self.is_under_way(key) {
            return answer(409, &ledger::error("idempotency_error", "idempotency_key_in_use"), false);
        }
        let fields: Vec<(String, String)> = form_urlencoded::parse(form).into_owned().collect();
        let change = |ledger: &mut Ledger, fields: &[(String, String)]| match self.breaks(what, fate) {
            None => change(ledger, fields),
            Some(is_done) => Answer {
                status: 500,
                event: is_done.then(|| change(ledger, fields)).and_then(|done| done.event),
                body: ledger::error("api_error", "internal_error"),
            },
        };
        let (done, is_replayed) = self.ledger().once(key, what, &fields, change);
        if !is_replayed {
            self.webhooks.send(done.event);
        }
        if fate == Fate::AnswersNobody {
            return broken_off();
        }
        if fate == Fate::Hangs && !is_replayed {
            self.hang(Some(key)).await;
        }
        answer(done.status, &done.body, is_replayed)
    }

    async fn hang(&self, key: Option<&str>) {
        if let Some(key) = key {
            let until = Instant::now() + self.faults.hangs_for;
            self.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), until);
        }
        tokio::time::sleep(self.faults.hangs_for).await;
    }

    fn is_under_way(&self, key: &str) -> bool {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.get(key).is_some_and(|until| Instant::now() < *until)
    }

    async fn look(&self, look: impl FnOnce(&Ledger) -> Option<Value>) -> Response {
        let fate = self.faults.fate();
        if fate == Fate::Hangs {
            self.hang(None).await;
        }
        match fate {
            Fate::Fails | Fate::Breaks { .. } => {
                answer(500, &ledger::error("api_error", "internal_error"), false)
            }
            Fate::AnswersNobody => broken_off(),
            Fate::GoesWell | Fate::Hangs => match look(&self.ledger()) {
                Some(body) => answer(200, &body, false),
                None => answer(404, &ledger::error("invalid_request_error", "resource_missing"), false),
            },
        }
    }
}

fn answer(status: u16, body: &Value, is_replayed: bool) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    let mut response = (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response();
    if is_replayed {
        response.headers_mut().insert("idempotent-replayed", "true".parse().expect("a value"));
    }
    response
}

/// A body that ends with an error: the connection goes.
fn broken_off() -> Response {
    let nothing = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("broken off")) });
    Body::from_stream(nothing).into_response()
}

async fn open(State(stripe): State<Arc<Shared>>, headers: HeaderMap, form: Bytes) -> Response {
    stripe.change(&headers, "open", &form, Ledger::open).await
}

async fn step(
    State(stripe): State<Arc<Shared>>,
    Path((id, step)): Path<(String, String)>,
    headers: HeaderMap,
    form: Bytes,
) -> Response {
    let what = format!("{step} {id}");
    let change = |ledger: &mut Ledger, fields: &[(String, String)]| match step.as_str() {
        "confirm" => ledger.confirm(&id, fields),
        "capture" => ledger.capture(&id),
        "cancel" => ledger.cancel(&id),
        _ => Answer::refusal(404, "resource_missing"),
    };
    stripe.change(&headers, &what, &form, change).await
}

async fn look(State(stripe): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    stripe.look(|ledger| ledger.intent(&id)).await
}

async fn search(State(stripe): State<Arc<Shared>>, uri: Uri) -> Response {
    let query = query_field(&uri, "query").unwrap_or_default();
    stripe.look(|ledger| Some(ledger.search(&query))).await
}

async fn refund(State(stripe): State<Arc<Shared>>, headers: HeaderMap, form: Bytes) -> Response {
    stripe.change(&headers, "refund", &form, Ledger::refund).await
}

async fn refunds(State(stripe): State<Arc<Shared>>, uri: Uri) -> Response {
    let intent = query_field(&uri, "payment_intent").unwrap_or_default();
    stripe.look(|ledger| Some(ledger.refunds_of(&intent))).await
}

fn query_field(uri: &Uri, name: &str) -> Option<String> {
    let fields = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    fields.into_owned().find(|(field, _)| field == name).map(|(_, value)| value)
}
