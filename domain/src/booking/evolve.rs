//! What events mean to a booking.

use chrono::{DateTime, Utc};

use super::{
    Booking, BookingEvent, BookingStatus, OfPayment, OfRefund, Payment, PaymentReference, PaymentState,
    PlacedBooking, ReasonCode, Refund, RefundState,
};

impl Booking {
    /// Folds one event in.
    pub fn evolve(&mut self, event: BookingEvent) {
        match event {
            BookingEvent::BookingHeld {
                booking_id: id,
                event_id,
                user_id,
                tickets,
                seats,
                total,
                held_until,
                at: placed_at,
            } => {
                *self = Self::Placed(PlacedBooking {
                    id,
                    event_id,
                    user_id,
                    tickets,
                    seats,
                    total,
                    status: BookingStatus::Held,
                    held_until: Some(held_until),
                    placed_at,
                    payments: vec![],
                    refunds: vec![],
                });
            }
            BookingEvent::BookingConfirmed {
                booking_id: id,
                event_id,
                user_id,
                tickets,
                seats,
                total,
                at,
            } => {
                let before = self.placed();
                *self = Self::Placed(PlacedBooking {
                    id,
                    event_id,
                    user_id,
                    tickets,
                    seats,
                    total,
                    status: BookingStatus::Confirmed,
                    held_until: None,
                    placed_at: before.map_or(at, |booking| booking.placed_at),
                    payments: before.map_or_else(Vec::new, |booking| booking.payments.clone()),
                    refunds: before.map_or_else(Vec::new, |booking| booking.refunds.clone()),
                });
            }
            // Any other comes after one of these.
            event @ (BookingEvent::BookingExtended { .. }
            | BookingEvent::BookingExpired { .. }
            | BookingEvent::BookingCancelled { .. }
            | BookingEvent::PaymentStarted { .. }
            | BookingEvent::PaymentActionRequired { .. }
            | BookingEvent::PaymentDeclined { .. }
            | BookingEvent::PaymentAuthorised { .. }
            | BookingEvent::PaymentCaptured { .. }
            | BookingEvent::PaymentCaptureFailed { .. }
            | BookingEvent::PaymentVoided { .. }
            | BookingEvent::RefundRequested { .. }
            | BookingEvent::RefundMade { .. }
            | BookingEvent::RefundFailed { .. }
            | BookingEvent::RefundResumed { .. }) => {
                if let Self::Placed(booking) = self {
                    booking.evolve(event);
                }
            }
        }
    }
}

impl PlacedBooking {
    fn evolve(&mut self, event: BookingEvent) {
        match event {
            // Cannot be: these two make the booking.
            BookingEvent::BookingHeld { .. } | BookingEvent::BookingConfirmed { .. } => {}
            BookingEvent::BookingExtended { held_until, .. } => self.held_until = Some(held_until),
            BookingEvent::BookingExpired { .. } => self.end(BookingStatus::Expired),
            BookingEvent::BookingCancelled { .. } => self.end(BookingStatus::Cancelled),
            BookingEvent::PaymentStarted { of, amount, at } => self.payments.push(Payment {
                id: of.payment_id,
                amount,
                started_at: at,
                state: PaymentState::Started,
                since: at,
                reference: None,
                reason: None,
            }),
            BookingEvent::PaymentActionRequired { of, reference, at } => {
                self.payment_is(of, PaymentState::ActionRequired, at, None);
                self.referred_to(of, reference);
            }
            BookingEvent::PaymentDeclined { of, reason, at } => {
                self.payment_is(of, PaymentState::Declined, at, Some(reason));
            }
            BookingEvent::PaymentAuthorised { of, reference, at } => {
                self.payment_is(of, PaymentState::Authorised, at, None);
                self.referred_to(of, reference);
                // The tickets are sold, even if the hold had lapsed: nothing lapses any more.
                self.status = BookingStatus::Held;
                self.held_until = None;
            }
            BookingEvent::PaymentCaptured { of, at, .. } => {
                self.payment_is(of, PaymentState::Captured, at, None);
            }
            BookingEvent::PaymentCaptureFailed { of, reason, at } => {
                self.payment_is(of, PaymentState::CaptureFailed, at, Some(reason));
            }
            BookingEvent::PaymentVoided { of, reason, at } => {
                self.payment_is(of, PaymentState::Voided, at, Some(reason));
            }
            BookingEvent::RefundRequested { of, amount, cause, at } => self.refunds.push(Refund {
                id: of.refund_id,
                payment_id: of.payment.payment_id,
                amount,
                cause,
                requested_at: at,
                state: RefundState::Requested,
                since: at,
                reason: None,
                resumed: 0,
            }),
            BookingEvent::RefundMade { of, at, .. } => self.refund_is(of, RefundState::Made, at, None),
            BookingEvent::RefundFailed { of, reason, at, .. } => {
                self.refund_is(of, RefundState::Failed, at, Some(reason));
            }
            BookingEvent::RefundResumed { of, at } => self.refund_is(of, RefundState::Requested, at, None),
        }
    }

    fn end(&mut self, status: BookingStatus) {
        self.status = status;
        self.held_until = None;
    }

    fn payment_is(
        &mut self,
        of: OfPayment,
        state: PaymentState,
        at: DateTime<Utc>,
        reason: Option<ReasonCode>,
    ) {
        if let Some(payment) = self.payments.iter_mut().find(|payment| payment.id == of.payment_id) {
            payment.state = state;
            payment.since = at;
            payment.reason = reason;
        }
    }

    fn referred_to(&mut self, of: OfPayment, reference: PaymentReference) {
        if let Some(payment) = self.payments.iter_mut().find(|payment| payment.id == of.payment_id) {
            payment.reference = Some(reference);
        }
    }

    fn refund_is(&mut self, of: OfRefund, state: RefundState, at: DateTime<Utc>, reason: Option<ReasonCode>) {
        if let Some(refund) = self.refunds.iter_mut().find(|refund| refund.id == of.refund_id) {
            let is_resumed = refund.state == RefundState::Failed && state == RefundState::Requested;
            refund.resumed += u32::from(is_resumed);
            refund.state = state;
            refund.reason = reason;
            refund.since = at;
        }
    }
}
