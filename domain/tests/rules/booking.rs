//! What a booking decides. It follows its show.

use chrono::{DateTime, Utc};
use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use domain::{
    booking::{
        Booking, BookingCommand, BookingError, BookingEvent, BookingStatus, PlaceBooking, RefundCause,
    },
    show::Taken,
};

use crate::{
    attendee, booking, early,
    facts::{Stalls, Standing, eur, took, took_seats},
    minute, show_id,
};

pub(crate) fn given(facts: Vec<BookingEvent>) -> AggregateTestExecutor<Booking> {
    TestFramework::with(()).given(facts)
}

pub(crate) fn folded(facts: Vec<BookingEvent>) -> Booking {
    let mut booking = Booking::default();
    facts.into_iter().for_each(|fact| booking.evolve(fact));
    booking
}

fn confirmed() -> BookingEvent {
    let Taken { booking_id, attendee_id: user_id, tickets, seats } = took(1, &[(Standing, 2)]);
    let (event_id, total, at) = (show_id(), eur(0), early());
    BookingEvent::BookingConfirmed { booking_id, event_id, user_id, tickets, seats, total, at }
}

pub(crate) fn held() -> BookingEvent {
    let Taken { booking_id, attendee_id: user_id, tickets, seats } = took_seats(1, &[0, 4]);
    let (event_id, total, held_until, at) = (show_id(), eur(3_500), minute(15), early());
    BookingEvent::BookingHeld { booking_id, event_id, user_id, tickets, seats, total, held_until, at }
}

fn extended(until: i64) -> BookingEvent {
    let (booking_id, event_id, user_id) = (booking(1), show_id(), attendee(1));
    BookingEvent::BookingExtended { booking_id, event_id, user_id, held_until: minute(until), at: early() }
}

pub(crate) fn expired() -> BookingEvent {
    let (booking_id, event_id, user_id) = (booking(1), show_id(), attendee(1));
    BookingEvent::BookingExpired { booking_id, event_id, user_id, at: early() }
}

pub(crate) fn cancelled() -> BookingEvent {
    let (booking_id, event_id, user_id) = (booking(1), show_id(), attendee(1));
    BookingEvent::BookingCancelled { booking_id, event_id, user_id, at: early() }
}

fn place(taken: Taken, held_until: Option<DateTime<Utc>>) -> BookingCommand {
    BookingCommand::Place(PlaceBooking { event_id: show_id(), taken, held_until, at: early() })
}

fn extend(until: i64) -> BookingCommand {
    BookingCommand::Extend { held_until: minute(until), at: early() }
}

fn expire() -> BookingCommand {
    BookingCommand::Expire { at: early() }
}

pub(crate) fn cancel() -> BookingCommand {
    BookingCommand::Cancel { cause: RefundCause::BookingCancelled, at: early() }
}

#[test]
fn free_of_charge_is_confirmed_at_once() {
    given(vec![]).when(place(took(1, &[(Standing, 2)]), None)).then_expect_events(vec![confirmed()]);
}

#[test]
fn what_costs_something_is_held_with_its_total() {
    given(vec![]).when(place(took_seats(1, &[0, 4]), Some(minute(15)))).then_expect_events(vec![held()]);
}

#[test]
fn placing_twice_does_nothing() {
    given(vec![confirmed()]).when(place(took(1, &[(Standing, 2)]), None)).then_expect_events(vec![]);
    given(vec![held()]).when(place(took(1, &[(Stalls, 1)]), Some(minute(15)))).then_expect_events(vec![]);
}

#[test]
fn a_hold_is_extended_once_and_never_shortened() {
    given(vec![held()]).when(extend(20)).then_expect_events(vec![extended(20)]);
    given(vec![held(), extended(20)]).when(extend(20)).then_expect_events(vec![]);
    given(vec![held(), extended(20)]).when(extend(19)).then_expect_events(vec![]);
}

#[test]
fn only_what_is_held_is_extended() {
    for fact in [confirmed(), expired(), cancelled()] {
        given(vec![held(), fact]).when(extend(20)).then_expect_events(vec![]);
    }
}

#[test]
fn a_hold_expires_once() {
    given(vec![held()]).when(expire()).then_expect_events(vec![expired()]);
    given(vec![held(), expired()]).when(expire()).then_expect_events(vec![]);
}

#[test]
fn only_what_is_held_expires() {
    for fact in [confirmed(), cancelled()] {
        given(vec![held(), fact]).when(expire()).then_expect_events(vec![]);
    }
}

#[test]
fn what_is_held_or_confirmed_can_be_cancelled() {
    given(vec![held()]).when(cancel()).then_expect_events(vec![cancelled()]);
    given(vec![confirmed()]).when(cancel()).then_expect_events(vec![cancelled()]);
}

#[test]
fn cancelling_twice_does_nothing() {
    given(vec![confirmed(), cancelled()]).when(cancel()).then_expect_events(vec![]);
    given(vec![held(), expired()]).when(cancel()).then_expect_events(vec![]);
}

#[test]
fn nothing_happens_to_what_was_not_placed() {
    for command in [extend(20), expire(), cancel()] {
        given(vec![]).when(command).then_expect_error(BookingError::NotPlaced);
    }
}

#[test]
fn a_hold_that_has_lapsed_is_expired_whether_or_not_anything_has_noticed() {
    let status = |facts, minutes| {
        let booking = folded(facts);
        booking.placed().expect("placed").status_at(minute(minutes))
    };
    assert_eq!(status(vec![held()], 14), BookingStatus::Held);
    assert_eq!(status(vec![held()], 15), BookingStatus::Expired);
    assert_eq!(status(vec![held(), extended(20)], 19), BookingStatus::Held);
    assert_eq!(status(vec![held(), extended(20)], 20), BookingStatus::Expired);
    assert_eq!(status(vec![held(), expired()], 1), BookingStatus::Expired);
    assert_eq!(status(vec![held(), cancelled()], 60), BookingStatus::Cancelled);
    assert_eq!(status(vec![confirmed()], 60), BookingStatus::Confirmed);
}

#[test]
fn a_booking_keeps_what_was_taken_whatever_becomes_of_it() {
    for fact in [extended(20), expired(), cancelled()] {
        let state = folded(vec![held(), fact]);
        let placed = state.placed().expect("placed");
        let taken = took_seats(1, &[0, 4]);
        assert_eq!(
            (&placed.tickets, &placed.seats, placed.total),
            (&taken.tickets, &taken.seats, eur(3_500))
        );
        assert_eq!((placed.id, placed.user_id, placed.event_id), (booking(1), attendee(1), show_id()));
    }
}

#[test]
fn a_snapshot_is_the_state() {
    for facts in [vec![], vec![held(), extended(20)], vec![confirmed(), cancelled()]] {
        let state = folded(facts);
        let json = serde_json::to_value(&state).expect("serializes");
        assert_eq!(serde_json::from_value::<Booking>(json).expect("deserializes"), state);
    }
}
