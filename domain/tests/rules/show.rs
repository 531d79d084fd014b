//! What a show decides about its tickets.

use chrono::{DateTime, Utc};
use cqrs_es::test::TestFramework;
use domain::show::{
    BookTickets, CreateShow, ReleaseTickets, Schedule, Show, ShowCommand, ShowDetails, ShowError,
};

use crate::{
    attendee, booking, created, created_with, details, early, host_id, released, show_id, sold, time,
};

fn show() -> TestFramework<Show> {
    TestFramework::with(())
}

fn book(number: u128) -> ShowCommand {
    book_at(number, early())
}

fn book_at(number: u128, at: DateTime<Utc>) -> ShowCommand {
    ShowCommand::BookTickets(BookTickets { booking_id: booking(number), attendee_id: attendee(number), at })
}

fn release(number: u128) -> ShowCommand {
    ShowCommand::ReleaseTickets(ReleaseTickets { booking_id: booking(number), at: early() })
}

fn create_at(at: DateTime<Utc>) -> ShowCommand {
    ShowCommand::Create(CreateShow {
        show_id: show_id(),
        host_id: host_id(),
        details: details(),
        ticket_types: vec![],
        at,
    })
}

fn on_sale(from: Option<&str>, to: Option<&str>) -> ShowDetails {
    let schedule = details().schedule;
    let schedule =
        Schedule::parse(schedule.start_date_time, schedule.end_date_time, from.map(time), to.map(time));
    ShowDetails { schedule: schedule.expect("a schedule"), ..details() }
}

#[test]
fn a_ticket_goes_to_who_asks_while_there_is_one() {
    show().given(vec![created(1)]).when(book(1)).then_expect_events(vec![sold(1)]);
}

#[test]
fn the_last_ticket_goes_once() {
    let refusal = ShowError::SoldOut { available: 0 };
    show().given(vec![created(1), sold(1)]).when(book(2)).then_expect_error(refusal);
}

#[test]
fn a_released_ticket_can_be_booked_again() {
    show().given(vec![created(1), sold(1), released(1)]).when(book(2)).then_expect_events(vec![sold(2)]);
}

#[test]
fn an_attendee_has_one_open_booking() {
    let another = ShowCommand::BookTickets(BookTickets {
        booking_id: booking(2),
        attendee_id: attendee(1),
        at: early(),
    });
    let refusal = ShowError::AlreadyBooked { booking_id: booking(1) };
    show().given(vec![created(5), sold(1)]).when(another).then_expect_error(refusal);
}

#[test]
fn an_attendee_who_cancelled_can_book_again() {
    let again = ShowCommand::BookTickets(BookTickets {
        booking_id: booking(2),
        attendee_id: attendee(1),
        at: early(),
    });
    let events = show().given(vec![created(5), sold(1), released(1)]).when(again).inspect_result();
    assert_eq!(events.map(|events| events.len()), Ok(1));
}

#[test]
fn repeating_a_booking_does_nothing() {
    show().given(vec![created(1), sold(1)]).when(book(1)).then_expect_events(vec![]);
}

#[test]
fn releasing_gives_back_what_was_taken() {
    show().given(vec![created(1), sold(1)]).when(release(1)).then_expect_events(vec![released(1)]);
}

#[test]
fn releasing_twice_does_nothing() {
    let facts = vec![created(1), sold(1), released(1)];
    show().given(facts).when(release(1)).then_expect_events(vec![]);
}

#[test]
fn a_show_cannot_start_in_the_past() {
    let late = time("2027-06-01T18:00:01Z");
    show().given_no_previous_events().when(create_at(late)).then_expect_error(ShowError::StartsInThePast);
}

#[test]
fn a_show_is_created_once() {
    show().given(vec![created(1)]).when(create_at(early())).then_expect_error(ShowError::AlreadyCreated);
}

#[test]
fn there_are_no_tickets_of_a_show_that_is_not_there() {
    show().given_no_previous_events().when(book(1)).then_expect_error(ShowError::NotCreated);
}

#[test]
fn nothing_is_sold_before_the_sale() {
    let facts = vec![created_with(on_sale(Some("2027-02-01T00:00:00Z"), None), 1)];
    let just_before = time("2027-01-31T23:59:59Z");
    show().given(facts.clone()).when(book_at(1, just_before)).then_expect_error(ShowError::SalesNotOpen);
    let opening = show().given(facts).when(book_at(1, time("2027-02-01T00:00:00Z"))).inspect_result();
    assert!(opening.is_ok());
}

#[test]
fn nothing_is_sold_after_the_sale() {
    let facts = vec![created_with(on_sale(None, Some("2027-02-01T00:00:00Z")), 1)];
    let closing = time("2027-02-01T00:00:00Z");
    show().given(facts).when(book_at(1, closing)).then_expect_error(ShowError::SalesNotOpen);
}

#[test]
fn nothing_is_sold_for_a_show_that_is_over() {
    let end = time("2027-06-01T21:00:00Z");
    show().given(vec![created(1)]).when(book_at(1, end)).then_expect_error(ShowError::Ended);
}
