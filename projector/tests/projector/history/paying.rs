//! What becomes of the money of bookings.

use domain::{
    PaymentId,
    booking::{
        BookingCommand, Due, PaymentCommand, PaymentReference, PaymentStep, PlacedBooking, ReasonCode,
        RefundState,
    },
};
use uuid::Uuid;

use super::History;

impl History {
    /// The next step about a booking's money, if both the booking and the show agree.
    pub(super) fn pay(&mut self, one: u8, other: u8) {
        let Some(place) = usize::from(one).checked_rem(self.bookings.len()) else { return };
        let (_, index, booking) = &self.bookings[place];
        let placed = booking.placed().unwrap();
        let command = PaymentCommand { step: next_step(placed, other), at: self.now };
        let of_show = command.of_show(placed);
        let index = *index;
        let is_refused = booking.decide(BookingCommand::Pay(command.clone())).map_or(true, |e| e.is_empty())
            || of_show.as_ref().is_some_and(|of_show| self.shows[index].1.decide(of_show.clone()).is_err());
        if is_refused {
            return;
        }
        self.tell_booking(place, BookingCommand::Pay(command));
        if let Some(of_show) = of_show {
            self.ask(index, of_show);
        }
    }
}

fn next_step(booking: &PlacedBooking, other: u8) -> PaymentStep {
    let reason = || ReasonCode::of("generic");
    let reference = || PaymentReference::parse("pi_1").unwrap();
    match (booking.due(), other % 4) {
        (Some(Due::Decide(payment)), 0) => {
            PaymentStep::RequireAction { payment_id: payment.id, reference: reference() }
        }
        (Some(Due::Decide(payment)), 1) => PaymentStep::Decline { payment_id: payment.id, reason: reason() },
        (Some(Due::Decide(payment)), _) => {
            PaymentStep::Authorise { payment_id: payment.id, reference: reference() }
        }
        (Some(Due::Capture(payment)), 0) => {
            PaymentStep::FailCapture { payment_id: payment.id, reason: reason() }
        }
        (Some(Due::GiveBack(payment)), 0) => PaymentStep::Void { payment_id: payment.id, reason: reason() },
        (Some(Due::Capture(payment) | Due::GiveBack(payment)), _) => {
            PaymentStep::Capture { payment_id: payment.id }
        }
        (Some(Due::Refund(refund)), 0) => PaymentStep::FailRefund { refund_id: refund.id, reason: reason() },
        (Some(Due::Refund(refund)), _) => PaymentStep::MakeRefund { refund_id: refund.id },
        (None, _) => match booking.refunds.last() {
            Some(refund) if refund.state == RefundState::Failed => {
                PaymentStep::ResumeRefund { refund_id: refund.id }
            }
            // One that was made fails after all.
            Some(refund) => PaymentStep::FailRefund { refund_id: refund.id, reason: reason() },
            None => PaymentStep::Start { payment_id: PaymentId::new(Uuid::now_v7()) },
        },
    }
}
