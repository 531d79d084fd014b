//! The embedded gateway: no money moves, and Stripe's test payment methods do what they do there.
//!
//! What it knows of payments is in a [`Ledger`] of its caller's, a page each, so that it outlives the process and several
//! processes share it. Its names are made of our ids, so that opening twice finds the same page.

mod ledger;
mod methods;
mod page;

pub use ledger::{Ledger, LedgerError, LedgerPage, MemoryLedger};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::{Gateway, GatewayError, GatewayPayment, GatewayRefund, NewPayment, NewRefund, PaymentMethod};
use methods::{Behaviour, Refunds, behaviour_of};
use page::{Page, Refunded, RefundedStanding, Standing, encoded};

/// How often a page is read anew because somebody else wrote it.
const MAX_ATTEMPTS: u32 = 20;

/// The gateway over a ledger.
#[derive(Debug)]
pub struct TestGateway<L> {
    ledger: L,
}

const NO_SUCH: &str = "resource_missing";
const UNEXPECTED_STATE: &str = "payment_intent_unexpected_state";

fn reference_of(payment_id: Uuid) -> String {
    format!("pi_test_{}", payment_id.simple())
}

fn refused<T>(reason: &str) -> Result<T, GatewayError> {
    Err(GatewayError::Refused { reason: reason.to_owned() })
}

impl<L: Ledger> TestGateway<L> {
    /// A gateway whose memory is this ledger.
    pub fn on(ledger: L) -> Self {
        Self { ledger }
    }

