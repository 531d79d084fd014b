//! What a booking decides.

use cqrs_es::test::TestFramework;
use domain::{
    Money,
    booking::{Booking, BookingCommand, BookingError, BookingEvent, CancelBooking, PlaceBooking},
};

use crate::{attendee, booking, early, one_ticket, show_id};

fn a_booking() -> TestFramework<Booking> {
    TestFramework::with(())
}

fn confirmed() -> BookingEvent {
    BookingEvent::BookingConfirmed {
        booking_id: booking(1),
        event_id: show_id(),
        user_id: attendee(1),
        tickets: one_ticket(),
        total: Money::FREE,
        at: early(),
    }
}

fn cancelled() -> BookingEvent {
    BookingEvent::BookingCancelled {
        booking_id: booking(1),
        event_id: show_id(),
        user_id: attendee(1),
        at: early(),
    }
}

fn place() -> BookingCommand {
    BookingCommand::Place(PlaceBooking {
        booking_id: booking(1),
        event_id: show_id(),
        user_id: attendee(1),
        tickets: one_ticket(),
        total: Money::FREE,
        at: early(),
    })
}

fn cancel() -> BookingCommand {
    BookingCommand::Cancel(CancelBooking { at: early() })
}

#[test]
fn free_of_charge_is_confirmed_at_once() {
    a_booking().given_no_previous_events().when(place()).then_expect_events(vec![confirmed()]);
}

#[test]
fn placing_twice_does_nothing() {
    a_booking().given(vec![confirmed()]).when(place()).then_expect_events(vec![]);
}

#[test]
fn a_confirmed_booking_can_be_cancelled() {
    a_booking().given(vec![confirmed()]).when(cancel()).then_expect_events(vec![cancelled()]);
}

#[test]
fn cancelling_twice_does_nothing() {
    a_booking().given(vec![confirmed(), cancelled()]).when(cancel()).then_expect_events(vec![]);
}

#[test]
fn what_was_not_placed_cannot_be_cancelled() {
    a_booking().given_no_previous_events().when(cancel()).then_expect_error(BookingError::NotPlaced);
}
