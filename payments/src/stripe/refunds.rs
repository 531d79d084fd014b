//! What has gone back of a payment, by whomever.

use super::{
    Stripe,
    answers::{Refund, Refunds},
    forms,
};
use crate::{GatewayError, GatewayRefund, NewRefund, RefundStanding};

/// Most refunds of a payment that are looked through; there are one or two.
const MAX_REFUNDS: &str = "100";
/// How Stripe refuses to give back what has gone back.
const ALREADY_REFUNDED: &str = "charge_already_refunded";

impl Stripe {
    /// All of a payment, newest first.
    pub(super) async fn refunds_of(&self, reference: &str) -> Result<Vec<Refund>, GatewayError> {
        let request = self.http.get(self.url(&["refunds"]));
        let request = request.query(&[("payment_intent", reference), ("limit", MAX_REFUNDS)]);
        Ok(self.send::<Refunds>(request).await?.data)
    }

    /// A refund that Stripe refuses because the money has gone back before: somebody made it in Stripe's dashboard.
    pub(super) async fn given_back_by_hand(
        &self,
        refund: &NewRefund,
        refused: GatewayError,
    ) -> Result<GatewayRefund, GatewayError> {
        if !matches!(&refused, GatewayError::Refused { reason } if reason == ALREADY_REFUNDED) {
            return Err(refused);
        }
        by_hand(&self.refunds_of(&refund.reference).await?, refund)?.ok_or(refused)
    }
}

/// What somebody gave back in Stripe's dashboard, where it got no id of ours. It counts where all of the amount is back, and not
/// as another refund of ours.
pub(super) fn by_hand(found: &[Refund], refund: &NewRefund) -> Result<Option<GatewayRefund>, GatewayError> {
    let (mut made, mut pending) = (0, 0);
    for by_hand in found.iter().filter(|found| found.is_nobodys()) {
        match by_hand.refund()?.standing {
            RefundStanding::Made => made += by_hand.amount,
            RefundStanding::Pending => pending += by_hand.amount,
            RefundStanding::Failed { .. } => {}
        }
    }
    let wanted = forms::amount(refund.amount, &refund.currency)?;
    let standing = match made {
        made if made >= wanted => RefundStanding::Made,
        made if made + pending >= wanted => RefundStanding::Pending,
        _ => return Ok(None),
    };
    Ok(Some(GatewayRefund { standing, resumed: refund.resumed }))
}
