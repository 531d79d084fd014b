//! Stripe over HTTP: PaymentIntents with manual capture, and refunds.
//!
//! A payment is opened without a payment method and confirmed with one in a second call: the first can be repeated days
//! later by who knows no payment method, and cancelling what it made keeps a late confirmation from having an effect.
//!
//! Forms, states and codes: <https://docs.stripe.com/api/payment_intents>, <https://docs.stripe.com/api/refunds>,
//! <https://docs.stripe.com/api/errors>.

mod answers;
mod forms;

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
use answers::{ApiError, Intent, Intents, Refund, Refunds};

/// The version of Stripe's API that forms and answers are of; each request says it.
const API_VERSION: &str = "2024-06-20";
const API: &str = "https://api.stripe.com";
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a request may take; whoever is more impatient says so.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Largest answer that is read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Most refunds of a payment that are looked through; there are one or two.
const MAX_REFUNDS: &str = "100";

/// A form without fields: Stripe wants one where it wants a call to change something.
const NOTHING: [(&str, &str); 0] = [];

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

    fn post(&self, path: &[&str], key: &IdempotencyKey) -> RequestBuilder {
        self.http.post(self.url(path)).header("Idempotency-Key", key.as_str())
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
        let request = request.bearer_auth(self.key.expose_secret()).header("Stripe-Version", API_VERSION);
        // reqwest's errors quote the URL, and nothing is to be learned from more than this.
        let mut response =
            request.send().await.map_err(|_| unavailable("no connection, or no answer in time"))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| unavailable("the answer broke off"))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(unavailable("the answer is too large"));
            }
            body.extend_from_slice(&chunk);
        }
        if (200..300).contains(&status) {
            return serde_json::from_slice(&body).map_err(|_| unavailable("the answer cannot be understood"));
        }
        Err(ApiError::parse(&body).meaning(status))
    }
}

const fn unavailable(reason: &'static str) -> GatewayError {
    GatewayError::Unavailable { reason }
}

#[async_trait]
impl Gateway for Stripe {
    async fn open(&self, payment: &NewPayment) -> Result<GatewayPayment, GatewayError> {
        let key = IdempotencyKey::of(payment.payment_id, Step::Open);
        let form = forms::intent(payment)?;
        let opened: Intent = self.send(self.post(&["payment_intents"], &key).form(&form)).await?;
        // A repeated call answers what was true at the first one.
        self.payment(&opened.id).await
    }

    async fn authorise(
        &self,
        payment_id: Uuid,
        reference: &str,
        method: &PaymentMethod,
    ) -> Result<GatewayPayment, GatewayError> {
        let key = IdempotencyKey::of(payment_id, Step::Authorise);
        let request = self.post(&["payment_intents", reference, "confirm"], &key);
        let confirmed: Intent = self.send(request.form(&[("payment_method", method.as_str())])).await?;
        let payment = confirmed.payment()?;
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
        let Some(intent) = found.data.into_iter().find(|intent| intent.is_of(payment_id)) else {
            return Ok(None);
        };
        // The search may be a minute behind.
        self.payment(&intent.id).await.map(Some)
    }

    async fn capture(&self, payment_id: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError> {
        let key = IdempotencyKey::of(payment_id, Step::Capture);
        let request = self.post(&["payment_intents", reference, "capture"], &key).form(&NOTHING);
        self.send::<Intent>(request).await?.payment()
    }

    async fn void(&self, payment_id: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError> {
        let key = IdempotencyKey::of(payment_id, Step::Void);
        let request = self.post(&["payment_intents", reference, "cancel"], &key).form(&NOTHING);
        self.send::<Intent>(request).await?.payment()
    }

    async fn refund(&self, refund: &NewRefund) -> Result<GatewayRefund, GatewayError> {
        let key = IdempotencyKey::of(refund.refund_id, Step::Refund(refund.resumed));
        let form = forms::refund(refund)?;
        self.send::<Refund>(self.post(&["refunds"], &key).form(&form)).await?.refund()
    }

    async fn find_refund(
        &self,
        reference: &str,
        refund_id: Uuid,
    ) -> Result<Option<GatewayRefund>, GatewayError> {
        let request = self.http.get(self.url(&["refunds"]));
        let request = request.query(&[("payment_intent", reference), ("limit", MAX_REFUNDS)]);
        let found: Refunds = self.send(request).await?;
        // Newest first.
        let tries = found.data.into_iter().filter(|refund| refund.is_of(refund_id));
        let tries = tries.map(|refund| refund.refund()).collect::<Result<Vec<_>, _>>()?;
        let has_failed = |refund: &GatewayRefund| matches!(refund.standing, RefundStanding::Failed { .. });
        Ok(tries.iter().find(|refund| !has_failed(refund)).or(tries.first()).cloned())
    }
}
