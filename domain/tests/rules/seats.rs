//! Numbered seats: who gets which.

use domain::{
    SeatId, ShowId,
    show::{SeatingPlan, ShowCommand, ShowError, TakeTickets, Taken, Wanted},
};
use uuid::Uuid;

use crate::{
    attendee, booking, early,
    facts::{
        Balcony, Stalls, book_at, book_seats, book_tickets, folded, given, hall, held, held_from, lapsed,
        release, released, seated, section, sold, took_seats,
    },
    minute, seat, show_id,
};

#[test]
fn seats_go_to_who_names_them() {
    given(vec![hall()])
        .when(book_seats(1, 0, &[2, 0]))
        .then_expect_events(vec![held(took_seats(1, &[2, 0]))]);
}

#[test]
fn seats_of_several_types_cost_what_each_costs() {
    let taken = took_seats(1, &[3, 4, 5]);
    assert_eq!(taken.tickets, vec![Stalls.line(1), Balcony.line(2)]);
    given(vec![hall()]).when(book_seats(1, 0, &[3, 4, 5])).then_expect_events(vec![held(taken)]);
}

#[test]
fn a_refusal_names_the_taken_seats_and_nothing_is_taken() {
    let facts = vec![hall(), held(took_seats(1, &[0, 1])), sold(took_seats(2, &[4]))];
    given(facts)
        .when(book_seats(3, 0, &[4, 2, 1]))
        .then_expect_error(ShowError::SeatTaken { seats: vec![seat(4), seat(1)] });
}

#[test]
fn there_is_no_seat_beyond_the_last() {
    given(vec![hall()]).when(book_seats(1, 0, &[5, 6])).then_expect_error(ShowError::UnknownSeat);
    given(vec![hall()]).when(book_seats(1, 0, &[u32::MAX - 1])).then_expect_error(ShowError::UnknownSeat);
}

#[test]
fn a_seat_of_another_show_is_unknown() {
    let other = ShowId::new(Uuid::from_u128(7 << 64));
    for foreign in [SeatId::of(other, 0), SeatId::new(show_id().uuid()), SeatId::new(Uuid::nil())] {
        given(vec![hall()])
            .when(book_at(1, Wanted::Seats(vec![seat(0), foreign]), early()))
            .then_expect_error(ShowError::UnknownSeat);
    }
}

#[test]
fn who_wants_a_number_of_seats_must_say_which() {
    given(vec![hall()]).when(book_tickets(1, 0, &[(Stalls, 1)])).then_expect_error(ShowError::SeatsNotNamed);
}

#[test]
fn seats_count_towards_the_limit() {
    let facts = [section("Stalls", Stalls, &[("A", 6), ("B", 6)])];
    let (types, blocks) = SeatingPlan(facts.into()).first_offer();
    let ten: Vec<u32> = (0..10).collect();
    let eleven: Vec<u32> = (0..11).collect();
    let facts = vec![seated(types, blocks)];
    assert!(given(facts.clone()).when(book_seats(1, 0, &ten)).inspect_result().is_ok());
    given(facts).when(book_seats(1, 0, &eleven)).then_expect_error(ShowError::LimitExceeded { max: 10 });
}

#[test]
fn an_expired_hold_on_a_seat_blocks_nobody() {
    given(vec![hall(), held(took_seats(1, &[0, 1]))])
        .when(book_seats(2, 15, &[1]))
        .then_expect_events(vec![lapsed(15, took_seats(1, &[0, 1])), held_from(15, took_seats(2, &[1]))]);
}

#[test]
fn a_hold_on_a_seat_blocks_others_until_it_ends() {
    given(vec![hall(), held(took_seats(1, &[1]))])
        .when(book_seats(2, 14, &[1]))
        .then_expect_error(ShowError::SeatTaken { seats: vec![seat(1)] });
}

#[test]
fn lapsed_holds_on_other_seats_stay() {
    let facts = vec![
        hall(),
        held(took_seats(1, &[0])),
        held(took_seats(2, &[1])),
        held(took_seats(3, &[2, 4])),
        held(took_seats(4, &[3])),
    ];
    given(facts).when(book_seats(5, 15, &[2, 1])).then_expect_events(vec![
        lapsed(15, took_seats(2, &[1])),
        lapsed(15, took_seats(3, &[2, 4])),
        held_from(15, took_seats(5, &[2, 1])),
    ]);
}

#[test]
fn one_seat_that_is_taken_saves_the_lapsed_holds_on_the_others() {
    let facts = vec![hall(), held(took_seats(1, &[0])), sold(took_seats(2, &[1]))];
    given(facts)
        .when(book_seats(3, 15, &[0, 1]))
        .then_expect_error(ShowError::SeatTaken { seats: vec![seat(1)] });
}

#[test]
fn an_own_lapsed_hold_does_not_stop_booking_the_same_seat_again() {
    let again = Taken { booking_id: booking(2), ..took_seats(1, &[0]) };
    let command = ShowCommand::TakeTickets(TakeTickets {
        booking_id: booking(2),
        attendee_id: attendee(1),
        wanted: Wanted::Seats(vec![seat(0)]),
        at: minute(15),
    });
    given(vec![hall(), held(took_seats(1, &[0]))])
        .when(command)
        .then_expect_events(vec![lapsed(15, took_seats(1, &[0])), held_from(15, again)]);
}

#[test]
fn a_seat_that_was_given_back_can_be_taken() {
    let facts = vec![hall(), sold(took_seats(1, &[0, 4]))];
    given(facts.clone()).when(release(1)).then_expect_events(vec![released(took_seats(1, &[0, 4]))]);
    let facts = [facts, vec![released(took_seats(1, &[0, 4]))]].concat();
    given(facts).when(book_seats(2, 0, &[4])).then_expect_events(vec![held(took_seats(2, &[4]))]);
}

#[test]
fn a_show_knows_whose_a_seat_is() {
    let show = folded(vec![hall(), held(took_seats(1, &[0])), sold(took_seats(2, &[5]))]);
    let show = show.created().expect("created");
    let owners = [0, 1, 5, 6].map(|index| show.owner_of(seat(index)));
    assert_eq!(owners, [Some(booking(1)), None, Some(booking(2)), None]);
    assert_eq!(show.owner_of(SeatId::of(ShowId::new(Uuid::from_u128(7 << 64)), 0)), None);
}
