//! Money that goes back: sent, looked after, given up.

use ::payments::{GatewayError, GatewayRefund, NewRefund, RefundStanding};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    BookingId,
    booking::{Due, PaymentStep, PlacedBooking, ReasonCode, Refund, RefundState},
};

use super::{Payments, PaymentsError, Progress, about, code, currency, driving::Then, look_again};

/// When to look again at a refund that was made. Banks send money back within days.
pub const REFUND_LOOKED_AT_AFTER: [TimeDelta; 2] = [TimeDelta::days(1), TimeDelta::days(7)];
/// Older refunds are not looked at. Who reads the events again from the beginning would otherwise ask the gateway about every
/// refund that was ever made.
const REFUND_LOOKED_AT_FOR: TimeDelta = TimeDelta::days(30);
/// The longest wait for news of a refund that the gateway says is pending. It may be for days; and ends as the gateway says,
/// because trying it anew could send the money twice.
const LONGEST_LOOK_AT_REFUND: TimeDelta = TimeDelta::hours(1);

impl Payments {
    pub(super) async fn refund(
        &self,
        booking: &PlacedBooking,
        refund: &Refund,
        now: DateTime<Utc>,
    ) -> Result<Then, PaymentsError> {
        let refund_id = refund.id;
        let asked_for = self.asked_for(booking, refund).await?;
        // An earlier try may have come through, whatever it looked like from here.
        let found = self.gateway.find_refund(&asked_for).await?;
        let has_failed = |found: &GatewayRefund| matches!(found.standing, RefundStanding::Failed { .. });
        let made = match found.filter(|found| !has_failed(found) || found.resumed >= refund.resumed) {
            Some(found) => Ok(found),
            None => self.gateway.refund(&asked_for).await,
        };
        let reason = match made {
            Ok(GatewayRefund { standing: RefundStanding::Made, .. }) => {
                return Ok(self.order(booking, PaymentStep::MakeRefund { refund_id }).await?);
            }
            Ok(GatewayRefund { standing: RefundStanding::Pending, .. }) => {
                return Ok(Then::Wait(look_again(now, refund.since, LONGEST_LOOK_AT_REFUND)));
            }
            Ok(GatewayRefund { standing: RefundStanding::Failed { reason }, .. })
            | Err(GatewayError::Declined { reason } | GatewayError::Refused { reason }) => reason,
            Err(error) => return Err(error.into()),
        };
        tracing::warn!(booking = %booking.id, refund = %refund_id, reason, "a refund failed and needs a hand");
        Ok(self.order(booking, PaymentStep::FailRefund { refund_id, reason: code(&reason) }).await?)
    }

    /// A refund in the gateway's terms.
    async fn asked_for(&self, booking: &PlacedBooking, refund: &Refund) -> Result<NewRefund, PaymentsError> {
        let payment = booking.payment(refund.payment_id).ok_or(PaymentsError::BadReference)?;
        Ok(NewRefund {
            refund_id: refund.id.uuid(),
            resumed: refund.resumed,
            reference: self.reference(payment).await?,
            about: about(booking),
            amount: refund.amount.amount,
            currency: currency(refund.amount),
        })
    }

    /// Looks again at refunds that were made, as often as [`REFUND_LOOKED_AT_AFTER`] says: a webhook that they have failed may
    /// have been lost, or overtaken by an older answer.
    ///
    /// # Errors
    /// See [`PaymentsError`].
    pub async fn look_back(&self, booking_id: BookingId) -> Result<Progress, PaymentsError> {
        let now = self.store.now().await?;
        let booking = self.placed(booking_id).await?.0;
        let mut next: Option<DateTime<Utc>> = None;
        for refund in booking.refunds.iter().filter(|refund| refund.state == RefundState::Made) {
            let looks = REFUND_LOOKED_AT_AFTER.map(|after| refund.since + after);
            if (looks[0]..refund.since + REFUND_LOOKED_AT_FOR).contains(&now) {
                self.look_at_made_refund(&booking, refund).await?;
            }
            let to_come = looks.into_iter().filter(|look| *look > now);
            next = next.into_iter().chain(to_come).min();
        }
        Ok(next.map_or(Progress::Settled, Progress::Waits))
    }

    /// Looks at all of them, now.
    pub(super) async fn look_at_made_refunds(&self, booking_id: BookingId) -> Result<(), PaymentsError> {
        let booking = self.placed(booking_id).await?.0;
        for refund in booking.refunds.iter().filter(|refund| refund.state == RefundState::Made) {
            self.look_at_made_refund(&booking, refund).await?;
        }
        Ok(())
    }

    /// Even a refund that was made may come back: the buyer's card is gone.
    async fn look_at_made_refund(
        &self,
        booking: &PlacedBooking,
        refund: &Refund,
    ) -> Result<(), PaymentsError> {
        let found = self.gateway.find_refund(&self.asked_for(booking, refund).await?).await?;
        let reason = match found.map(|found| found.standing) {
            Some(RefundStanding::Made | RefundStanding::Pending) => return Ok(()),
            Some(RefundStanding::Failed { reason }) => reason,
            // Somebody made it by hand, and that came back.
            None => ReasonCode::REFUND_NOT_FOUND.to_owned(),
        };
        tracing::warn!(booking = %booking.id, refund = %refund.id, reason, "a refund that was made came back");
        let reason = code(&reason);
        self.order(booking, PaymentStep::FailRefund { refund_id: refund.id, reason }).await?;
        Ok(())
    }

    /// Stops trying to make a refund that could not be made for so long, until an administrator says so. Whatever else is
    /// due stays due.
    ///
    /// # Errors
    /// See [`PaymentsError`].
    pub async fn give_up_refund(&self, booking_id: BookingId, after: TimeDelta) -> Result<(), PaymentsError> {
        let booking = self.placed(booking_id).await?.0;
        let Some(Due::Refund(refund)) = booking.due() else { return Ok(()) };
        if self.store.now().await? - refund.since >= after {
            let refund_id = refund.id;
            tracing::error!(booking = %booking_id, refund = %refund_id, "a refund is given up and needs a hand");
            let reason = code(ReasonCode::GATEWAY_UNAVAILABLE);
            self.order(&booking, PaymentStep::FailRefund { refund_id, reason }).await?;
        }
        Ok(())
    }
}
