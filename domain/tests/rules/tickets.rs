//! Who gets tickets, how many, at what price; and giving them back.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    BookingId, Currency, Money, TicketTypeId,
    show::{Schedule, ShowCommand, ShowDetails, ShowError, ShowEvent, Taken, TicketLine, Wanted},
};
use uuid::Uuid;

use crate::{
    attendee, booking, early,
    facts::{
        Balcony, Stalls, Standing, book, book_again, book_at, book_seats, book_tickets, cancelled, concert,
        created, created_with, details, draft, end, eur, folded, given, hall, held, lapsed, meetup, offered,
        release, released, sold, took,
    },
    minute, time,
};

fn on_sale(from: Option<&str>, to: Option<&str>) -> ShowDetails {
    let schedule = details().schedule;
    let schedule =
        Schedule::parse(schedule.start_date_time, schedule.end_date_time, from.map(time), to.map(time));
    ShowDetails { schedule: schedule.expect("a schedule"), ..details() }
}

#[test]
fn a_free_ticket_is_sold_at_once() {
    given(vec![meetup(1)]).when(book(1)).then_expect_events(vec![sold(took(1, &[(Standing, 1)]))]);
}

#[test]
fn a_priced_ticket_is_held_for_a_time() {
    let taken = took(1, &[(Stalls, 1)]);
    let expected = ShowEvent::TicketsHeld { taken, held_until: minute(15), at: early() };
    given(vec![concert(1)]).when(book(1)).then_expect_events(vec![expected]);
}

#[test]
fn one_booking_may_have_several_types() {
    let facts = vec![created(vec![offered(Stalls, 5), offered(Balcony, 5), offered(Standing, 5)])];
    let tickets = [(Balcony, 2), (Stalls, 1), (Standing, 3)];
    given(facts).when(book_tickets(1, 0, &tickets)).then_expect_events(vec![held(took(1, &tickets))]);
    assert_eq!(took(1, &tickets).total(), eur(4_500));
}

#[test]
fn a_total_has_the_currency_of_its_tickets() {
    let francs = Money { amount: 700, currency: Currency::CHF };
    let line = TicketLine { price: francs, ..Stalls.line(3) };
    let taken = Taken { tickets: vec![line], ..took(1, &[]) };
    assert_eq!(taken.total(), Money { amount: 2_100, ..francs });
}

#[test]
fn who_names_no_type_gets_the_only_one() {
    let facts = vec![created(vec![offered(Stalls, 5), offered(Balcony, 5)])];
    given(facts).when(book(1)).then_expect_error(ShowError::TicketTypeNotNamed);
    given(vec![hall()]).when(book(1)).then_expect_error(ShowError::SeatsNotNamed);
}

#[test]
fn there_are_no_tickets_of_a_type_that_is_not_there() {
    let unknown = TicketTypeId::new(Uuid::from_u128(9));
    let wanted = Wanted::Quantities(vec![(Stalls.id(), 1), (unknown, 1)]);
    given(vec![concert(5)]).when(book_at(1, wanted, early())).then_expect_error(ShowError::UnknownTicketType);
}

#[test]
fn there_are_no_seats_without_seating() {
    given(vec![concert(5)]).when(book_seats(1, 0, &[0])).then_expect_error(ShowError::UnknownSeat);
}

#[test]
fn one_booking_has_at_most_so_many_tickets() {
    let facts = vec![created_with(
        ShowDetails { max_tickets_per_booking: 4, ..details() },
        vec![offered(Stalls, 50), offered(Balcony, 50)],
    )];
    let (four, five) = ([(Stalls, 2), (Balcony, 2)], [(Stalls, 2), (Balcony, 3)]);
    given(facts.clone()).when(book_tickets(1, 0, &four)).then_expect_events(vec![held(took(1, &four))]);
    given(facts.clone())
        .when(book_tickets(1, 0, &five))
        .then_expect_error(ShowError::LimitExceeded { max: 4 });
    // More than a 32-bit number holds.
    given(facts)
        .when(book_tickets(1, 0, &[(Stalls, u32::MAX), (Balcony, 5)]))
        .then_expect_error(ShowError::LimitExceeded { max: 4 });
}

