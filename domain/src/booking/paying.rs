//! What a booking decides about its money. The show decides about the tickets, in the same append.
//!
//! A step that has been overtaken leads to nothing: a webhook, the request itself and the process manager may all
//! bring the same news, in any order.

use chrono::{DateTime, Utc};

use super::{
    BookingError, BookingEvent, BookingStatus, OfPayment, OfRefund, Payment, PaymentCommand,
    PaymentReference, PaymentState, PaymentStep, PlacedBooking, ReasonCode, Refund, RefundCause, RefundState,
};
use crate::{PaymentId, RefundId};

/// Most attempts to pay a booking: who tries more has found, or stolen, many cards. Those that the gateway never heard of
/// do not count.
pub const MAX_PAYMENTS: usize = 20;

impl PlacedBooking {
    pub(super) fn pay(&self, command: PaymentCommand) -> Result<Vec<BookingEvent>, BookingError> {
        let PaymentCommand { step, at } = command;
        Ok(match step {
            PaymentStep::Start { payment_id } => self.start(payment_id, at)?,
            PaymentStep::RequireAction { payment_id, reference } => {
                self.require_action(payment_id, reference, at)
            }
            PaymentStep::Decline { payment_id, reason } => self.decline(payment_id, reason, at),
            PaymentStep::Authorise { payment_id, reference } => self.authorise(payment_id, reference, at)?,
            PaymentStep::Capture { payment_id } => self.capture(payment_id, at),
            PaymentStep::FailCapture { payment_id, reason } => self.fail_capture(payment_id, reason, at),
            PaymentStep::Void { payment_id, reason } => self.void(payment_id, reason, at),
            PaymentStep::MakeRefund { refund_id } => self.make_refund(refund_id, at)?,
            PaymentStep::FailRefund { refund_id, reason } => self.fail_refund(refund_id, reason, at)?,
            PaymentStep::ResumeRefund { refund_id } => self.resume_refund(refund_id, at)?,
        })
    }

    fn start(&self, payment_id: PaymentId, at: DateTime<Utc>) -> Result<Vec<BookingEvent>, BookingError> {
        if self.payment(payment_id).is_some() {
            return Ok(vec![]);
        }
        if let Some(open) = self.open_payment() {
            return Err(BookingError::PaymentInProgress { payment_id: open.id });
        }
        match self.status_at(at) {
            BookingStatus::Held if self.total.is_free() => Err(BookingError::NotPayable),
            BookingStatus::Held if self.asked_payments() >= MAX_PAYMENTS => {
                Err(BookingError::TooManyPayments { max: MAX_PAYMENTS })
            }
            BookingStatus::Held => {
                Ok(vec![BookingEvent::PaymentStarted { of: self.of(payment_id), amount: self.total, at }])
            }
            BookingStatus::Expired => Err(BookingError::HoldExpired),
            BookingStatus::Confirmed | BookingStatus::Cancelled => Err(BookingError::NotPayable),
        }
    }

    /// Attempts that a bank may have been asked about.
    fn asked_payments(&self) -> usize {
        let was_asked = |payment: &&Payment| {
            payment.reason.as_ref().map(ReasonCode::as_str) != Some(ReasonCode::GATEWAY_UNAVAILABLE)
        };
        self.payments.iter().filter(was_asked).count()
    }

    fn require_action(
        &self,
        payment_id: PaymentId,
        reference: PaymentReference,
        at: DateTime<Utc>,
    ) -> Vec<BookingEvent> {
        match self.state_of(payment_id) {
            Some(PaymentState::Started) => {
                vec![BookingEvent::PaymentActionRequired { of: self.of(payment_id), reference, at }]
            }
            Some(_) | None => vec![],
        }
    }

    fn decline(&self, payment_id: PaymentId, reason: ReasonCode, at: DateTime<Utc>) -> Vec<BookingEvent> {
        match self.state_of(payment_id) {
            Some(PaymentState::Started | PaymentState::ActionRequired) => {
                vec![BookingEvent::PaymentDeclined { of: self.of(payment_id), reason, at }]
            }
            Some(_) | None => vec![],
        }
    }

    fn authorise(
        &self,
        payment_id: PaymentId,
        reference: PaymentReference,
        at: DateTime<Utc>,
    ) -> Result<Vec<BookingEvent>, BookingError> {
        match self.state_of(payment_id) {
            Some(PaymentState::Started | PaymentState::ActionRequired) => match self.status {
                // A hold that has lapsed may still be had: the show knows.
                BookingStatus::Held | BookingStatus::Expired => {
                    Ok(vec![BookingEvent::PaymentAuthorised { of: self.of(payment_id), reference, at }])
                }
                BookingStatus::Confirmed | BookingStatus::Cancelled => Err(BookingError::NotPayable),
            },
            Some(PaymentState::Authorised | PaymentState::Captured) => Ok(vec![]),
            Some(PaymentState::Declined | PaymentState::CaptureFailed | PaymentState::Voided) | None => {
                Err(BookingError::PaymentOver)
            }
        }
    }

