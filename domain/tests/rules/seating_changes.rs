//! Seats come and go while people hold them. A seat keeps its index, and with it its id; none is given twice.

use domain::show::{
    ChangeShow, MAX_HALL_BYTES, MAX_SEATS, MAX_SEATS_EVER, OfferedTicketType, SeatBlock, SeatingPlan, Show,
    ShowCommand, ShowError, ShowEvent, Taken, TicketLine, TicketTypeChange, hall_bytes,
};

use crate::{
    facts::{
        Balcony, Stalls, Standing, block, book_seats, change, changed, changed_at, changing, concert,
        details, eur, folded, given, hall, hall_plan, held, kept, lapsed, offered, released, seated, section,
        sold, took_seats,
    },
    minute, seat,
};

fn reseat(plan: SeatingPlan) -> ShowCommand {
    changing(ChangeShow { seating: Some(plan), ..change() })
}

fn reseated(ticket_types: Vec<OfferedTicketType>, seating: Vec<SeatBlock>) -> ShowEvent {
    changed(details(), ticket_types, seating)
}

fn stalls_a(first_number: u32, seats: u32, first_index: u32) -> SeatBlock {
    block("Stalls", "A", Stalls, first_number, seats, first_index)
}

fn balcony_a() -> SeatBlock {
    block("Balcony", "A", Balcony, 1, 2, 4)
}

/// The stalls have six seats: 5 and 6 have the indexes 6 and 7.
fn grown() -> ShowEvent {
    reseated(
        vec![offered(Stalls, 6), offered(Balcony, 2)],
        vec![stalls_a(1, 4, 0), balcony_a(), stalls_a(5, 2, 6)],
    )
}

/// The stalls have two seats.
fn shrunk() -> ShowEvent {
    reseated(vec![offered(Stalls, 2), offered(Balcony, 2)], vec![stalls_a(1, 2, 0), balcony_a()])
}

#[test]
fn seats_are_counted_through_in_the_order_of_the_plan() {
    let plan = SeatingPlan(vec![
        section("Stalls", Stalls, &[("A", 4), ("B", 3)]),
        section("Balcony", Balcony, &[("A", 2)]),
        section("Boxes", Stalls, &[("1", 1)]),
    ]);
    assert_eq!(plan.seats(), 10);
    let (types, blocks) = plan.first_offer();
    assert_eq!(types, vec![offered(Stalls, 8), offered(Balcony, 2)]);
    let expected = vec![
        stalls_a(1, 4, 0),
        block("Stalls", "B", Stalls, 1, 3, 4),
        block("Balcony", "A", Balcony, 1, 2, 7),
        block("Boxes", "1", Stalls, 1, 1, 9),
    ];
    assert_eq!(blocks, expected);
}

#[test]
fn new_seats_of_a_row_get_new_indexes() {
    given(vec![hall(), held(took_seats(1, &[0, 3]))])
        .when(reseat(hall_plan(6, 2)))
        .then_expect_events(vec![grown()]);
}

#[test]
fn new_seats_can_be_taken_and_the_old_ones_stay_taken() {
    let facts = vec![hall(), held(took_seats(1, &[0, 3])), grown()];
    let taken = Taken { seats: vec![seat(6), seat(7)], ..took_seats(2, &[0, 1]) };
    given(facts.clone()).when(book_seats(2, 0, &[6, 7])).then_expect_events(vec![held(taken)]);
    given(facts)
        .when(book_seats(2, 0, &[3, 6]))
        .then_expect_error(ShowError::SeatTaken { seats: vec![seat(3)] });
}

#[test]
fn a_row_loses_its_last_seats() {
    given(vec![hall(), held(took_seats(1, &[0, 1]))])
        .when(reseat(hall_plan(2, 2)))
        .then_expect_events(vec![shrunk()]);
    given(vec![hall(), shrunk()]).when(book_seats(1, 0, &[2])).then_expect_error(ShowError::UnknownSeat);
    given(vec![hall(), shrunk()])
        .when(book_seats(1, 0, &[4]))
        .then_expect_events(vec![held(took_seats(1, &[4]))]);
}

