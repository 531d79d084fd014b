//! Stripe over HTTP: PaymentIntents with manual capture, and refunds.
//!
//! A payment is opened without a payment method and confirmed with one in a second call: the first can be repeated days
//! later by who knows no payment method, and cancelling what it made keeps a late confirmation from having an effect.
//!
//! Stripe remembers how a call ended under its key for a day, even if that was an error of its own, and says so:
//! `keys` has what is asked next then. `refunds` looks for what has gone back.
//!
//! Forms, states and codes: <https://docs.stripe.com/api/payment_intents>, <https://docs.stripe.com/api/refunds>,
//! <https://docs.stripe.com/api/errors>; keys: <https://docs.stripe.com/api/idempotent_requests>.

mod answers;
mod forms;
mod keys;
mod refunds;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reqwest::{Client, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{
    Gateway, GatewayError, GatewayPayment, GatewayRefund, IdempotencyKey, NewPayment, NewRefund,
    PaymentMethod, PaymentStanding, RefundStanding, Step,
};
use answers::{ApiError, Intent, Intents, Refund};

/// The version of Stripe's API that forms and answers are of; each request says it.
const API_VERSION: &str = "2024-06-20";
const API: &str = "https://api.stripe.com";
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a request may take; whoever is more impatient says so. Longer than a bank may take.
const TIMEOUT: Duration = Duration::from_secs(35);
/// Largest answer that is read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// What an answer carries that Stripe gave before, to the same key.
const REPLAYED: &str = "idempotent-replayed";

/// A form without fields: Stripe wants one where it wants a call to change something.
const NOTHING: [(&str, String); 0] = [];

/// Stripe, with a key.
pub struct Stripe {
    http: Client,
    base: Url,
    key: SecretString,
}

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// Why a call led to nothing.
struct Failure {
    error: GatewayError,
    /// Whether that is only how it ended when it was made before.
    is_replayed: bool,
    /// Whether it was made before in another form.
    is_of_another_form: bool,
}

impl From<GatewayError> for Failure {
    fn from(error: GatewayError) -> Self {
        Self { error, is_replayed: false, is_of_another_form: false }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum StripeError {
    /// The URL is none.
    #[error("Stripe's URL is not a URL")]
    Url,
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
}

impl Stripe {
    /// A client with this key; at Stripe, unless `base` says where something else plays Stripe.
    ///
    /// # Errors
    /// See [`StripeError`].
    pub fn new(key: SecretString, base: Option<&str>) -> Result<Self, StripeError> {
        let base = base.unwrap_or(API).trim_end_matches('/').parse().map_err(|_| StripeError::Url)?;
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(StripeError::Client)?;
        Ok(Self { http, base, key })
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        key: &IdempotencyKey,
        form: &[(&str, String)],
    ) -> Result<T, Failure> {
        let request = self.http.post(self.url(path)).header("Idempotency-Key", key.as_str());
        self.try_to_send(request.form(form)).await
    }

    /// Each part of the path stands for itself, whatever is in it.
    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().push("v1").extend(path);
        }
        url
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, GatewayError> {
        self.try_to_send(request).await.map_err(|failure| failure.error)
    }

    async fn try_to_send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let request = request.bearer_auth(self.key.expose_secret()).header("Stripe-Version", API_VERSION);
        // reqwest's errors quote the URL, and nothing is to be learned from more than this.
        let mut response =
            request.send().await.map_err(|_| unavailable("no connection, or no answer in time"))?;
        let status = response.status().as_u16();
        let is_replayed = response.headers().get(REPLAYED).is_some_and(|replayed| replayed == "true");
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| unavailable("the answer broke off"))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(unavailable("the answer is too large").into());
            }
            body.extend_from_slice(&chunk);
        }
        if (200..300).contains(&status) {
            let answer = serde_json::from_slice(&body);
            return answer.map_err(|_| unavailable("the answer cannot be understood").into());
        }
        if matches!(status, 401 | 403) {
            tracing::error!(status, "Stripe does not accept the key; nothing goes on before it does");
        }
        let answer = ApiError::parse(&body);
        let is_of_another_form = answer.is_of_another_form(status);
        Err(Failure { error: answer.meaning(status), is_replayed, is_of_another_form })
    }
}

impl Stripe {
    /// Captures or cancels: whoever does it a second time is told that it is done, so it does no harm under any key.
    async fn move_on(
        &self,
        reference: &str,
        step: &str,
        key: &IdempotencyKey,
    ) -> Result<GatewayPayment, GatewayError> {
        let path = ["payment_intents", reference, step];
        let moved = match self.post::<Intent>(&path, key, &NOTHING).await {
            Err(failure) if failure.is_replayed => {
                self.post(&path, &keys::of_this_minute(key), &NOTHING).await
            }
            moved => moved,
        };
        moved.map_err(|failure| failure.error)?.payment()
    }
}

