//! A gateway that is asked with patience, but not for ever: timeouts, retries, a circuit breaker.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use uuid::Uuid;

use crate::{Gateway, GatewayError, GatewayPayment, GatewayRefund, NewPayment, NewRefund, PaymentMethod};

/// How long one try may take.
const TRY_TIMEOUT: Duration = Duration::from_secs(8);
/// Tries after the first one.
const RETRIES: usize = 2;
/// The pause before the first of them, half of it random; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// So many calls that failed one after the other, with all their retries, open the circuit.
const FAILURES_TO_OPEN: u32 = 5;
/// So long nothing is sent then; after it, one call at a time finds out.
const REST: Duration = Duration::from_secs(5);

/// Any gateway, guarded.
#[derive(Debug)]
pub struct Guarded<G> {
    gateway: G,
    circuit: Mutex<Circuit>,
}

#[derive(Debug, Default)]
struct Circuit {
    failures: u32,
    /// While it is open: when the next call may find out.
    rests_until: Option<Instant>,
}

impl<G: Gateway> Guarded<G> {
    /// Guards it.
    pub fn new(gateway: G) -> Self {
        Self { gateway, circuit: Mutex::default() }
    }

    async fn call<T, F>(&self, call: impl Fn() -> F) -> Result<T, GatewayError>
    where
        F: Future<Output = Result<T, GatewayError>>,
    {
        if !self.may_call() {
            return Err(GatewayError::Resting);
        }
        let in_time = || async {
            let answer = tokio::time::timeout(TRY_TIMEOUT, call()).await;
            answer.unwrap_or(Err(GatewayError::Unavailable { reason: "no answer in time" }))
        };
        let backoff = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(MAX_PAUSE)
            .with_max_times(RETRIES);
        let result = in_time.retry(backoff).when(GatewayError::is_passing).await;
        self.note(result.as_ref().is_err_and(GatewayError::is_passing));
        result
    }

    /// Of many calls after a rest, one goes through; the others wait for what it finds.
    fn may_call(&self) -> bool {
        let mut circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        match circuit.rests_until {
            None => true,
            Some(until) if Instant::now() >= until => {
                circuit.rests_until = Some(Instant::now() + REST);
                true
            }
            Some(_) => false,
        }
    }

    fn note(&self, has_failed: bool) {
        let mut circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        if !has_failed {
            if circuit.rests_until.is_some() {
                tracing::info!("the payment gateway answers again");
            }
            *circuit = Circuit::default();
            return;
        }
        circuit.failures += 1;
        if circuit.failures >= FAILURES_TO_OPEN {
            if circuit.rests_until.is_none() {
                tracing::error!("the payment gateway fails; it is given a rest");
            }
            circuit.rests_until = Some(Instant::now() + REST);
        }
    }
}

#[async_trait]
impl<G: Gateway> Gateway for Guarded<G> {
    async fn open(&self, payment: &NewPayment) -> Result<GatewayPayment, GatewayError> {
        self.call(|| self.gateway.open(payment)).await
    }

    async fn authorise(
        &self,
        payment_id: Uuid,
        reference: &str,
        method: &PaymentMethod,
    ) -> Result<GatewayPayment, GatewayError> {
        self.call(|| self.gateway.authorise(payment_id, reference, method)).await
    }

    async fn payment(&self, reference: &str) -> Result<GatewayPayment, GatewayError> {
        self.call(|| self.gateway.payment(reference)).await
    }

    async fn find_payment(&self, payment_id: Uuid) -> Result<Option<GatewayPayment>, GatewayError> {
        self.call(|| self.gateway.find_payment(payment_id)).await
    }

    async fn capture(&self, payment_id: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError> {
        self.call(|| self.gateway.capture(payment_id, reference)).await
    }

    async fn void(&self, payment_id: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError> {
        self.call(|| self.gateway.void(payment_id, reference)).await
    }

    async fn refund(&self, refund: &NewRefund) -> Result<GatewayRefund, GatewayError> {
        self.call(|| self.gateway.refund(refund)).await
    }

    async fn find_refund(
        &self,
        reference: &str,
        refund_id: Uuid,
    ) -> Result<Option<GatewayRefund>, GatewayError> {
        self.call(|| self.gateway.find_refund(reference, refund_id)).await
    }

    /// Not while the circuit is open, save for the one call that finds out.
    fn is_available(&self) -> bool {
        let circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        circuit.rests_until.is_none_or(|until| Instant::now() >= until)
    }
}