#[test]
fn an_index_is_never_given_again() {
    // Seats 3 and 4 are back, but they are other seats than before.
    let regrown = vec![stalls_a(1, 2, 0), balcony_a(), stalls_a(3, 2, 6)];
    given(vec![hall(), shrunk()])
        .when(reseat(hall_plan(4, 2)))
        .then_expect_events(vec![reseated(vec![offered(Stalls, 4), offered(Balcony, 2)], regrown)]);
    // Even those at the very end.
    let (types, blocks) = (vec![offered(Stalls, 4)], vec![stalls_a(1, 4, 0)]);
    let facts = vec![hall(), reseated(types, blocks)];
    let again = block("Balcony", "A", Balcony, 1, 2, 6);
    given(facts.clone()).when(reseat(hall_plan(4, 2))).then_expect_events(vec![reseated(
        vec![offered(Stalls, 4), offered(Balcony, 2)],
        vec![stalls_a(1, 4, 0), again],
    )]);
    // And in a state that came out of a snapshot.
    let json = serde_json::to_string(&folded(facts)).expect("serializes");
    let show: Show = serde_json::from_str(&json).expect("deserializes");
    let events = show.decide(reseat(hall_plan(4, 2))).expect("no rule refuses it");
    let ShowEvent::EventChanged { seating, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(seating[1].first_index, 6);
}

#[test]
fn a_row_in_several_blocks_shrinks_from_its_end() {
    let facts = vec![hall(), grown()];
    given(facts.clone()).when(reseat(hall_plan(5, 2))).then_expect_events(vec![reseated(
        vec![offered(Stalls, 5), offered(Balcony, 2)],
        vec![stalls_a(1, 4, 0), balcony_a(), stalls_a(5, 1, 6)],
    )]);
    given(facts.clone()).when(reseat(hall_plan(3, 2))).then_expect_events(vec![reseated(
        vec![offered(Stalls, 3), offered(Balcony, 2)],
        vec![stalls_a(1, 3, 0), balcony_a()],
    )]);
    given(facts.clone()).when(reseat(hall_plan(6, 2))).then_expect_events(vec![]);
    given(facts).when(reseat(hall_plan(7, 2))).then_expect_events(vec![reseated(
        vec![offered(Stalls, 7), offered(Balcony, 2)],
        vec![stalls_a(1, 4, 0), balcony_a(), stalls_a(5, 2, 6), stalls_a(7, 1, 8)],
    )]);
}

#[test]
fn seats_that_somebody_has_cannot_go() {
    let facts = vec![hall(), held(took_seats(1, &[1, 3])), sold(took_seats(2, &[2, 5]))];
    given(facts.clone())
        .when(reseat(hall_plan(2, 2)))
        .then_expect_error(ShowError::SeatsInUse { seats: vec![seat(2), seat(3)] });
    given(facts)
        .when(reseat(hall_plan(4, 0)))
        .then_expect_error(ShowError::SeatsInUse { seats: vec![seat(5)] });
}

#[test]
fn seats_in_lapsed_holds_can_go() {
    given(vec![hall(), held(took_seats(1, &[3]))])
        .when(changing(ChangeShow { seating: Some(hall_plan(2, 2)), at: minute(15), ..change() }))
        .then_expect_events(vec![
            lapsed(15, took_seats(1, &[3])),
            changed_at(
                15,
                details(),
                vec![offered(Stalls, 2), offered(Balcony, 2)],
                vec![stalls_a(1, 2, 0), balcony_a()],
            ),
        ]);
}

#[test]
fn seats_that_were_given_back_can_go() {
    let facts = vec![hall(), held(took_seats(1, &[3])), released(took_seats(1, &[3]))];
    given(facts).when(reseat(hall_plan(2, 2))).then_expect_events(vec![shrunk()]);
}

#[test]
fn a_section_goes_with_its_ticket_type() {
    given(vec![hall(), held(took_seats(1, &[0]))])
        .when(reseat(hall_plan(4, 0)))
        .then_expect_events(vec![reseated(vec![offered(Stalls, 4)], vec![stalls_a(1, 4, 0)])]);
}

#[test]
fn a_section_can_come() {
    let plan = [hall_plan(4, 2).0, vec![section("Boxes", Stalls, &[("1", 2)])]].concat();
    let blocks = vec![stalls_a(1, 4, 0), balcony_a(), block("Boxes", "1", Stalls, 1, 2, 6)];
    given(vec![hall()])
        .when(reseat(SeatingPlan(plan)))
        .then_expect_events(vec![reseated(vec![offered(Stalls, 6), offered(Balcony, 2)], blocks)]);
}

#[test]
fn the_order_of_sections_and_rows_does_not_matter_to_seats() {
    let mut plan = hall_plan(4, 2);
    plan.0.reverse();
    let blocks = vec![stalls_a(1, 4, 0), balcony_a()];
    given(vec![hall(), held(took_seats(1, &[0, 5]))])
        .when(reseat(plan))
        .then_expect_events(vec![reseated(vec![offered(Balcony, 2), offered(Stalls, 4)], blocks)]);
}

#[test]
fn seats_may_become_another_type_while_nobody_has_them() {
    let plan = || {
        let mut plan = hall_plan(4, 2);
        plan.0[1] = section("Balcony", Standing, &[("A", 2)]);
        plan
    };
    let blocks = vec![stalls_a(1, 4, 0), block("Balcony", "A", Standing, 1, 2, 4)];
    given(vec![hall(), held(took_seats(1, &[0]))])
        .when(reseat(plan()))
        .then_expect_events(vec![reseated(vec![offered(Stalls, 4), offered(Standing, 2)], blocks)]);
    given(vec![hall(), held(took_seats(1, &[4]))])
        .when(reseat(plan()))
        .then_expect_error(ShowError::SeatsInUse { seats: vec![seat(4)] });
}

#[test]
fn a_type_that_is_kept_by_its_name_keeps_its_id() {
    let mut plan = hall_plan(4, 2);
    plan.0.iter_mut().for_each(|section| section.ticket_type_id = Standing.id());
    given(vec![hall()]).when(reseat(plan)).then_expect_events(vec![]);
}

#[test]
fn seats_can_become_dearer_with_the_seating_or_the_types() {
    let dearer = OfferedTicketType { price: eur(9_900), ..offered(Stalls, 4) };
    let event = reseated(vec![dearer, offered(Balcony, 2)], vec![stalls_a(1, 4, 0), balcony_a()]);
    let mut plan = hall_plan(4, 2);
    plan.0[0].price = eur(9_900);
    let types = vec![TicketTypeChange { price: eur(9_900), ..kept(Stalls, 4) }, kept(Balcony, 2)];
    let facts = vec![hall(), held(took_seats(1, &[0]))];
    given(facts.clone()).when(reseat(plan)).then_expect_events(vec![event.clone()]);
    given(facts.clone())
        .when(changing(ChangeShow { ticket_types: Some(types), ..change() }))
        .then_expect_events(vec![event.clone()]);
    let line = TicketLine { price: eur(9_900), ..Stalls.line(1) };
    let taken = Taken { tickets: vec![line], ..took_seats(2, &[1]) };
    given([facts, vec![event]].concat()).when(book_seats(2, 0, &[1])).then_expect_events(vec![held(taken)]);
}

#[test]
fn the_number_of_seats_changes_with_seating_alone() {
    let of_types = |types| changing(ChangeShow { ticket_types: Some(types), ..change() });
    let new = TicketTypeChange { is_new: true, ..kept(Standing, 1) };
    let both = ChangeShow {
        seating: Some(hall_plan(4, 2)),
        ticket_types: Some(vec![kept(Stalls, 4), kept(Balcony, 2)]),
        ..change()
    };
    for (fact, command) in [
        (hall(), of_types(vec![kept(Stalls, 5), kept(Balcony, 2)])),
        (hall(), of_types(vec![kept(Stalls, 4)])),
        (hall(), of_types(vec![kept(Stalls, 4), kept(Balcony, 2), new])),
        (hall(), changing(ChangeShow { capacity: Some(6), ..change() })),
        (hall(), changing(both)),
        (concert(4), reseat(hall_plan(4, 2))),
    ] {
        let result = given(vec![fact]).when(command.clone()).inspect_result();
        assert!(matches!(result, Err(ShowError::DoesNotFit(_))), "{command:?}: {result:?}");
    }
}

/// A plan of so many rows with so many seats each.
fn rows(rows: usize, seats: u32) -> SeatingPlan {
    let names: Vec<String> = (0..rows).map(|row| format!("Row {row:05}")).collect();
    let rows: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), seats)).collect();
    SeatingPlan(vec![section("Stalls", Stalls, &rows)])
}

