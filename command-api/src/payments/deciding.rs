//! What became of an attempt to pay: the gateway knows, and the show knows whether there are tickets for it.

use ::payments::{GatewayError, GatewayPayment, NewPayment, PaymentStanding};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    booking::{
        BookingError, BookingStatus, Payment, PaymentState, PaymentStep, PlacedBooking, TIME_TO_ACT,
        TIME_TO_PAY,
    },
    show::ShowError,
};

use super::{
    KEY_LIFETIME, LONGEST_LOOK, Payments, PaymentsError, about, code, currency, driving::Then, look_again,
    reference_of,
};
use crate::show_orders::{OrderError, ShowOrder};

/// A hold with less time left than this is kept longer, while it is being found out what became of its payment. Whoever
/// drives a payment has to come back before so long.
pub const KEEP_BELOW: TimeDelta = TimeDelta::seconds(240);

impl Payments {
    /// Looks the attempt up, and does what follows.
    pub(super) async fn decide(
        &self,
        booking: &PlacedBooking,
        payment: &Payment,
        now: DateTime<Utc>,
    ) -> Result<Then, PaymentsError> {
        let lapses = booking.held_until.filter(|until| *until > now && *until - now < KEEP_BELOW);
        if lapses.is_some() && now - payment.started_at < TIME_TO_ACT + TIME_TO_PAY {
            let (booking_id, attendee_id) = (booking.id, booking.user_id);
            self.submit(booking, ShowOrder::KeepHold { booking_id, attendee_id }).await?;
        }
        let abandoned_at = payment.started_at + self.abandoned_after;
        match self.locate(booking, payment, now).await? {
            Some(found) => self.follow(booking, payment, found, now).await,
            // It may be there, and not be found yet.
            None if now < abandoned_at => Ok(Then::Wait(abandoned_at)),
            None => self.decline(booking, payment, "abandoned").await,
        }
    }

    /// The attempt at the gateway. What was never opened there is opened now: so a request that is still on its way cannot
    /// open another one.
    async fn locate(
        &self,
        booking: &PlacedBooking,
        payment: &Payment,
        now: DateTime<Utc>,
    ) -> Result<Option<GatewayPayment>, PaymentsError> {
        Ok(match &payment.reference {
            Some(reference) => Some(self.gateway.payment(reference.as_str()).await?),
            None if now - payment.started_at > KEY_LIFETIME => {
                self.gateway.find_payment(payment.id.uuid()).await?
            }
            None => match self.gateway.open(&new_payment(booking, payment)).await {
                Ok(opened) => Some(opened),
                // Never will be, so that nobody can confirm it; unless it was opened before this was refused.
                Err(GatewayError::Declined { .. } | GatewayError::Refused { .. }) => {
                    self.gateway.find_payment(payment.id.uuid()).await?
                }
                Err(error) => return Err(error.into()),
            },
        })
    }

    /// What follows from where the attempt stands at the gateway.
    pub(super) async fn follow(
        &self,
        booking: &PlacedBooking,
        payment: &Payment,
        found: GatewayPayment,
        now: DateTime<Utc>,
    ) -> Result<Then, PaymentsError> {
        let is_over = booking.status == BookingStatus::Cancelled;
        match &found.standing {
            PaymentStanding::Authorised | PaymentStanding::Captured => {
                self.authorised(booking, payment, found).await
            }
            PaymentStanding::Voided => {
                let reason = if is_over { "booking-cancelled" } else { "cancelled-at-gateway" };
                self.decline(booking, payment, reason).await
            }
            PaymentStanding::Processing => Ok(Then::Wait(look_again(now, payment.since, LONGEST_LOOK))),
            PaymentStanding::ActionRequired if is_over => {
                self.abandon(booking, payment, found, "booking-cancelled").await
            }
            PaymentStanding::ActionRequired if payment.state == PaymentState::Started => {
                let (payment_id, reference) = (payment.id, reference_of(&found)?);
                Ok(self.order(booking, PaymentStep::RequireAction { payment_id, reference }).await?)
            }
            PaymentStanding::ActionRequired if now < payment.since + TIME_TO_ACT => {
                let next = look_again(now, payment.since, LONGEST_LOOK);
                Ok(Then::Wait(next.min(payment.since + TIME_TO_ACT)))
            }
            PaymentStanding::ActionRequired => {
                self.abandon(booking, payment, found, "authentication-timed-out").await
            }
            PaymentStanding::Open { declined } => {
                // The request that began it may still be about to confirm it.
                let abandoned_at = payment.started_at + self.abandoned_after;
                let waits =
                    payment.state == PaymentState::Started && declined.is_none() && now < abandoned_at;
                if waits && !is_over {
                    return Ok(Then::Wait(abandoned_at));
                }
                let reason = declined.clone().unwrap_or_else(|| "abandoned".to_owned());
                self.abandon(booking, payment, found, &reason).await
            }
        }
    }

    /// The money is set aside: now the tickets. Without them it goes back.
    async fn authorised(
        &self,
        booking: &PlacedBooking,
        payment: &Payment,
        found: GatewayPayment,
    ) -> Result<Then, PaymentsError> {
        let (payment_id, reference) = (payment.id, reference_of(&found)?);
        match self.order(booking, PaymentStep::Authorise { payment_id, reference }).await {
            Ok(then) => Ok(then),
            Err(error) => match why_no_tickets(&error) {
                Some(reason) => self.let_go(booking, payment, found, reason).await,
                None => Err(error.into()),
            },
        }
    }

    /// Nothing comes of it, at the gateway first: nothing can be set aside for it any more.
    async fn abandon(
        &self,
        booking: &PlacedBooking,
        payment: &Payment,
        found: GatewayPayment,
        reason: &str,
    ) -> Result<Then, PaymentsError> {
        match self.gateway.void(payment.id.uuid(), &found.reference).await {
            Ok(_) => self.decline(booking, payment, reason).await,
            Err(error) => self.if_moved(&found, error).await,
        }
    }

    pub(super) async fn decline(
        &self,
        booking: &PlacedBooking,
        payment: &Payment,
        reason: &str,
    ) -> Result<Then, PaymentsError> {
        let step = PaymentStep::Decline { payment_id: payment.id, reason: code(reason) };
        Ok(self.order(booking, step).await?)
    }
}

pub(super) fn new_payment(booking: &PlacedBooking, payment: &Payment) -> NewPayment {
    NewPayment {
        payment_id: payment.id.uuid(),
        about: about(booking),
        amount: payment.amount.amount,
        currency: currency(payment.amount),
    }
}

/// Nothing if it is not known whether there are tickets.
fn why_no_tickets(error: &OrderError) -> Option<&'static str> {
    match error {
        OrderError::Show(ShowError::PartsMissing { .. }) => None,
        OrderError::Show(ShowError::Cancelled) => Some("event-cancelled"),
        OrderError::Show(ShowError::Ended | ShowError::SalesNotOpen) => Some("event-ended"),
        OrderError::Show(_) => Some("hold-expired"),
        OrderError::Booking(BookingError::NotPayable) => Some("booking-cancelled"),
        OrderError::Booking(_)
        | OrderError::NotYours
        | OrderError::Gone
        | OrderError::Busy
        | OrderError::Unavailable
        | OrderError::Repeated => None,
    }
}
