//! What a host may change while tickets are sold, and what not.

use chrono::TimeDelta;
use domain::{
    Description, TimeZone, Title, Venue,
    show::{
        ChangeShow, DetailsChange, OfferedTicketType, Schedule, ScheduleError, ShowCommand, ShowDetails,
        ShowError, ShowEvent, Taken, TicketLine, TicketTypeChange,
    },
};

use crate::{
    early,
    facts::{
        Balcony, Stalls, Standing, book_tickets, cancelled, change, changed, changed_at, changing, concert,
        created, created_with, details, draft, end, eur, folded, given, hall, hall_plan, held, held_from,
        kept, lapsed, meetup, offered, release, released, sold, start, took,
    },
    minute, time,
};

fn retitled() -> ShowDetails {
    ShowDetails { title: Title::parse("Another evening").expect("a title"), ..details() }
}

fn retitle() -> ChangeShow {
    ChangeShow { details: DetailsChange { title: Some(retitled().title), ..Default::default() }, ..change() }
}

fn to_capacity(capacity: u32, minutes: i64) -> ShowCommand {
    changing(ChangeShow { capacity: Some(capacity), at: minute(minutes), ..change() })
}

fn to_types(types: Vec<TicketTypeChange>) -> ShowCommand {
    changing(ChangeShow { ticket_types: Some(types), ..change() })
}

/// With everything that a host can say.
fn full() -> ShowDetails {
    ShowDetails {
        description: Some(Description::parse("Two\nlines").expect("a description")),
        venue: Some(Venue::parse("The mill").expect("a venue")),
        schedule: Schedule::parse(start(), end(), Some(minute(1)), Some(start())).expect("a schedule"),
        time_zone: TimeZone::parse("Europe/London").expect("a zone"),
        ..details()
    }
}

#[test]
fn what_is_left_out_keeps_its_value() {
    let expected = ShowDetails { title: retitled().title, ..full() };
    given(vec![created_with(full(), vec![offered(Stalls, 5), offered(Balcony, 5)])])
        .when(changing(retitle()))
        .then_expect_events(vec![changed(expected, vec![offered(Stalls, 5), offered(Balcony, 5)], vec![])]);
}

#[test]
fn everything_can_be_changed_at_once() {
    let schedule =
        Schedule::parse(time("2027-07-01T18:00:00Z"), time("2027-07-01T20:00:00Z"), Some(early()), None);
    let expected = ShowDetails {
        title: retitled().title,
        schedule: schedule.expect("a schedule"),
        max_tickets_per_booking: 2,
        hold_seconds: 60,
        ..full()
    };
    let Schedule { start_date_time, end_date_time, sales_start, sales_end } = expected.schedule;
    let everything = DetailsChange {
        title: Some(expected.title.clone()),
        description: Some(expected.description.clone()),
        venue: Some(expected.venue.clone()),
        start_date_time: Some(start_date_time),
        end_date_time: Some(end_date_time),
        sales_start: Some(sales_start),
        sales_end: Some(sales_end),
        time_zone: Some(expected.time_zone),
        max_tickets_per_booking: Some(2),
        hold_seconds: Some(60),
    };
    given(vec![concert(5)])
        .when(changing(ChangeShow { details: everything, capacity: Some(6), ..change() }))
        .then_expect_events(vec![changed(expected, vec![offered(Stalls, 6)], vec![])]);
}

#[test]
fn what_may_be_nothing_can_be_taken_away() {
    let nothing = DetailsChange {
        description: Some(None),
        venue: Some(None),
        sales_start: Some(None),
        sales_end: Some(None),
        time_zone: Some(TimeZone::UTC),
        ..Default::default()
    };
    given(vec![created_with(full(), vec![offered(Stalls, 5)])])
        .when(changing(ChangeShow { details: nothing, ..change() }))
        .then_expect_events(vec![changed(details(), vec![offered(Stalls, 5)], vec![])]);
}

