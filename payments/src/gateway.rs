//! What a payment gateway does.

use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;
use uuid::Uuid;

/// Sets money aside, takes it, gives it back. Every call that changes something carries a key; the same call with the
/// same key, within a day, does nothing and answers the same.
#[async_trait]
pub trait Gateway: fmt::Debug + Send + Sync {
    /// Makes a payment that nothing is known of but the amount. It can be repeated by who knows no payment method.
    async fn open(&self, payment: &NewPayment) -> Result<GatewayPayment, GatewayError>;

    /// Sets the money aside, unless the bank declines or wants to know more. Fails with [`GatewayError::Refused`] when
    /// the payment was voided: so voiding keeps a late call of this from having an effect.
    async fn authorise(
        &self,
        payment_id: Uuid,
        reference: &str,
        method: &PaymentMethod,
    ) -> Result<GatewayPayment, GatewayError>;

    /// A payment as it is now.
    async fn payment(&self, reference: &str) -> Result<GatewayPayment, GatewayError>;

    /// A payment by its id here: its key may have lapsed, or what the gateway calls it was never written down. One that was
    /// opened a moment ago may not be found yet.
    async fn find_payment(&self, payment_id: Uuid) -> Result<Option<GatewayPayment>, GatewayError>;

    /// Takes all of the money that was set aside.
    async fn capture(&self, payment_id: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError>;

    /// Gives back what was set aside, or sees to it that nothing ever will be.
    async fn void(&self, payment_id: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError>;

    /// Sends money back.
    async fn refund(&self, refund: &NewRefund) -> Result<GatewayRefund, GatewayError>;

    /// A refund as it is now: the newest try of it that has not failed; else what somebody gave back by hand, once that is
    /// all of its amount; else the newest try.
    async fn find_refund(&self, refund: &NewRefund) -> Result<Option<GatewayRefund>, GatewayError>;

    /// Whether it makes sense to begin something now.
    fn is_available(&self) -> bool {
        true
    }
}

/// What a payment is about; the gateway keeps it beside the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The booking.
    pub booking_id: Uuid,
    /// The event.
    pub event_id: Uuid,
}

/// A payment to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayment {
    /// Its id here.
    pub payment_id: Uuid,
    /// What it is about.
    pub about: About,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: String,
}

/// A refund to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    /// Its id here.
    pub refund_id: Uuid,
    /// How often it was tried and failed for good before.
    pub resumed: u32,
    /// What the gateway calls the payment.
    pub reference: String,
    /// What it is about.
    pub about: About,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: String,
}

/// What a gateway's payment form gave the buyer, such as `pm_card_visa`. Never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct PaymentMethod(String);

/// As many digits as the shortest card number has. What a form gives has letters among them.
const CARD_DIGITS: usize = 12;

impl PaymentMethod {
    /// Most characters.
    pub const MAX_CHARS: usize = 255;

    /// `pm_`, then letters, digits and underscores; nothing if it is anything else, or has a card's number in it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix("pm_")?;
        let fits = !name.is_empty() && text.len() <= Self::MAX_CHARS;
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let has_card_number = name.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() >= CARD_DIGITS);
        (fits && is_name && !has_card_number).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PaymentMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PaymentMethod(…)")
    }
}

/// A payment at the gateway.
#[derive(Debug, Clone)]
pub struct GatewayPayment {
    /// What the gateway calls it.
    pub reference: String,
    /// Where it stands.
    pub standing: PaymentStanding,
    /// What the buyer's browser needs to satisfy the bank.
    pub client_secret: Option<SecretString>,
}

/// Where a payment stands at the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentStanding {
    /// No money is set aside, and no bank is being asked.
    Open {
        /// The code for which it was declined last.
        declined: Option<String>,
    },
    /// The bank wants to know more from the buyer.
    ActionRequired,
    /// The bank is being asked.
    Processing,
    /// The money is set aside.
    Authorised,
    /// The money is taken.
    Captured,
    /// Nothing will ever come of it.
    Voided,
}

impl PaymentStanding {
    /// Whether anything was ever asked of a bank for it.
    #[must_use]
    pub const fn was_confirmed(&self) -> bool {
        match self {
            Self::Open { declined } => declined.is_some(),
            Self::ActionRequired | Self::Processing | Self::Authorised | Self::Captured => true,
            Self::Voided => false,
        }
    }
}

/// A refund at the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayRefund {
    /// Where it stands.
    pub standing: RefundStanding,
    /// How often it had been resumed when this was tried.
    pub resumed: u32,
}

/// Where a refund stands at the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundStanding {
    /// On its way.
    Pending,
    /// Done.
    Made,
    /// The money is here again.
    Failed {
        /// The gateway's code.
        reason: String,
    },
}

/// Why a call led to nothing that is known of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// The bank declined.
    #[error("the payment was declined: {reason}")]
    Declined {
        /// The gateway's code.
        reason: String,
    },
    /// The gateway will never do this.
    #[error("the gateway refuses: {reason}")]
    Refused {
        /// The gateway's code.
        reason: String,
    },
    /// It may have had an effect or not. Trying again is safe, with the same key.
    #[error("the gateway did not answer as it should: {reason}")]
    Unavailable {
        /// In short; without anything that was sent or answered.
        reason: &'static str,
    },
    /// The same call was made before and has not come to its end.
    #[error("the same call is under way at the gateway")]
    UnderWay,
    /// The gateway fails too often to be asked now. Nothing was sent.
    #[error("the gateway is given a rest")]
    Resting,
}

impl GatewayError {
    /// Whether trying again may lead somewhere.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::UnderWay | Self::Resting => true,
            Self::Declined { .. } | Self::Refused { .. } => false,
        }
    }
}

/// What a call does, for its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// [`Gateway::open`].
    Open,
    /// [`Gateway::authorise`].
    Authorise,
    /// [`Gateway::capture`].
    Capture,
    /// [`Gateway::void`].
    Void,
    /// [`Gateway::refund`], after it was resumed so often.
    Refund(u32),
}

/// What a gateway recognises a repeated call by: made from what caused it, so that whoever repeats it comes to the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of a step of a payment, or of a refund.
    #[must_use]
    pub fn of(id: Uuid, step: Step) -> Self {
        Self(match step {
            Step::Open => format!("boxoffice-{id}-open"),
            Step::Authorise => format!("boxoffice-{id}-authorise"),
            Step::Capture => format!("boxoffice-{id}-capture"),
            Step::Void => format!("boxoffice-{id}-void"),
            Step::Refund(resumed) => format!("boxoffice-{id}-refund-{resumed}"),
        })
    }

    /// The key of another try of the same: for a gateway that goes on to answer how the first one failed.
    #[must_use]
    pub fn again(&self, attempt: i64) -> Self {
        Self(format!("{}-again-{attempt}", self.0))
    }

    /// The key itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
