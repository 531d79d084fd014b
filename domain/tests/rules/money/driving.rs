//! What drives payments on: what the gateway says, and what follows from it.

use domain::{
    BookingId, PaymentId,
    booking::{Due, PaymentReference, PaymentStep, ReasonCode},
    show::ShowCommand,
};
use proptest::{prelude::*, test_runner::TestCaseError};

use super::{AtGateway, Office};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Driver {
    /// Leaves undecided what the bank has not decided.
    Patient,
    /// Writes nothing down.
    Dying,
    /// Leaves nothing undecided.
    Settling,
}

impl Office {
    /// One step: what the gateway says, and what follows from it.
    pub(super) fn drive(&mut self, booking_id: BookingId, driver: Driver) -> Result<(), TestCaseError> {
        let reason = || ReasonCode::of("test");
        let placed = self.bookings[&booking_id].placed().expect("placed").clone();
        let step = match placed.due() {
            None => return Ok(()),
            Some(Due::Refund(refund)) => {
                self.refunds.insert(refund.id, (refund.payment_id, refund.amount.amount));
                PaymentStep::MakeRefund { refund_id: refund.id }
            }
            Some(Due::Capture(payment)) => {
                let (state, _) = self.gateway.get_mut(&payment.id).expect("opened");
                match *state {
                    AtGateway::Authorised | AtGateway::Captured => {
                        *state = AtGateway::Captured;
                        PaymentStep::Capture { payment_id: payment.id }
                    }
                    AtGateway::Open | AtGateway::WantsMore | AtGateway::Cancelled => {
                        PaymentStep::FailCapture { payment_id: payment.id, reason: reason() }
                    }
                }
            }
            Some(Due::GiveBack(payment)) => self.give_back(payment.id, reason()),
            Some(Due::Decide(payment)) => {
                let amount = payment.amount.amount;
                let (state, _) = self.gateway.entry(payment.id).or_insert((AtGateway::Open, amount));
                let reference = PaymentReference::parse("pi_1").expect("a reference");
                match *state {
                    AtGateway::Open | AtGateway::WantsMore if driver == Driver::Patient => return Ok(()),
                    AtGateway::Open | AtGateway::WantsMore | AtGateway::Cancelled => {
                        *state = AtGateway::Cancelled;
                        PaymentStep::Decline { payment_id: payment.id, reason: reason() }
                    }
                    AtGateway::Authorised | AtGateway::Captured => {
                        let authorised = PaymentStep::Authorise { payment_id: payment.id, reference };
                        if driver != Driver::Dying && self.pay(booking_id, authorised)? {
                            return Ok(());
                        }
                        self.give_back(payment.id, reason())
                    }
                }
            }
        };
        if driver != Driver::Dying {
            self.pay(booking_id, step)?;
        }
        Ok(())
    }

    fn give_back(&mut self, payment_id: PaymentId, reason: ReasonCode) -> PaymentStep {
        let (state, _) = self.gateway.get_mut(&payment_id).expect("opened");
        if *state == AtGateway::Captured {
            return PaymentStep::Capture { payment_id };
        }
        *state = AtGateway::Cancelled;
        PaymentStep::Void { payment_id, reason }
    }

    pub(super) fn settle(&mut self) -> Result<(), TestCaseError> {
        const MOST_STEPS: usize = 8;
        self.order(ShowCommand::ReleaseCancelled { limit: usize::MAX, at: self.now })?;
        for booking_id in self.bookings.keys().copied().collect::<Vec<_>>() {
            for _ in 0..MOST_STEPS {
                self.drive(booking_id, Driver::Settling)?;
            }
            let placed = self.bookings[&booking_id].placed().expect("placed");
            prop_assert_eq!(placed.due(), None, "{:?}", placed);
        }
        Ok(())
    }
}