#[test]
fn a_change_of_nothing_does_nothing() {
    given(vec![concert(5)]).when(changing(change())).then_expect_events(vec![]);
    given(vec![concert(5)]).when(to_capacity(5, 0)).then_expect_events(vec![]);
    given(vec![concert(5)]).when(to_types(vec![kept(Stalls, 5)])).then_expect_events(vec![]);
    let same_plan = ChangeShow { seating: Some(hall_plan(4, 2)), ..change() };
    given(vec![hall()]).when(changing(same_plan)).then_expect_events(vec![]);
    // Not even lapsed holds are made visible.
    let facts = vec![concert(5), held(took(1, &[(Stalls, 1)]))];
    given(facts).when(to_capacity(5, 60)).then_expect_events(vec![]);
}

#[test]
fn the_same_change_again_does_nothing() {
    let new = TicketTypeChange { is_new: true, ..kept(Balcony, 3) };
    for again in [changing(retitle()), to_capacity(7, 0), to_types(vec![kept(Stalls, 5), new])] {
        let mut show = folded(vec![concert(5)]);
        let first = show.decide(again.clone()).expect("no rule refuses it");
        assert_eq!(first.len(), 1);
        first.into_iter().for_each(|event| show.evolve(event));
        assert_eq!(show.decide(again), Ok(vec![]));
    }
}

#[test]
fn the_same_start_again_is_no_start_in_the_past() {
    let move_to = |at| {
        let details = DetailsChange { start_date_time: Some(start()), ..retitle().details };
        changing(ChangeShow { details, at, ..change() })
    };
    let during = start() + TimeDelta::minutes(1);
    let facts = vec![created_with(retitled(), vec![offered(Stalls, 5)])];
    given(facts).when(move_to(during)).then_expect_events(vec![]);
}

#[test]
fn a_change_to_a_start_in_the_past_is_refused() {
    let yesterday = DetailsChange {
        start_date_time: Some(early() - TimeDelta::days(1)),
        end_date_time: Some(early() + TimeDelta::days(1)),
        ..Default::default()
    };
    given(vec![concert(5)])
        .when(changing(ChangeShow { details: yesterday, ..change() }))
        .then_expect_error(ShowError::StartsInThePast);
}

#[test]
fn a_show_that_has_started_can_still_be_changed() {
    let during = start() + TimeDelta::minutes(1);
    let events =
        given(vec![concert(5)]).when(changing(ChangeShow { at: during, ..retitle() })).inspect_result();
    assert_eq!(events.map(|events| events.len()), Ok(1));
}

#[test]
fn times_must_still_fit_together() {
    let early_end = DetailsChange { end_date_time: Some(start()), ..Default::default() };
    given(vec![concert(5)])
        .when(changing(ChangeShow { details: early_end, ..change() }))
        .then_expect_error(ShowError::Schedule(ScheduleError::EndsBeforeItStarts));
}

#[test]
fn who_saw_an_older_version_is_refused() {
    let seen = |version| changing(ChangeShow { expected_version: Some(version), ..retitle() });
    let facts = vec![concert(5), changed(details(), vec![offered(Stalls, 6)], vec![])];
    given(facts.clone()).when(seen(1)).then_expect_error(ShowError::VersionConflict { current: 2 });
    let events = vec![changed(retitled(), vec![offered(Stalls, 6)], vec![])];
    given(facts).when(seen(2)).then_expect_events(events.clone());
    // Sales are no change of the details.
    let taken = took(1, &[(Stalls, 1)]);
    let facts = vec![concert(6), held(taken.clone()), released(taken)];
    given(facts).when(seen(1)).then_expect_events(events);
}

#[test]
fn capacity_can_fall_to_what_is_sold_and_held_but_not_below() {
    let facts = vec![concert(9), held(took(1, &[(Stalls, 2)])), sold(took(2, &[(Stalls, 3)]))];
    given(facts.clone()).when(to_capacity(5, 0)).then_expect_events(vec![changed(
        details(),
        vec![offered(Stalls, 5)],
        vec![],
    )]);
    given(facts.clone()).when(to_capacity(4, 0)).then_expect_error(ShowError::CapacityBelowSold { taken: 5 });
    given(facts)
        .when(to_types(vec![kept(Stalls, 4)]))
        .then_expect_error(ShowError::CapacityBelowSold { taken: 5 });
}

