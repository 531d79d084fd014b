//! Payments: what the gateway is asked, and what the booking is told of it.
//!
//! Whoever drives a booking's money, a request, a webhook or the process manager, does the same: what the booking's
//! stream says is due is looked up or done at the gateway, and then written down. Each step may be repeated by
//! anybody at any time; every call has a key made of its cause. So it does not matter who dies where.
//!
//! - `driving`: one step after the other, until all is settled or has to wait.
//! - `refunding`: money that goes back.
//! - `deciding`: what became of an attempt, and what follows.
//! - `paying`: a buyer's request, with the payment method, which is never written down.
//! - `ledger`: the memory of the embedded test gateway.
//!
//! Architecture invariant: the gateway is never asked for money before an event says so, and no event waits for a
//! gateway in a transaction.

mod deciding;
mod driving;
mod ledger;
mod paying;
mod refunding;

pub use deciding::KEEP_BELOW;
pub use driving::{PaymentsError, Progress};
pub use paying::{NotPaid, Paid};
pub use refunding::REFUND_LOOKED_AT_AFTER;

use std::sync::Arc;

use ::payments::{About, Gateway, GatewayPayment, TestGateway};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Money,
    booking::{PaymentReference, PlacedBooking, ReasonCode},
};
use event_store::EventStore;
use secrecy::SecretString;

use crate::show_writers::ShowWriters;
use ledger::DatabaseLedger;

/// A gateway's keys lapse after a day: what is older is looked up before it is done again.
const KEY_LIFETIME: TimeDelta = TimeDelta::hours(20);
/// An attempt about which nothing is known at the gateway after so long was abandoned. Longer than any request lasts: it
/// makes one call that is done after 27 s at the latest, and one that waits for a bank and is done after 70 s.
const ABANDONED_AFTER: TimeDelta = TimeDelta::minutes(2);
/// How long to wait for news of what the gateway is still deciding, if no webhook comes; at first, see [`look_again`].
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(20);
/// The longest wait for news of a payment, whose hold has to be kept meanwhile.
pub const LONGEST_LOOK: TimeDelta = TimeDelta::minutes(2);

/// The gateway, and the bookings that are paid through it; cheap to clone.
#[derive(Debug, Clone)]
pub struct Payments {
    store: EventStore,
    writers: ShowWriters,
    gateway: Arc<dyn Gateway>,
    abandoned_after: TimeDelta,
}

impl Payments {
    /// Payments through a gateway.
    #[must_use]
    pub fn new(store: EventStore, writers: ShowWriters, gateway: Arc<dyn Gateway>) -> Self {
        Self { store, writers, gateway, abandoned_after: ABANDONED_AFTER }
    }

    /// Payments through the embedded test gateway, which remembers in the write database.
    #[must_use]
    pub fn testing(store: EventStore, writers: ShowWriters) -> Self {
        let gateway = Arc::new(TestGateway::on(DatabaseLedger(store.pool().clone())));
        Self::new(store, writers, gateway)
    }

    /// The same with less patience, for tests: an attempt about which nothing is known at the gateway after so long was
    /// abandoned.
    #[must_use]
    pub fn abandoning_after(self, abandoned_after: TimeDelta) -> Self {
        Self { abandoned_after, ..self }
    }

    /// What a buyer's browser needs to satisfy the bank; kept nowhere but at the gateway.
    ///
    /// # Errors
    /// The gateway does not answer.
    pub(crate) async fn client_secret(
        &self,
        reference: &PaymentReference,
    ) -> Result<Option<SecretString>, PaymentsError> {
        Ok(self.gateway.payment(reference.as_str()).await?.client_secret)
    }
}

fn about(booking: &PlacedBooking) -> About {
    About { booking_id: booking.id.uuid(), event_id: booking.event_id.uuid() }
}

fn currency(money: Money) -> String {
    money.currency.code().to_owned()
}

/// When to look again at what has been so since then: the longer it takes, the less often.
fn look_again(now: DateTime<Utc>, since: DateTime<Utc>, longest: TimeDelta) -> DateTime<Utc> {
    now + ((now - since) / 4).clamp(LOOK_AGAIN, longest)
}

/// What is no code says nothing that we could write down.
fn code(reason: &str) -> ReasonCode {
    ReasonCode::parse(reason).unwrap_or_else(|_| ReasonCode::of("unknown"))
}

fn reference_of(payment: &GatewayPayment) -> Result<PaymentReference, PaymentsError> {
    PaymentReference::parse(&payment.reference).map_err(|_| PaymentsError::BadReference)
}