/// Rows that grow are stored in several blocks each.
#[test]
fn a_hall_fits_into_one_event_however_it_came_about() {
    let plan = rows(4_500, 1);
    let (types, blocks) = plan.first_offer();
    assert!(hall_bytes(&types, &blocks) < MAX_HALL_BYTES);
    let other = rows(4_500, 2);
    let (others_types, others_blocks) = other.first_offer();
    assert!(hall_bytes(&others_types, &others_blocks) < MAX_HALL_BYTES, "as a new one it fits");
    let facts = vec![seated(types, blocks)];
    let result = given(facts.clone()).when(reseat(other)).inspect_result();
    assert!(matches!(result, Err(ShowError::DoesNotFit(_))), "{result:?}");
    assert!(given(facts).when(reseat(rows(4_000, 1))).inspect_result().is_ok());
}

/// Two sections that take turns never keep a seat.
#[test]
fn a_show_has_so_many_seats_ever() {
    let turns = MAX_SEATS_EVER / MAX_SEATS;
    let hall = |turn: u32| {
        let name = if turn.is_multiple_of(2) { "Left" } else { "Right" };
        SeatingPlan(vec![section(name, Stalls, &[("A", MAX_SEATS)])])
    };
    let (types, blocks) = hall(0).first_offer();
    let mut show = folded(vec![seated(types, blocks)]);
    for turn in 1..turns {
        for event in show.decide(reseat(hall(turn))).expect("there is room") {
            show.evolve(event);
        }
    }
    let result = show.decide(reseat(hall(turns)));
    assert!(matches!(result, Err(ShowError::DoesNotFit(_))), "{result:?}");
    let fewer = SeatingPlan(vec![section(
        if turns.is_multiple_of(2) { "Right" } else { "Left" },
        Stalls,
        &[("A", 5)],
    )]);
    assert!(show.decide(reseat(fewer)).is_ok(), "what is there can still be taken away");
}
