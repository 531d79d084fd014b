//! Tickets that are set aside for a time, and what happens when it is over.

use chrono::TimeDelta;
use domain::show::{ShowCommand, ShowDetails, ShowError, ShowEvent, Taken, Wanted};

use crate::{
    attendee, booking, early,
    facts::{
        Balcony, Stalls, Standing, book_again, book_at, book_tickets, changed, concert, created,
        created_with, details, folded, given, held, held_from, lapsed, offered, release, released, sold,
        took,
    },
    minute,
};

fn extend(number: u128, minutes: i64) -> ShowCommand {
    ShowCommand::ExtendHold {
        booking_id: booking(number),
        attendee_id: attendee(number),
        at: minute(minutes),
    }
}

fn extended(number: u128, minutes: i64, until: i64) -> ShowEvent {
    ShowEvent::HoldExtended { booking_id: booking(number), held_until: minute(until), at: minute(minutes) }
}

fn expire(limit: usize, minutes: i64) -> ShowCommand {
    ShowCommand::ExpireHolds { limit, at: minute(minutes) }
}

fn one(number: u128) -> Taken {
    took(number, &[(Stalls, 1)])
}

#[test]
fn the_host_says_how_long_a_hold_lasts() {
    let brief = ShowDetails { hold_seconds: 60, ..details() };
    let expected = ShowEvent::TicketsHeld { taken: one(1), held_until: minute(1), at: early() };
    given(vec![created_with(brief, vec![offered(Stalls, 1)])])
        .when(book_tickets(1, 0, &[(Stalls, 1)]))
        .then_expect_events(vec![expected]);
}

#[test]
fn an_expired_hold_blocks_nobody() {
    given(vec![concert(1), held(one(1))])
        .when(book_tickets(2, 15, &[(Stalls, 1)]))
        .then_expect_events(vec![lapsed(15, one(1)), held_from(15, one(2))]);
}

#[test]
fn a_hold_blocks_others_to_its_last_moment() {
    let facts = vec![concert(1), held(one(1))];
    let just_before = minute(15) - TimeDelta::microseconds(1);
    let wanted = Wanted::OneTicket;
    given(facts).when(book_at(2, wanted, just_before)).then_expect_error(ShowError::SoldOut { available: 0 });
}

#[test]
fn only_as_many_lapsed_holds_are_expired_as_are_needed() {
    let facts = vec![concert(4), held(one(1)), held_from(1, one(2)), held_from(2, one(3))];
    // One ticket is free anyway.
    given(facts.clone())
        .when(book_tickets(4, 60, &[(Stalls, 1)]))
        .then_expect_events(vec![held_from(60, one(4))]);
    // The oldest goes first.
    given(facts.clone())
        .when(book_tickets(4, 60, &[(Stalls, 2)]))
        .then_expect_events(vec![lapsed(60, one(1)), held_from(60, took(4, &[(Stalls, 2)]))]);
    given(facts).when(book_tickets(4, 60, &[(Stalls, 3)])).then_expect_events(vec![
        lapsed(60, one(1)),
        lapsed(60, one(2)),
        held_from(60, took(4, &[(Stalls, 3)])),
    ]);
}

#[test]
fn lapsed_holds_of_other_types_stay() {
    let facts = vec![
        created(vec![offered(Stalls, 1), offered(Balcony, 1)]),
        held(took(1, &[(Balcony, 1)])),
        held_from(1, one(2)),
    ];
    given(facts)
        .when(book_tickets(3, 60, &[(Stalls, 1)]))
        .then_expect_events(vec![lapsed(60, one(2)), held_from(60, one(3))]);
}

#[test]
fn a_lapsed_hold_helps_all_types_that_it_has() {
    let both = [(Stalls, 1), (Balcony, 1)];
    let facts = vec![created(vec![offered(Stalls, 1), offered(Balcony, 1)]), held(took(1, &both))];
    given(facts)
        .when(book_tickets(2, 60, &both))
        .then_expect_events(vec![lapsed(60, took(1, &both)), held_from(60, took(2, &both))]);
}

#[test]
fn what_is_left_counts_lapsed_holds_as_free() {
    let facts = vec![concert(5), held(took(1, &[(Stalls, 2)])), held_from(10, one(2))];
    given(facts)
        .when(book_tickets(3, 20, &[(Stalls, 5)]))
        .then_expect_error(ShowError::SoldOut { available: 4 });
}

#[test]
fn an_own_lapsed_hold_does_not_stop_booking_again() {
    let again = Taken { booking_id: booking(2), ..one(1) };
    given(vec![concert(1), held(one(1))])
        .when(book_again(1, 2, 15))
        .then_expect_events(vec![lapsed(15, one(1)), held_from(15, again.clone())]);
    // Even where there are enough tickets, it goes: an attendee has one open booking.
    given(vec![concert(9), held(one(1))])
        .when(book_again(1, 2, 15))
        .then_expect_events(vec![lapsed(15, one(1)), held_from(15, again)]);
}

#[test]
fn sold_tickets_never_lapse() {
    let facts = vec![concert(1), sold(one(1))];
    given(facts.clone())
        .when(book_tickets(2, 10_000, &[(Stalls, 1)]))
        .then_expect_error(ShowError::SoldOut { available: 0 });
    given(facts).when(expire(9, 10_000)).then_expect_events(vec![]);
}

#[test]
fn extending_starts_the_time_anew() {
    given(vec![concert(1), held(one(1))]).when(extend(1, 10)).then_expect_events(vec![extended(1, 10, 25)]);
}

