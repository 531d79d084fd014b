//! The test gateway behind a gate: at one moment it stops until it is told to go on, or for ever.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use payments::{
    Gateway, GatewayError, GatewayPayment, GatewayRefund, MemoryLedger, NewPayment, NewRefund, PaymentMethod,
    RefundStanding, TestGateway,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// A call to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Open,
    Authorise,
    Capture,
    Void,
    Refund,
}

/// When the gate stops: what was asked for has not been done yet, or has been done and not been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Never,
    Before(Call),
    After(Call),
}

#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) gateway: Arc<TestGateway<MemoryLedger>>,
    /// Taken by the first call that comes there.
    moment: Mutex<Moment>,
    reached: Semaphore,
    open: Semaphore,
    /// So many calls fail before one succeeds.
    failures: Mutex<u32>,
    /// What was asked for, in order.
    calls: Mutex<Vec<Call>>,
    /// Refunds that were made are not known to be made yet.
    are_refunds_pending: AtomicBool,
}

impl Gate {
    pub(crate) fn at(moment: Moment, ledger: &MemoryLedger) -> Arc<Self> {
        Arc::new(Self {
            gateway: Arc::new(TestGateway::on(ledger.clone())),
            moment: Mutex::new(moment),
            reached: Semaphore::new(0),
            open: Semaphore::new(0),
            failures: Mutex::new(0),
            calls: Mutex::default(),
            are_refunds_pending: AtomicBool::new(false),
        })
    }

    pub(crate) fn failing(failures: u32, ledger: &MemoryLedger) -> Arc<Self> {
        let gate = Self::at(Moment::Never, ledger);
        *gate.failures.lock().unwrap() = failures;
        gate
    }

    pub(crate) async fn reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }

    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }

    /// What was asked for, in order. Looking is not among it.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Whether refunds that were made are said to be pending, from now on.
    pub(crate) fn says_that_refunds_are_pending(&self, are_pending: bool) {
        self.are_refunds_pending.store(are_pending, Ordering::Relaxed);
    }

    fn seen(&self, refund: GatewayRefund) -> GatewayRefund {
        if self.are_refunds_pending.load(Ordering::Relaxed) {
            GatewayRefund { standing: RefundStanding::Pending, ..refund }
        } else {
            refund
        }
    }

    async fn pass(&self, here: Moment) {
        if let Moment::Before(call) = here {
            self.calls.lock().unwrap().push(call);
        }
        let is_here = {
            let mut moment = self.moment.lock().unwrap();
            let is_here = *moment == here;
            if is_here {
                *moment = Moment::Never;
            }
            is_here
        };
        if is_here {
            self.reached.add_permits(1);
            self.open.acquire().await.unwrap().forget();
        }
    }

    fn fail(&self) -> Result<(), GatewayError> {
        let mut failures = self.failures.lock().unwrap();
        if *failures == 0 {
            return Ok(());
        }
        *failures -= 1;
        Err(GatewayError::Unavailable { reason: "a test" })
    }
}

#[async_trait]
impl Gateway for Gate {
    async fn open(&self, payment: &NewPayment) -> Result<GatewayPayment, GatewayError> {
        self.fail()?;
        self.pass(Moment::Before(Call::Open)).await;
        let answer = self.gateway.open(payment).await;
        self.pass(Moment::After(Call::Open)).await;
        answer
    }

    async fn authorise(
        &self,
        payment_id: Uuid,
        reference: &str,
        method: &PaymentMethod,
    ) -> Result<GatewayPayment, GatewayError> {
        self.pass(Moment::Before(Call::Authorise)).await;
        let answer = self.gateway.authorise(payment_id, reference, method).await;
        self.pass(Moment::After(Call::Authorise)).await;
        answer
    }

    async fn payment(&self, reference: &str) -> Result<GatewayPayment, GatewayError> {
        self.fail()?;
        self.gateway.payment(reference).await
    }

    async fn find_payment(&self, payment_id: Uuid) -> Result<Option<GatewayPayment>, GatewayError> {
        self.gateway.find_payment(payment_id).await
    }

    async fn capture(&self, payment_id: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError> {
        self.fail()?;
        self.pass(Moment::Before(Call::Capture)).await;
        let answer = self.gateway.capture(payment_id, reference).await;
        self.pass(Moment::After(Call::Capture)).await;
        answer
    }

    async fn void(&self, payment_id: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError> {
        self.pass(Moment::Before(Call::Void)).await;
        let answer = self.gateway.void(payment_id, reference).await;
        self.pass(Moment::After(Call::Void)).await;
        answer
    }

    async fn refund(&self, refund: &NewRefund) -> Result<GatewayRefund, GatewayError> {
        self.fail()?;
        self.pass(Moment::Before(Call::Refund)).await;
        let answer = self.gateway.refund(refund).await;
        self.pass(Moment::After(Call::Refund)).await;
        answer.map(|refund| self.seen(refund))
    }

    async fn find_refund(&self, refund: &NewRefund) -> Result<Option<GatewayRefund>, GatewayError> {
        self.fail()?;
        Ok(self.gateway.find_refund(refund).await?.map(|refund| self.seen(refund)))
    }
}
