//! Driving a booking's money: what is due is done, one step after the other.

use ::payments::{GatewayError, GatewayPayment, PaymentStanding};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    BookingId,
    booking::{Booking, Due, Payment, PaymentStep, PlacedBooking},
};
use event_store::{CommandContext, Metadata, ReadError};

use super::{KEY_LIFETIME, LOOK_AGAIN, Payments, code};
use crate::show_orders::{Done, OrderError, ShowOrder, Subject};

/// Most steps without a pause; more would mean that somebody else drives the same booking the other way.
const MAX_STEPS: usize = 12;
/// The pause after them.
const PAUSE: TimeDelta = TimeDelta::seconds(1);
/// Most of them without an event, each because somebody else was faster.
const MAX_IDLE_STEPS: usize = 3;

/// How far the money of a booking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is nothing left to do.
    Settled,
    /// There is, but not before this time, unless something is heard.
    Waits(DateTime<Utc>),
}

/// Why a step was not done; it can be tried again.
#[derive(Debug, thiserror::Error)]
pub enum PaymentsError {
    /// There is no such booking.
    #[error("there is no such booking")]
    NotPlaced,
    /// The writer of the show did not deal with it.
    #[error("an order was not dealt with")]
    Order(#[from] OrderError),
    /// The gateway.
    #[error("the payment gateway failed")]
    Gateway(#[from] GatewayError),
    /// The gateway calls the payment something that no event can hold, or does not find a payment that it has made.
    #[error("the payment gateway's name of a payment is not known, or cannot be kept")]
    BadReference,
    /// What the booking wants and what the gateway says do not come together.
    #[error("the payment gets no further")]
    NoProgress,
    /// The stream cannot be read.
    #[error("the booking cannot be read")]
    Read(#[from] ReadError),
    /// The database's time cannot be read.
    #[error("the write database failed")]
    Database(#[from] sqlx::Error),
}

/// What follows a step.
pub(super) enum Then {
    /// The next one.
    GoOn,
    /// Nothing, before this time.
    Wait(DateTime<Utc>),
}

impl Payments {
    /// Does what is due about a booking's money, as far as it goes now.
    ///
    /// # Errors
    /// See [`PaymentsError`]; what was done until then is done.
    pub async fn drive(&self, booking_id: BookingId) -> Result<Progress, PaymentsError> {
        let mut now = self.store.now().await?;
        let (mut seen, mut idle) = (0, 0);
        for _ in 0..MAX_STEPS {
            let (booking, version) = self.placed(booking_id).await?;
            idle = if version == seen { idle + 1 } else { 0 };
            seen = version;
            if idle >= MAX_IDLE_STEPS && booking.due().is_some() {
                return Err(PaymentsError::NoProgress);
            }
            let then = match booking.due() {
                None => return Ok(Progress::Settled),
                Some(Due::Decide(payment)) => self.decide(&booking, payment, now).await?,
                Some(Due::Capture(payment)) => self.capture(&booking, payment, now).await?,
                Some(Due::GiveBack(payment)) => self.give_back(&booking, payment).await?,
                Some(Due::Refund(refund)) => self.refund(&booking, refund, now).await?,
            };
            if let Then::Wait(until) = then {
                return Ok(Progress::Waits(until));
            }
            now = self.store.now().await?;
        }
        Ok(Progress::Waits(now + PAUSE))
    }

    /// Something was heard about a booking's money: looks, and does what is due.
    ///
    /// # Errors
    /// See [`PaymentsError`].
    pub(crate) async fn hear(&self, booking_id: BookingId, about_refund: bool) -> Result<(), PaymentsError> {
        self.drive(booking_id).await?;
        if about_refund {
            self.look_at_made_refunds(booking_id).await?;
        }
        Ok(())
    }

    pub(super) async fn placed(&self, booking_id: BookingId) -> Result<(PlacedBooking, i64), PaymentsError> {
        match self.store.load::<Booking>(&booking_id.to_string()).await? {
            (Booking::Placed(placed), version) => Ok((placed, version)),
            (Booking::Unplaced, _) => Err(PaymentsError::NotPlaced),
        }
    }

    pub(super) async fn order(&self, booking: &PlacedBooking, step: PaymentStep) -> Result<Then, OrderError> {
        self.submit(booking, ShowOrder::Pay { booking_id: booking.id, step }).await.map(|_| Then::GoOn)
    }

    pub(super) async fn submit(&self, booking: &PlacedBooking, order: ShowOrder) -> Result<Done, OrderError> {
        let metadata = Metadata { actor: Some("payments".to_owned()), ..Metadata::default() };
        let context = CommandContext { metadata, receipt: None };
        let done = self.writers.submit(booking.event_id, order, None, context).await?;
        debug_assert!(matches!(done.subject, Subject::Booking(..)), "the order is about a booking");
        Ok(done)
    }

    /// What the gateway calls a payment. No event says so of one whose money was taken before anybody here had heard that it
    /// was set aside: it is looked up.
    ///
    /// # Errors
    /// It is not found, or not yet: a search is behind.
    pub(super) async fn reference(&self, payment: &Payment) -> Result<String, PaymentsError> {
        if let Some(reference) = &payment.reference {
            return Ok(reference.as_str().to_owned());
        }
        let found = self.gateway.find_payment(payment.id.uuid()).await?;
        found.map(|found| found.reference).ok_or(PaymentsError::BadReference)
    }

    async fn capture(
        &self,
        booking: &PlacedBooking,
        payment: &Payment,
        now: DateTime<Utc>,
    ) -> Result<Then, PaymentsError> {
        let reference = self.reference(payment).await?;
        let reference = reference.as_str();
        let id = payment.id.uuid();
        let captured = if now - payment.since > KEY_LIFETIME {
            match self.gateway.payment(reference).await? {
                found if found.standing == PaymentStanding::Authorised => {
                    self.gateway.capture(id, reference).await
                }
                found => Ok(found),
            }
        } else {
            self.gateway.capture(id, reference).await
        };
        match captured {
            Ok(found) => self.after_capture(booking, payment, &found, "authorisation-lapsed", now).await,
            // Whatever it answered, it may have done it.
            Err(error) if error.is_passing() => match self.gateway.payment(reference).await {
                Ok(found) if found.standing != PaymentStanding::Authorised => {
                    self.after_capture(booking, payment, &found, "authorisation-lapsed", now).await
                }
                Ok(_) | Err(_) => Err(error.into()),
            },
            // It says no: to this, or to what was done before.
            Err(GatewayError::Declined { reason } | GatewayError::Refused { reason }) => {
                let mut found = self.gateway.payment(reference).await?;
                if found.standing == PaymentStanding::Authorised {
                    found = self.gateway.void(id, reference).await?;
                }
                self.after_capture(booking, payment, &found, &reason, now).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn after_capture(
        &self,
        booking: &PlacedBooking,
        payment: &Payment,
        found: &GatewayPayment,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<Then, PaymentsError> {
        let payment_id = payment.id;
        Ok(match found.standing {
            PaymentStanding::Captured => self.order(booking, PaymentStep::Capture { payment_id }).await?,
            PaymentStanding::Voided | PaymentStanding::Open { .. } | PaymentStanding::ActionRequired => {
                tracing::warn!(booking = %booking.id, payment = %payment_id, reason, "a capture failed for good");
                self.order(booking, PaymentStep::FailCapture { payment_id, reason: code(reason) }).await?
            }
            PaymentStanding::Processing | PaymentStanding::Authorised => Then::Wait(now + LOOK_AGAIN),
        })
    }

    /// The tickets are gone.
    async fn give_back(&self, booking: &PlacedBooking, payment: &Payment) -> Result<Then, PaymentsError> {
        let found = self.gateway.payment(&self.reference(payment).await?).await?;
        self.let_go(booking, payment, found, "booking-cancelled").await
    }

    /// What is set aside goes back; what is taken is written down as taken, and goes back by a refund.
    pub(super) async fn let_go(
        &self,
        booking: &PlacedBooking,
        payment: &Payment,
        found: GatewayPayment,
        reason: &str,
    ) -> Result<Then, PaymentsError> {
        let payment_id = payment.id;
        if found.standing == PaymentStanding::Captured {
            return Ok(self.order(booking, PaymentStep::Capture { payment_id }).await?);
        }
        if found.standing != PaymentStanding::Voided {
            match self.gateway.void(payment_id.uuid(), &found.reference).await {
                Ok(_) => {}
                Err(error) => return self.if_moved(&found, error).await,
            }
        }
        Ok(self.order(booking, PaymentStep::Void { payment_id, reason: code(reason) }).await?)
    }

    /// Voiding failed, perhaps because somebody was faster, perhaps after it was done: then the next step sees what is.
    pub(super) async fn if_moved(
        &self,
        before: &GatewayPayment,
        error: GatewayError,
    ) -> Result<Then, PaymentsError> {
        match self.gateway.payment(&before.reference).await {
            Ok(found) if found.standing != before.standing => Ok(Then::GoOn),
            Ok(_) | Err(_) => Err(error.into()),
        }
    }
}