#[test]
fn capacity_is_checked_type_by_type() {
    let facts = vec![created(vec![offered(Stalls, 5), offered(Balcony, 5)]), held(took(1, &[(Balcony, 2)]))];
    given(facts)
        .when(to_types(vec![kept(Stalls, 9), kept(Balcony, 1)]))
        .then_expect_error(ShowError::CapacityBelowSold { taken: 2 });
}

#[test]
fn lapsed_holds_do_not_count_and_are_made_visible_before_the_change() {
    let two = |number| took(number, &[(Stalls, 2)]);
    let facts = vec![concert(9), held(two(1)), held_from(5, two(2))];
    given(facts.clone()).when(to_capacity(2, 15)).then_expect_events(vec![
        lapsed(15, two(1)),
        changed_at(15, details(), vec![offered(Stalls, 2)], vec![]),
    ]);
    given(facts).when(to_capacity(1, 15)).then_expect_error(ShowError::CapacityBelowSold { taken: 2 });
}

#[test]
fn a_change_of_details_leaves_lapsed_holds_alone() {
    let facts = vec![concert(9), held(took(1, &[(Stalls, 2)]))];
    given(facts)
        .when(changing(ChangeShow { at: minute(15), ..retitle() }))
        .then_expect_events(vec![changed_at(15, retitled(), vec![offered(Stalls, 9)], vec![])]);
}

#[test]
fn more_capacity_is_sold_at_once() {
    let facts = vec![
        meetup(1),
        sold(took(1, &[(Standing, 1)])),
        changed(details(), vec![offered(Standing, 2)], vec![]),
    ];
    given(facts)
        .when(book_tickets(2, 0, &[(Standing, 1)]))
        .then_expect_events(vec![sold(took(2, &[(Standing, 1)]))]);
}

#[test]
fn a_ticket_type_that_somebody_has_cannot_go() {
    let facts = vec![created(vec![offered(Stalls, 5), offered(Balcony, 5)]), held(took(1, &[(Balcony, 1)]))];
    let without = to_types(vec![kept(Stalls, 5)]);
    given(facts.clone()).when(without.clone()).then_expect_error(ShowError::TicketTypeInUse);
    let facts = [facts, vec![released(took(1, &[(Balcony, 1)]))]].concat();
    given(facts).when(without).then_expect_events(vec![changed(details(), vec![offered(Stalls, 5)], vec![])]);
}

#[test]
fn a_ticket_type_in_a_lapsed_hold_can_go() {
    let taken = took(1, &[(Balcony, 1)]);
    let facts = vec![created(vec![offered(Stalls, 5), offered(Balcony, 5)]), held(taken.clone())];
    let without = ChangeShow { ticket_types: Some(vec![kept(Stalls, 5)]), at: minute(15), ..change() };
    given(facts).when(changing(without)).then_expect_events(vec![
        lapsed(15, taken),
        changed_at(15, details(), vec![offered(Stalls, 5)], vec![]),
    ]);
}

#[test]
fn a_new_ticket_type_is_sold_beside_the_others() {
    let new = TicketTypeChange { is_new: true, ..kept(Balcony, 3) };
    let wider = changed(details(), vec![offered(Stalls, 5), offered(Balcony, 3)], vec![]);
    let facts = vec![concert(5), held(took(1, &[(Stalls, 2)]))];
    given(facts.clone()).when(to_types(vec![kept(Stalls, 5), new])).then_expect_events(vec![wider.clone()]);
    let facts = [facts, vec![wider]].concat();
    given(facts)
        .when(book_tickets(2, 0, &[(Balcony, 3), (Stalls, 3)]))
        .then_expect_events(vec![held(took(2, &[(Balcony, 3), (Stalls, 3)]))]);
}

#[test]
fn a_ticket_type_that_is_not_there_cannot_be_kept() {
    given(vec![concert(5)])
        .when(to_types(vec![kept(Stalls, 5), kept(Balcony, 5)]))
        .then_expect_error(ShowError::UnknownTicketType);
}

