//! What must hold of money and tickets.

use domain::{
    PaymentId,
    booking::{Booking, BookingStatus, PaymentState},
};
use proptest::{prelude::*, test_runner::TestCaseError};

use super::{AtGateway, Office};

impl Office {
    /// Money that the gateway has taken of a booking and not given back.
    fn kept(&self, booking: &Booking) -> i64 {
        let payments = &booking.placed().expect("placed").payments;
        let of = |id: &PaymentId| match self.gateway.get(id) {
            Some((AtGateway::Captured, amount)) => {
                let back: i64 = self.refunds.values().filter(|(of, _)| of == id).map(|(_, back)| back).sum();
                amount - back
            }
            Some(_) | None => 0,
        };
        payments.iter().map(|payment| of(&payment.id)).sum()
    }

    pub(super) fn nobody_is_confirmed_unpaid(&self) -> Result<(), TestCaseError> {
        for booking in self.bookings.values() {
            let placed = booking.placed().expect("placed");
            if placed.status == BookingStatus::Confirmed {
                prop_assert_eq!(self.kept(booking), placed.total.amount, "{:?}", placed);
            }
        }
        Ok(())
    }

    pub(super) fn money_and_tickets_agree(&self) -> Result<(), TestCaseError> {
        let mut sold = 0;
        for booking in self.bookings.values() {
            let placed = booking.placed().expect("placed");
            let has_tickets = placed.status == BookingStatus::Confirmed;
            prop_assert!(!has_tickets || !self.cancelled.contains(&placed.id), "{:?}", placed);
            sold += u32::from(has_tickets);
            let expected = if has_tickets { placed.total.amount } else { 0 };
            prop_assert_eq!(self.kept(booking), expected, "{:?}", placed);
            for payment in &placed.payments {
                let at_gateway = self.gateway.get(&payment.id).map(|(state, _)| *state);
                let is_set_aside = matches!(at_gateway, Some(AtGateway::Authorised));
                prop_assert!(!is_set_aside, "money stays set aside for nothing: {:?}", payment);
                let is_captured = at_gateway == Some(AtGateway::Captured);
                prop_assert_eq!(payment.state == PaymentState::Captured, is_captured, "{:?}", payment);
            }
        }
        let show = self.show.created().expect("created");
        prop_assert_eq!(show.sold(), sold, "what the show has sold is what is confirmed");
        Ok(())
    }
}
