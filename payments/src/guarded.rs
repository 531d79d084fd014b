//! A gateway that is asked with patience, but not for ever: timeouts, retries, a circuit breaker.

#[cfg(test)]
mod tests;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::{Gateway, GatewayError, GatewayPayment, GatewayRefund, NewPayment, NewRefund, PaymentMethod};

/// How long one try may take.
const TRY_TIMEOUT: Duration = Duration::from_secs(8);
/// How long one may take that waits for the buyer's bank.
const BANK_TIMEOUT: Duration = Duration::from_secs(30);
/// Tries after the first one.
const RETRIES: usize = 2;
/// How long all of them may take. A request makes one that waits for a bank, after one that does not, and is not to be
/// taken for dead before.
const CALL_TIMEOUT: Duration = Duration::from_secs(70);
/// The pause before the first of them, half of it random; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// The pause before a call is made again that is still under way at the gateway.
const PAUSE_UNDER_WAY: Duration = Duration::from_millis(1_500);
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
        self.call_for(TRY_TIMEOUT, call).await
    }

    async fn call_for<T, F>(&self, patience: Duration, call: impl Fn() -> F) -> Result<T, GatewayError>
    where
        F: Future<Output = Result<T, GatewayError>>,
    {
        const LATE: GatewayError = GatewayError::Unavailable { reason: "no answer in time" };
        if !self.may_call() {
            return Err(GatewayError::Resting);
        }
        let in_time = || async { timeout(patience, call()).await.unwrap_or(Err(LATE)) };
        let backoff = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(MAX_PAUSE)
            .with_max_times(RETRIES);
        let tries =
            in_time.retry(backoff).when(GatewayError::is_passing).adjust(|error, pause| match error {
                GatewayError::UnderWay => pause.map(|_| PAUSE_UNDER_WAY),
                GatewayError::Declined { .. }
                | GatewayError::Refused { .. }
                | GatewayError::Unavailable { .. }
                | GatewayError::Resting => pause,
            });
        let result = timeout(CALL_TIMEOUT, tries).await.unwrap_or(Err(LATE));
        // A call that is under way was answered: there is nothing wrong with the gateway.
        self.note(result.as_ref().is_err_and(|error| error.is_passing() && *error != GatewayError::UnderWay));
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
        self.call_for(BANK_TIMEOUT, || self.gateway.authorise(payment_id, reference, method)).await
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

    async fn find_refund(&self, refund: &NewRefund) -> Result<Option<GatewayRefund>, GatewayError> {
        self.call(|| self.gateway.find_refund(refund)).await
    }

    /// Not while the circuit is open, save for the one call that finds out.
    fn is_available(&self) -> bool {
        let circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        circuit.rests_until.is_none_or(|until| Instant::now() >= until)
    }
}