const fn unavailable(reason: &'static str) -> GatewayError {
    GatewayError::Unavailable { reason }
}

#[async_trait]
impl Gateway for Stripe {
    async fn open(&self, payment: &NewPayment) -> Result<GatewayPayment, GatewayError> {
        let form = forms::intent(payment)?;
        let first = IdempotencyKey::of(payment.payment_id, Step::Open);
        for key in keys::in_turn(&first) {
            match self.post::<Intent>(&["payment_intents"], &key, &form).await {
                // A repeated call answers what was true at the first one.
                Ok(opened) => return self.payment(&opened.id).await,
                Err(failure) if failure.is_replayed && failure.error.is_passing() => {}
                // Another build has opened it.
                Err(failure) if failure.is_of_another_form => {
                    return self.find_payment(payment.payment_id).await?.ok_or(failure.error);
                }
                Err(failure) => return Err(failure.error),
            }
        }
        // Nobody can open it, so nobody can confirm it.
        Err(GatewayError::Refused { reason: "api_error".to_owned() })
    }

    async fn authorise(
        &self,
        payment_id: Uuid,
        reference: &str,
        method: &PaymentMethod,
    ) -> Result<GatewayPayment, GatewayError> {
        let key = IdempotencyKey::of(payment_id, Step::Authorise);
        let (path, form) =
            (["payment_intents", reference, "confirm"], [("payment_method", method.as_str().to_owned())]);
        let confirmed = self.post::<Intent>(&path, &key, &form).await;
        let payment = confirmed.map_err(|failure| failure.error)?.payment()?;
        // Some things that play Stripe say with 200 what Stripe says with 402.
        if let PaymentStanding::Open { declined: Some(reason) } = payment.standing {
            return Err(GatewayError::Declined { reason });
        }
        Ok(payment)
    }

    async fn payment(&self, reference: &str) -> Result<GatewayPayment, GatewayError> {
        let request = self.http.get(self.url(&["payment_intents", reference]));
        self.send::<Intent>(request).await?.payment()
    }

    async fn find_payment(&self, payment_id: Uuid) -> Result<Option<GatewayPayment>, GatewayError> {
        let query = format!("metadata['payment_id']:'{payment_id}'");
        let request = self.http.get(self.url(&["payment_intents", "search"])).query(&[("query", query)]);
        let found: Intents = self.send(request).await?;
        let mut best = None;
        // Several, where opening it failed after all was done. At most one of them was confirmed.
        for intent in found.data.into_iter().filter(|intent| intent.is_of(payment_id)) {
            // The search may be a minute behind.
            let payment = self.payment(&intent.id).await?;
            if best.as_ref().is_none_or(|best: &GatewayPayment| !best.standing.was_confirmed()) {
                best = Some(payment);
            }
        }
        Ok(best)
    }

    async fn capture(&self, payment_id: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError> {
        self.move_on(reference, "capture", &IdempotencyKey::of(payment_id, Step::Capture)).await
    }

    async fn void(&self, payment_id: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError> {
        self.move_on(reference, "cancel", &IdempotencyKey::of(payment_id, Step::Void)).await
    }

    async fn refund(&self, refund: &NewRefund) -> Result<GatewayRefund, GatewayError> {
        let form = forms::refund(refund)?;
        let first = IdempotencyKey::of(refund.refund_id, Step::Refund(refund.resumed));
        let mut failed = unavailable("an error of the gateway");
        for key in keys::in_turn(&first) {
            match self.post::<Refund>(&["refunds"], &key, &form).await {
                Ok(made) => return made.refund(),
                Err(failure) if failure.is_replayed && failure.error.is_passing() => failed = failure.error,
                Err(failure) => return self.given_back_by_hand(refund, failure.error).await,
            }
            // It may have been made before that error came about.
            let found = self.find_refund(refund).await?;
            if let Some(found) = found.filter(|found| found.resumed >= refund.resumed) {
                return Ok(found);
            }
        }
        Err(failed)
    }

    async fn find_refund(&self, refund: &NewRefund) -> Result<Option<GatewayRefund>, GatewayError> {
        let found = self.refunds_of(&refund.reference).await?;
        let tries = found.iter().filter(|found| found.is_of(refund.refund_id));
        let tries = tries.map(Refund::refund).collect::<Result<Vec<_>, _>>()?;
        let has_failed = |refund: &&GatewayRefund| matches!(refund.standing, RefundStanding::Failed { .. });
        if let Some(found) = tries.iter().find(|found| !has_failed(found)) {
            return Ok(Some(found.clone()));
        }
        Ok(refunds::by_hand(&found, refund)?.or_else(|| tries.first().cloned()))
    }
}
