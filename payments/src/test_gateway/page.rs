//! What the test gateway knows of a payment.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::methods::Refunds;
use crate::{GatewayPayment, GatewayRefund, PaymentStanding, RefundStanding};

const REFUND_FAILED: &str = "expired_or_canceled_card";

/// What is known of a payment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Page {
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) standing: Standing,
    pub(super) declined: Option<String>,
    pub(super) client_secret: String,
    /// What the bank says when the buyer has satisfied it.
    pub(super) then_declined: Option<String>,
    pub(super) refunds: Refunds,
    pub(super) refunded: Vec<Refunded>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Standing {
    Open,
    ActionRequired,
    Authorised,
    Captured,
    Voided,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refunded {
    pub(super) refund_id: Uuid,
    pub(super) resumed: u32,
    pub(super) amount: i64,
    pub(super) standing: RefundedStanding,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum RefundedStanding {
    Pending,
    Made,
    Failed,
}

pub(super) fn encoded(page: &Page) -> String {
    serde_json::to_string(page).expect("a page is plain data")
}

impl Page {
    pub(super) fn seen(&self, reference: &str) -> GatewayPayment {
        let standing = match self.standing {
            Standing::Open => PaymentStanding::Open { declined: self.declined.clone() },
            Standing::ActionRequired => PaymentStanding::ActionRequired,
            Standing::Authorised => PaymentStanding::Authorised,
            Standing::Captured => PaymentStanding::Captured,
            Standing::Voided => PaymentStanding::Voided,
        };
        GatewayPayment {
            reference: reference.to_owned(),
            standing,
            client_secret: Some(self.client_secret.clone().into()),
        }
    }

    pub(super) fn refund(&self, refund_id: Uuid) -> Option<GatewayRefund> {
        let tries = || self.refunded.iter().rev().filter(|refunded| refunded.refund_id == refund_id);
        let good = tries().find(|refunded| refunded.standing != RefundedStanding::Failed);
        good.or_else(|| tries().next()).map(|refunded| GatewayRefund {
            resumed: refunded.resumed,
            standing: match refunded.standing {
                RefundedStanding::Pending => RefundStanding::Pending,
                RefundedStanding::Made => RefundStanding::Made,
                RefundedStanding::Failed => RefundStanding::Failed { reason: REFUND_FAILED.to_owned() },
            },
        })
    }
}