#[test]
fn the_last_ticket_goes_once() {
    let facts = vec![concert(1), held(took(1, &[(Stalls, 1)]))];
    given(facts).when(book(2)).then_expect_error(ShowError::SoldOut { available: 0 });
    let facts = vec![meetup(1), sold(took(1, &[(Standing, 1)]))];
    given(facts).when(book(2)).then_expect_error(ShowError::SoldOut { available: 0 });
}

#[test]
fn a_refusal_says_what_is_left() {
    let facts = vec![concert(5), held(took(1, &[(Stalls, 2)]))];
    given(facts.clone())
        .when(book_tickets(2, 0, &[(Stalls, 4)]))
        .then_expect_error(ShowError::SoldOut { available: 3 });
    given(facts)
        .when(book_tickets(2, 0, &[(Stalls, 3)]))
        .then_expect_events(vec![held(took(2, &[(Stalls, 3)]))]);
}

#[test]
fn all_types_or_nothing() {
    let facts = vec![created(vec![offered(Stalls, 5), offered(Balcony, 1)])];
    given(facts)
        .when(book_tickets(1, 0, &[(Stalls, 2), (Balcony, 2)]))
        .then_expect_error(ShowError::SoldOut { available: 1 });
}

#[test]
fn types_do_not_lend_each_other_tickets() {
    let facts = vec![created(vec![offered(Stalls, 2), offered(Balcony, 1)]), held(took(1, &[(Balcony, 1)]))];
    given(facts)
        .when(book_tickets(2, 0, &[(Balcony, 1)]))
        .then_expect_error(ShowError::SoldOut { available: 0 });
}

#[test]
fn an_attendee_has_one_open_booking() {
    let refusal = ShowError::AlreadyBooked { booking_id: booking(1) };
    let facts = vec![meetup(5), sold(took(1, &[(Standing, 1)]))];
    given(facts).when(book_again(1, 2, 0)).then_expect_error(refusal.clone());
    let facts = vec![concert(5), held(took(1, &[(Stalls, 1)]))];
    given(facts).when(book_again(1, 2, 14)).then_expect_error(refusal);
}

#[test]
fn an_attendee_who_gave_back_can_book_again() {
    let taken = took(1, &[(Standing, 1)]);
    let facts = vec![meetup(5), sold(taken.clone()), released(taken.clone())];
    let again = Taken { booking_id: booking(2), ..taken };
    given(facts).when(book_again(1, 2, 0)).then_expect_events(vec![sold(again)]);
}

#[test]
fn repeating_a_booking_does_nothing() {
    let facts = vec![concert(1), held(took(1, &[(Stalls, 1)]))];
    given(facts.clone()).when(book(1)).then_expect_events(vec![]);
    given(facts).when(book_again(1, 1, 60)).then_expect_events(vec![]);
}

#[test]
fn releasing_gives_back_what_was_taken() {
    for taken in [sold, held] {
        let two = took(1, &[(Stalls, 2)]);
        let facts = vec![concert(2), taken(two.clone())];
        given(facts.clone()).when(release(1)).then_expect_events(vec![released(two.clone())]);
        let show = folded([facts, vec![released(two)]].concat());
        let show = show.created().expect("created");
        assert_eq!((show.ticket_types[0].available(), show.has_bookings()), (2, false));
    }
}

#[test]
fn releasing_twice_does_nothing() {
    let taken = took(1, &[(Stalls, 1)]);
    given(vec![concert(1), held(taken.clone()), released(taken.clone())])
        .when(release(1))
        .then_expect_events(vec![]);
    given(vec![concert(1), held(taken.clone()), lapsed(15, taken)])
        .when(release(1))
        .then_expect_events(vec![]);
    given(vec![concert(1)]).when(release(1)).then_expect_events(vec![]);
}

#[test]
fn a_released_ticket_can_be_booked_again() {
    let one = |number| took(number, &[(Standing, 1)]);
    given(vec![meetup(1), sold(one(1)), released(one(1))])
        .when(book(2))
        .then_expect_events(vec![sold(one(2))]);
}

#[test]
fn there_are_no_tickets_of_a_show_that_is_not_there() {
    given(vec![]).when(book(1)).then_expect_error(ShowError::NotCreated);
    given(vec![draft()]).when(book(1)).then_expect_error(ShowError::NotCreated);
}

