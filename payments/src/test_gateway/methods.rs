//! Stripe's test payment methods and what becomes of payments with them, as <https://docs.stripe.com/testing> says.

use serde::{Deserialize, Serialize};

/// What a bank does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Behaviour {
    Succeeds {
        refunds: Refunds,
    },
    Declines(&'static str),
    /// The buyer must satisfy it first.
    WantsMore {
        then_declines: Option<&'static str>,
    },
}

/// What becomes of refunds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Refunds {
    Succeed,
    /// They are pending for a while.
    Pend,
    Fail,
}

impl Behaviour {
    pub(super) const fn refunds(&self) -> Refunds {
        match self {
            Self::Succeeds { refunds } => *refunds,
            Self::Declines(_) | Self::WantsMore { .. } => Refunds::Succeed,
        }
    }
}

const fn succeeds() -> Behaviour {
    Behaviour::Succeeds { refunds: Refunds::Succeed }
}

/// Nothing for a method that there is not.
pub(super) fn behaviour_of(method: &str) -> Option<Behaviour> {
    let card = method.strip_prefix("pm_card_")?;
    let card = card.strip_prefix("visa_").filter(|rest| rest.starts_with("chargeDeclined")).unwrap_or(card);
    if let Some(how) = card.strip_prefix("chargeDeclined") {
        return Some(Behaviour::Declines(decline_of(how)?));
    }
    if let Some(how) = card.strip_prefix("authenticationRequired") {
        return match how {
            "" | "OnSetup" | "SetupForOffSession" => Some(Behaviour::WantsMore { then_declines: None }),
            _ => {
                let then_declines = decline_of(how.strip_prefix("ChargeDeclined")?)?;
                Some(Behaviour::WantsMore { then_declines: Some(then_declines) })
            }
        };
    }
    match card {
        "visa"
        | "visa_debit"
        | "mastercard"
        | "mastercard_debit"
        | "mastercard_prepaid"
        | "amex"
        | "discover"
        | "diners"
        | "jcb"
        | "unionpay"
        | "us"
        | "de"
        | "fr"
        | "gb"
        | "riskLevelElevated"
        | "threeDSecureOptional"
        | "bypassPending" => Some(succeeds()),
        "threeDSecure2Required" | "threeDSecureRequired" => {
            Some(Behaviour::WantsMore { then_declines: None })
        }
        "pendingRefund" => Some(Behaviour::Succeeds { refunds: Refunds::Pend }),
        "refundFail" => Some(Behaviour::Succeeds { refunds: Refunds::Fail }),
        "riskLevelHighest" | "radarBlock" => Some(Behaviour::Declines("fraudulent")),
        _ => None,
    }
}

fn decline_of(how: &str) -> Option<&'static str> {
    Some(match how {
        "" => "generic_decline",
        "InsufficientFunds" => "insufficient_funds",
        "LostCard" => "lost_card",
        "StolenCard" => "stolen_card",
        "ExpiredCard" => "expired_card",
        "IncorrectCvc" => "incorrect_cvc",
        "ProcessingError" => "processing_error",
        "VelocityLimitExceeded" => "card_velocity_exceeded",
        "Fraudulent" => "fraudulent",
        _ => return None,
    })
}