#[test]
fn a_price_change_leaves_held_and_sold_tickets_as_they_were() {
    let dearer = TicketTypeChange { price: eur(9_900), ..kept(Stalls, 5) };
    let offer = OfferedTicketType { price: eur(9_900), ..offered(Stalls, 5) };
    let facts = vec![concert(5), held(took(1, &[(Stalls, 2)]))];
    let events = vec![changed(details(), vec![offer], vec![])];
    given(facts.clone()).when(to_types(vec![dearer])).then_expect_events(events.clone());
    let facts = [facts, events].concat();
    // Given back at the price of the moment it was taken,
    given(facts.clone()).when(release(1)).then_expect_events(vec![released(took(1, &[(Stalls, 2)]))]);
    // and taken at the price of today.
    let line = TicketLine { price: eur(9_900), ..Stalls.line(1) };
    let taken = Taken { tickets: vec![line], ..took(2, &[]) };
    given(facts).when(book_tickets(2, 0, &[(Stalls, 1)])).then_expect_events(vec![held(taken)]);
}

#[test]
fn what_becomes_free_of_charge_is_sold_at_once_and_what_is_held_stays_held() {
    let free = OfferedTicketType { price: eur(0), ..offered(Stalls, 5) };
    let facts = vec![concert(5), held(took(1, &[(Stalls, 1)])), changed(details(), vec![free], vec![])];
    let line = TicketLine { price: eur(0), ..Stalls.line(1) };
    let taken = Taken { tickets: vec![line], ..took(2, &[]) };
    given(facts.clone()).when(book_tickets(2, 0, &[(Stalls, 1)])).then_expect_events(vec![sold(taken)]);
    given(facts)
        .when(ShowCommand::ExpireHolds { limit: 9, at: minute(15) })
        .then_expect_events(vec![lapsed(15, took(1, &[(Stalls, 1)]))]);
}

#[test]
fn a_new_length_counts_for_new_holds_only() {
    let brief = ShowDetails { hold_seconds: 60, ..details() };
    let facts =
        vec![concert(5), held(took(1, &[(Stalls, 1)])), changed(brief, vec![offered(Stalls, 5)], vec![])];
    let taken = took(2, &[(Stalls, 1)]);
    given(facts.clone())
        .when(book_tickets(2, 2, &[(Stalls, 1)]))
        .then_expect_events(vec![ShowEvent::TicketsHeld { taken, held_until: minute(3), at: minute(2) }]);
    given(facts).when(ShowCommand::ExpireHolds { limit: 9, at: minute(14) }).then_expect_events(vec![]);
}

#[test]
fn capacity_is_for_shows_with_one_ticket_type() {
    let facts = vec![created(vec![offered(Stalls, 5), offered(Balcony, 5)])];
    let result = given(facts).when(to_capacity(9, 0)).inspect_result();
    assert!(matches!(result, Err(ShowError::DoesNotFit(_))), "{result:?}");
}

#[test]
fn a_show_that_is_over_cannot_be_changed() {
    let just_before = end() - TimeDelta::microseconds(1);
    let at = |at| changing(ChangeShow { at, ..retitle() });
    assert!(given(vec![concert(5)]).when(at(just_before)).inspect_result().is_ok());
    given(vec![concert(5)]).when(at(end())).then_expect_error(ShowError::Ended);
}

#[test]
fn a_cancelled_show_cannot_be_changed() {
    given(vec![concert(5), cancelled()]).when(changing(retitle())).then_expect_error(ShowError::Cancelled);
}

#[test]
fn a_draft_can_be_changed_and_stays_a_draft() {
    let event = changed(retitled(), vec![offered(Stalls, 10)], vec![]);
    given(vec![draft()]).when(changing(retitle())).then_expect_events(vec![event.clone()]);
    given(vec![draft(), event])
        .when(book_tickets(1, 0, &[(Stalls, 1)]))
        .then_expect_error(ShowError::NotCreated);
}