    /// The buyer does what the bank wants, or refuses to. Answers whether there was anything to do.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn act(&self, client_secret: &SecretString, satisfies: bool) -> Result<bool, GatewayError> {
        let secret = client_secret.expose_secret();
        let Some((reference, _)) = secret.rsplit_once("_secret_") else { return Ok(false) };
        let acted = self.change(reference, |page| {
            if page.client_secret != secret || page.standing != Standing::ActionRequired {
                return refused(UNEXPECTED_STATE);
            }
            let declined = page.then_declined.take();
            page.declined =
                if satisfies { declined } else { Some("payment_intent_authentication_failure".to_owned()) };
            page.standing = if page.declined.is_none() { Standing::Authorised } else { Standing::Open };
            Ok(())
        });
        match acted.await {
            Ok(_) => Ok(true),
            Err(GatewayError::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes what `change` makes of the page. What it says may be a page that is not to be changed, too.
    async fn change<T>(
        &self,
        reference: &str,
        change: impl Fn(&mut Page) -> Result<T, GatewayError>,
    ) -> Result<(Page, T), GatewayError> {
        for _ in 0..MAX_ATTEMPTS {
            let Some(LedgerPage { version, text }) = self.ledger.read(reference).await.map_err(failed)?
            else {
                return refused(NO_SUCH);
            };
            let mut page: Page = serde_json::from_str(&text).map_err(|_| failed(LedgerError))?;
            let changed = change(&mut page);
            let written = encoded(&page);
            if written == text || self.ledger.write(reference, version, &written).await.map_err(failed)? {
                return changed.map(|changed| (page, changed));
            }
        }
        Err(GatewayError::Unavailable { reason: "others write the same page" })
    }

    async fn page(&self, reference: &str) -> Result<Option<Page>, GatewayError> {
        let page = self.ledger.read(reference).await.map_err(failed)?;
        page.map(|page| serde_json::from_str(&page.text).map_err(|_| failed(LedgerError))).transpose()
    }
}

fn failed(_: LedgerError) -> GatewayError {
    GatewayError::Unavailable { reason: "the ledger does not answer" }
}

#[async_trait]
impl<L: Ledger> Gateway for TestGateway<L> {
    async fn open(&self, payment: &NewPayment) -> Result<GatewayPayment, GatewayError> {
        let reference = reference_of(payment.payment_id);
        let page = Page {
            amount: payment.amount,
            currency: payment.currency.clone(),
            standing: Standing::Open,
            declined: None,
            client_secret: format!("{reference}_secret_{}", Uuid::new_v4().simple()),
            then_declined: None,
            refunds: Refunds::Succeed,
            refunded: vec![],
        };
        // Whoever opened it before has written it.
        self.ledger.write(&reference, 0, &encoded(&page)).await.map_err(failed)?;
        self.payment(&reference).await
    }

    async fn authorise(
        &self,
        _: Uuid,
        reference: &str,
        method: &PaymentMethod,
    ) -> Result<GatewayPayment, GatewayError> {
        let Some(behaviour) = behaviour_of(method.as_str()) else { return refused(NO_SUCH) };
        let authorised = self.change(reference, |page| {
            match page.standing {
                Standing::Open => {}
                // The same again: its answer again.
                Standing::ActionRequired | Standing::Authorised | Standing::Captured => return Ok(()),
                Standing::Voided => return refused(UNEXPECTED_STATE),
            }
            page.refunds = behaviour.refunds();
            match &behaviour {
                Behaviour::Succeeds { .. } => page.standing = Standing::Authorised,
                Behaviour::Declines(reason) => page.declined = Some((*reason).to_owned()),
                Behaviour::WantsMore { then_declines } => {
                    page.standing = Standing::ActionRequired;
                    page.then_declined = then_declines.map(str::to_owned);
                }
            }
            Ok(())
        });
        let (page, ()) = authorised.await?;
        match page.declined.clone().filter(|_| page.standing == Standing::Open) {
            Some(reason) => Err(GatewayError::Declined { reason }),
            None => Ok(page.seen(reference)),
        }
    }

    async fn payment(&self, reference: &str) -> Result<GatewayPayment, GatewayError> {
        match self.page(reference).await? {
            Some(page) => Ok(page.seen(reference)),
            None => refused(NO_SUCH),
        }
    }

    async fn find_payment(&self, payment_id: Uuid) -> Result<Option<GatewayPayment>, GatewayError> {
        let reference = reference_of(payment_id);
        Ok(self.page(&reference).await?.map(|page| page.seen(&reference)))
    }

    async fn capture(&self, _: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError> {
        let captured = self.change(reference, |page| match page.standing {
            Standing::Authorised | Standing::Captured => {
                page.standing = Standing::Captured;
                Ok(())
            }
            Standing::Open | Standing::ActionRequired | Standing::Voided => refused(UNEXPECTED_STATE),
        });
        Ok(captured.await?.0.seen(reference))
    }

    async fn void(&self, _: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError> {
        let voided = self.change(reference, |page| match page.standing {
            Standing::Captured => refused(UNEXPECTED_STATE),
            Standing::Open | Standing::ActionRequired | Standing::Authorised | Standing::Voided => {
                page.standing = Standing::Voided;
                Ok(())
            }
        });
        Ok(voided.await?.0.seen(reference))
    }

    async fn refund(&self, refund: &NewRefund) -> Result<GatewayRefund, GatewayError> {
        let NewRefund { refund_id, resumed, amount, .. } = *refund;
        let refunded = self.change(&refund.reference, |page| {
            if page.refunded.iter().any(|r| r.refund_id == refund_id && r.resumed == resumed) {
                return Ok(());
            }
            let back: i64 = page
                .refunded
                .iter()
                .filter(|refunded| refunded.standing != RefundedStanding::Failed)
                .map(|refunded| refunded.amount)
                .sum();
            if page.standing != Standing::Captured || back + amount > page.amount {
                return refused("charge_already_refunded");
            }
            let standing = match page.refunds {
                Refunds::Succeed => RefundedStanding::Made,
                Refunds::Pend => RefundedStanding::Pending,
                // The first try; a resumed one succeeds.
                Refunds::Fail if resumed == 0 => RefundedStanding::Failed,
                Refunds::Fail => RefundedStanding::Made,
            };
            page.refunded.push(Refunded { refund_id, resumed, amount, standing });
            Ok(())
        });
        match refunded.await?.0.refund(refund_id) {
            Some(refund) => Ok(refund),
            None => refused(NO_SUCH),
        }
    }

    /// One that was pending is made by then.
    async fn find_refund(&self, refund: &NewRefund) -> Result<Option<GatewayRefund>, GatewayError> {
        let (page, ()) = self
            .change(&refund.reference, |page| {
                let pending = page.refunded.iter_mut().filter(|refunded| {
                    refunded.refund_id == refund.refund_id && refunded.standing == RefundedStanding::Pending
                });
                pending.for_each(|refunded| refunded.standing = RefundedStanding::Made);
                Ok(())
            })
            .await?;
        Ok(page.refund(refund.refund_id))
    }
}
