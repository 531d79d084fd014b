//! What the fake says by itself, signed as Stripe signs it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::hmac;
use serde_json::Value;

use super::Faults;

/// How often one is sent that is not acknowledged, and the pause between.
const MAX_TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(300);

pub(super) struct Webhooks {
    secret: String,
    faults: Faults,
    http: reqwest::Client,
    state: Arc<Mutex<Said>>,
}

#[derive(Default)]
struct Said {
    url: Option<String>,
    events: Vec<Value>,
}

impl Webhooks {
    pub(super) fn signed_with(secret: &str, faults: Faults) -> Self {
        Self { secret: secret.to_owned(), faults, http: reqwest::Client::new(), state: Arc::default() }
    }

    pub(super) fn tell(&self, url: String) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).url = Some(url);
    }

    pub(super) fn send(&self, event: Option<Value>) {
        let Some(event) = event else { return };
        let url = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.events.push(event.clone());
            state.url.clone()
        };
        let Some(url) = url else { return };
        for delay in self.faults.copies() {
            self.send_after(delay, url.clone(), event.to_string());
        }
    }

    pub(super) fn say_everything_again(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for event in state.events.iter().rev() {
            if let Some(url) = &state.url {
                self.send_after(Duration::ZERO, url.clone(), event.to_string());
            }
        }
    }

    fn send_after(&self, delay: Duration, url: String, body: String) {
        let (http, secret) = (self.http.clone(), self.secret.clone());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            for _ in 0..MAX_TRIES {
                let request = http
                    .post(&url)
                    .header("Stripe-Signature", sign(&secret, body.as_bytes(), now()))
                    .header("Content-Type", "application/json")
                    .body(body.clone());
                if request.send().await.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
}

/// The header with which Stripe shows that it said this body, at a time in seconds since 1970:
/// <https://docs.stripe.com/webhooks/signature>.
pub fn sign(secret: &str, body: &[u8], at: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [format!("{at}.").as_bytes(), body].concat();
    let hex: String = hmac::sign(&key, &signed).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    i64::try_from(now).expect("before the end of time")
}