#[test]
fn extending_twice_at_once_does_nothing() {
    let facts = vec![concert(1), held(one(1))];
    given(facts.clone()).when(extend(1, 0)).then_expect_events(vec![]);
    let facts = [facts, vec![extended(1, 10, 25)]].concat();
    given(facts).when(extend(1, 10)).then_expect_events(vec![]);
}

#[test]
fn an_extension_never_shortens_a_hold() {
    let brief = ShowDetails { hold_seconds: 60, ..details() };
    let facts = vec![concert(1), held(one(1)), changed(brief, vec![offered(Stalls, 1)], vec![])];
    given(facts).when(extend(1, 10)).then_expect_events(vec![]);
}

#[test]
fn a_hold_lasts_two_hours_at_most() {
    let long = ShowDetails { hold_seconds: 3_600, ..details() };
    let created = created_with(long, vec![offered(Stalls, 1)]);
    let held = ShowEvent::TicketsHeld { taken: one(1), held_until: minute(60), at: early() };
    let facts = vec![created, held, extended(1, 50, 110)];
    given(facts.clone()).when(extend(1, 100)).then_expect_events(vec![extended(1, 100, 120)]);
    let facts = [facts, vec![extended(1, 100, 120)]].concat();
    given(facts.clone()).when(extend(1, 119)).then_expect_events(vec![]);
    given(facts).when(extend(1, 120)).then_expect_error(ShowError::HoldExpired);
}

#[test]
fn an_extended_hold_blocks_others_until_its_new_end() {
    let facts = vec![concert(1), held(one(1)), extended(1, 10, 25)];
    given(facts.clone())
        .when(book_tickets(2, 24, &[(Stalls, 1)]))
        .then_expect_error(ShowError::SoldOut { available: 0 });
    given(facts)
        .when(book_tickets(2, 25, &[(Stalls, 1)]))
        .then_expect_events(vec![lapsed(25, one(1)), held_from(25, one(2))]);
}

#[test]
fn a_lapsed_hold_cannot_be_extended() {
    let facts = vec![concert(1), held(one(1))];
    given(facts.clone()).when(extend(1, 15)).then_expect_error(ShowError::HoldExpired);
    let facts = [facts, vec![lapsed(15, one(1))]].concat();
    given(facts).when(extend(1, 15)).then_expect_error(ShowError::HoldExpired);
}

#[test]
fn what_was_given_back_cannot_be_extended() {
    let facts = vec![concert(1), held(one(1)), released(one(1))];
    given(facts).when(extend(1, 1)).then_expect_error(ShowError::HoldExpired);
}

#[test]
fn what_is_held_of_a_cancelled_show_cannot_be_extended() {
    let facts = vec![concert(1), held(one(1)), ShowEvent::EventCancelled { at: minute(1) }];
    given(facts).when(extend(1, 2)).then_expect_error(ShowError::Cancelled);
}

#[test]
fn what_is_sold_cannot_be_extended() {
    let facts = vec![concert(1), sold(one(1))];
    given(facts).when(extend(1, 1)).then_expect_error(ShowError::NotHeld);
}

#[test]
fn expiring_makes_lapsed_holds_visible_oldest_first() {
    let facts =
        vec![concert(9), held_from(2, one(1)), held(one(2)), held_from(1, one(3)), held_from(9, one(4))];
    given(facts.clone()).when(expire(9, 17)).then_expect_events(vec![
        lapsed(17, one(2)),
        lapsed(17, one(3)),
        lapsed(17, one(1)),
    ]);
    given(facts).when(expire(2, 17)).then_expect_events(vec![lapsed(17, one(2)), lapsed(17, one(3))]);
}

#[test]
fn expiring_twice_does_nothing() {
    let facts = vec![concert(9), held(one(1)), lapsed(15, one(1))];
    given(facts).when(expire(9, 15)).then_expect_events(vec![]);
}

#[test]
fn a_hold_that_was_extended_expires_once_at_its_new_end() {
    let facts = vec![concert(9), held(one(1)), extended(1, 10, 25)];
    given(facts.clone()).when(expire(9, 24)).then_expect_events(vec![]);
    given(facts).when(expire(9, 25)).then_expect_events(vec![lapsed(25, one(1))]);
}

#[test]
fn a_lapsed_hold_counts_as_held_for_nobody() {
    let show = folded(vec![
        created(vec![offered(Stalls, 5), offered(Standing, 5)]),
        held(took(1, &[(Stalls, 2), (Standing, 1)])),
        held_from(5, one(2)),
    ]);
    let show = show.created().expect("created");
    let held_at =
        |minutes| [0, 1].map(|place: usize| show.held_at(&show.ticket_types[place], minute(minutes)));
    assert_eq!((held_at(14), held_at(15), held_at(20)), ([3, 1], [1, 0], [0, 0]));
    assert_eq!(show.next_lapse(), Some(minute(15)));
}

#[test]
fn a_lapsed_hold_that_nobody_noticed_can_still_be_given_back() {
    let late =
        ShowCommand::ReleaseTickets { booking_id: booking(1), attendee_id: attendee(1), at: minute(60) };
    let expected = ShowEvent::TicketsReleased { taken: one(1), at: minute(60) };
    given(vec![concert(1), held(one(1))]).when(late).then_expect_events(vec![expected]);
    given(vec![concert(1), held(one(1)), lapsed(60, one(1))]).when(release(1)).then_expect_events(vec![]);
}