#[test]
fn nothing_is_sold_before_the_sale() {
    let facts = vec![created_with(on_sale(Some("2027-02-01T00:00:00Z"), None), vec![offered(Standing, 1)])];
    let just_before = book_at(1, Wanted::OneTicket, time("2027-01-31T23:59:59.999999Z"));
    given(facts.clone()).when(just_before).then_expect_error(ShowError::SalesNotOpen);
    let opening = book_at(1, Wanted::OneTicket, time("2027-02-01T00:00:00Z"));
    assert!(given(facts).when(opening).inspect_result().is_ok());
}

#[test]
fn nothing_is_sold_after_the_sale() {
    let facts = vec![created_with(on_sale(None, Some("2027-02-01T00:00:00Z")), vec![offered(Standing, 1)])];
    let just_before = book_at(1, Wanted::OneTicket, time("2027-01-31T23:59:59.999999Z"));
    assert!(given(facts.clone()).when(just_before).inspect_result().is_ok());
    let closing = book_at(1, Wanted::OneTicket, time("2027-02-01T00:00:00Z"));
    given(facts).when(closing).then_expect_error(ShowError::SalesNotOpen);
}

#[test]
fn nothing_is_sold_for_a_show_that_is_over() {
    let at_the_end = book_at(1, Wanted::OneTicket, end());
    given(vec![meetup(1)]).when(at_the_end).then_expect_error(ShowError::Ended);
}

#[test]
fn what_is_sold_and_held_is_counted_by_type() {
    let show = folded(vec![
        created(vec![offered(Stalls, 5), offered(Standing, 7)]),
        held(took(1, &[(Stalls, 2), (Standing, 1)])),
        sold(took(2, &[(Standing, 3)])),
    ]);
    let show = show.created().expect("created");
    let counts = |place: usize| {
        let t = &show.ticket_types[place];
        (t.capacity, t.sold, t.held, t.available())
    };
    assert_eq!((counts(0), counts(1)), ((5, 0, 2, 3), (7, 3, 1, 3)));
    assert_eq!((show.capacity(), show.sold()), (12, 3));
}

#[test]
fn bookings_of_strangers_are_left_alone() {
    let facts = vec![concert(5), held(took(1, &[(Stalls, 1)])), held(took(2, &[(Stalls, 2)]))];
    let unknown = BookingId::new(Uuid::from_u128(9));
    let show = folded(facts);
    let released = show
        .decide(ShowCommand::ReleaseTickets { booking_id: unknown, attendee_id: attendee(1), at: early() })
        .expect("no rule refuses it");
    assert_eq!(released, vec![]);
}

fn release_unused_at(at: DateTime<Utc>) -> ShowCommand {
    ShowCommand::ReleaseUnused { booking_id: booking(1), attendee_id: attendee(1), at }
}

#[test]
fn tickets_that_may_have_been_used_are_not_given_back() {
    let taken = || took(1, &[(Standing, 1)]);
    let facts = || vec![meetup(1), sold(taken())];
    let just_before = end() - TimeDelta::microseconds(1);
    let released_at = |at| ShowEvent::TicketsReleased { taken: taken(), at };
    given(facts()).when(release_unused_at(just_before)).then_expect_events(vec![released_at(just_before)]);
    given(facts()).when(release_unused_at(end())).then_expect_error(ShowError::Ended);
    // The box office itself may, as it does when the money cannot be had.
    let anyway = ShowCommand::ReleaseTickets { booking_id: booking(1), attendee_id: attendee(1), at: end() };
    given(facts()).when(anyway).then_expect_events(vec![released_at(end())]);
}

#[test]
fn what_nobody_can_have_used_is_given_back_when_the_show_is_over() {
    let taken = || took(1, &[(Stalls, 1)]);
    let back = || vec![ShowEvent::TicketsReleased { taken: taken(), at: end() }];
    let only_held = vec![concert(5), held(taken())];
    given(only_held).when(release_unused_at(end())).then_expect_events(back());
    let never_took_place = vec![concert(5), sold(taken()), cancelled()];
    given(never_took_place).when(release_unused_at(end())).then_expect_events(back());
    let given_back = vec![concert(5), sold(taken()), released(taken())];
    given(given_back).when(release_unused_at(end())).then_expect_events(vec![]);
}