    /// The booking is confirmed, if it has the tickets; otherwise all of the money goes back.
    fn capture(&self, payment_id: PaymentId, at: DateTime<Utc>) -> Vec<BookingEvent> {
        let Some(payment) = self.payment(payment_id).filter(|payment| payment.state.is_open()) else {
            return vec![];
        };
        let captured = BookingEvent::PaymentCaptured { of: self.of(payment_id), amount: payment.amount, at };
        if self.status == BookingStatus::Held && payment.state == PaymentState::Authorised {
            let Self { id: booking_id, event_id, user_id, tickets, seats, total, .. } = self.clone();
            let confirmed =
                BookingEvent::BookingConfirmed { booking_id, event_id, user_id, tickets, seats, total, at };
            return vec![captured, confirmed];
        }
        vec![captured, self.refund_of(payment, RefundCause::TooLate, at)]
    }

    /// The show takes the tickets back in the same append.
    fn fail_capture(
        &self,
        payment_id: PaymentId,
        reason: ReasonCode,
        at: DateTime<Utc>,
    ) -> Vec<BookingEvent> {
        match self.state_of(payment_id) {
            Some(PaymentState::Authorised) => {
                vec![BookingEvent::PaymentCaptureFailed { of: self.of(payment_id), reason, at }]
            }
            Some(_) | None => vec![],
        }
    }

    /// What is set aside for tickets that the booking has is not given back.
    fn void(&self, payment_id: PaymentId, reason: ReasonCode, at: DateTime<Utc>) -> Vec<BookingEvent> {
        let has_tickets = self.status == BookingStatus::Held;
        match self.state_of(payment_id) {
            Some(PaymentState::Authorised) if has_tickets => vec![],
            Some(PaymentState::Started | PaymentState::ActionRequired | PaymentState::Authorised) => {
                vec![BookingEvent::PaymentVoided { of: self.of(payment_id), reason, at }]
            }
            Some(_) | None => vec![],
        }
    }

    fn make_refund(&self, id: RefundId, at: DateTime<Utc>) -> Result<Vec<BookingEvent>, BookingError> {
        let refund = self.refund(id).ok_or(BookingError::NoSuchRefund)?;
        Ok(match refund.state {
            // Given up, and yet the gateway made it.
            RefundState::Requested | RefundState::Failed => {
                vec![BookingEvent::RefundMade { of: self.of_refund(refund), amount: refund.amount, at }]
            }
            RefundState::Made => vec![],
        })
    }

    /// Even one that was made may fail: the buyer's bank sends the money back.
    fn fail_refund(
        &self,
        id: RefundId,
        reason: ReasonCode,
        at: DateTime<Utc>,
    ) -> Result<Vec<BookingEvent>, BookingError> {
        let refund = self.refund(id).ok_or(BookingError::NoSuchRefund)?;
        Ok(match refund.state {
            RefundState::Requested | RefundState::Made => {
                vec![BookingEvent::RefundFailed {
                    of: self.of_refund(refund),
                    amount: refund.amount,
                    reason,
                    at,
                }]
            }
            RefundState::Failed => vec![],
        })
    }

    fn resume_refund(&self, id: RefundId, at: DateTime<Utc>) -> Result<Vec<BookingEvent>, BookingError> {
        let refund = self.refund(id).ok_or(BookingError::NoSuchRefund)?;
        Ok(match refund.state {
            RefundState::Failed => vec![BookingEvent::RefundResumed { of: self.of_refund(refund), at }],
            RefundState::Requested | RefundState::Made => vec![],
        })
    }

    /// What of the booking's money goes back when it ends: all that is left.
    pub(super) fn refund_on_end(&self, cause: RefundCause, at: DateTime<Utc>) -> Option<BookingEvent> {
        let captured = self.payments.iter().find(|payment| payment.state == PaymentState::Captured)?;
        (!self.refundable(captured).is_free()).then(|| self.refund_of(captured, cause, at))
    }

    fn refund_of(&self, payment: &Payment, cause: RefundCause, at: DateTime<Utc>) -> BookingEvent {
        let nth = self.refunds.iter().filter(|refund| refund.payment_id == payment.id).count();
        let of = OfRefund { payment: self.of(payment.id), refund_id: RefundId::of(payment.id, nth) };
        BookingEvent::RefundRequested { of, amount: self.refundable(payment), cause, at }
    }

    fn state_of(&self, payment_id: PaymentId) -> Option<PaymentState> {
        self.payment(payment_id).map(|payment| payment.state)
    }

    fn of(&self, payment_id: PaymentId) -> OfPayment {
        OfPayment { booking_id: self.id, event_id: self.event_id, user_id: self.user_id, payment_id }
    }

    fn of_refund(&self, refund: &Refund) -> OfRefund {
        OfRefund { payment: self.of(refund.payment_id), refund_id: refund.id }
    }
}
