//! The start of a sale is noticed.

use chrono::{DateTime, Utc};
use domain::show::{Schedule, ShowCommand, ShowDetails, ShowEvent};

use crate::{
    facts::{Stalls, cancelled, changed_at, created_with, details, end, given, offered, start},
    host_id, minute, show_id,
};

/// Details with a sale from and to so many minutes later.
fn sold_from(starts: Option<i64>, ends: Option<i64>) -> ShowDetails {
    let schedule = Schedule::parse(start(), end(), starts.map(minute), ends.map(minute)).expect("a schedule");
    ShowDetails { schedule, ..details() }
}

/// A show of which ten tickets are sold from then on.
fn show(starts: Option<i64>) -> ShowEvent {
    created_with(sold_from(starts, None), vec![offered(Stalls, 10)])
}

fn draft(starts: Option<i64>) -> ShowEvent {
    ShowEvent::EventCreated {
        event_id: show_id(),
        host_id: host_id(),
        details: Box::new(sold_from(starts, None)),
        ticket_types: vec![offered(Stalls, 10)],
        seating: vec![],
        draft: true,
        at: minute(0),
    }
}

/// The host moves the start, so many minutes later.
fn moved(minutes: i64, starts: Option<i64>) -> ShowEvent {
    changed_at(minutes, sold_from(starts, None), vec![offered(Stalls, 10)], vec![])
}

fn published(minutes: i64) -> ShowEvent {
    ShowEvent::EventPublished { at: minute(minutes) }
}

fn started(minutes: i64) -> ShowEvent {
    ShowEvent::SalesStarted { at: minute(minutes) }
}

#[track_caller]
fn expect(facts: Vec<ShowEvent>, at: DateTime<Utc>, events: Vec<ShowEvent>) {
    given(facts).when(ShowCommand::StartSales { at }).then_expect_events(events);
}

#[test]
fn the_start_of_a_sale_is_noticed_once_when_it_has_come() {
    expect(vec![show(Some(10))], minute(9), vec![]);
    expect(vec![show(Some(10))], minute(10), vec![started(10)]);
    expect(vec![show(Some(10)), started(10)], minute(11), vec![]);
}

#[test]
fn what_is_on_sale_from_its_publication_on_starts_without_a_fact_of_its_own() {
    expect(vec![show(None)], minute(1), vec![]);
    expect(vec![show(Some(0))], minute(1), vec![]);
    expect(vec![draft(Some(5)), published(10)], minute(11), vec![]);
    expect(vec![draft(None), published(10)], minute(11), vec![]);
}

#[test]
fn a_draft_is_not_on_sale_until_it_is_public_and_its_start_has_come() {
    expect(vec![draft(Some(10))], minute(11), vec![]);
    expect(vec![draft(Some(10)), published(5)], minute(9), vec![]);
    expect(vec![draft(Some(10)), published(5)], minute(10), vec![started(10)]);
    expect(vec![draft(Some(5)), moved(6, Some(20)), published(10)], minute(20), vec![started(20)]);
}

#[test]
fn a_start_that_the_host_brings_forward_to_now_has_come() {
    expect(vec![show(Some(60)), moved(5, None)], minute(5), vec![started(5)]);
    expect(vec![show(Some(60)), moved(5, Some(4))], minute(6), vec![started(6)]);
}

#[test]
fn a_sale_that_is_put_off_starts_again_and_one_that_goes_on_does_not() {
    let facts = || vec![show(Some(10)), started(10), moved(20, Some(60))];
    expect(facts(), minute(59), vec![]);
    expect(facts(), minute(60), vec![started(60)]);
    expect(vec![show(None), moved(20, Some(60))], minute(60), vec![started(60)]);
    for goes_on in [None, Some(10), Some(15)] {
        expect(vec![show(Some(10)), started(10), moved(20, goes_on)], minute(60), vec![]);
    }
}

#[test]
fn no_sale_of_what_is_cancelled_or_over_starts() {
    expect(vec![show(Some(10)), cancelled()], minute(10), vec![]);
    expect(vec![show(Some(10))], end(), vec![]);
    let short = created_with(sold_from(Some(10), Some(20)), vec![offered(Stalls, 10)]);
    expect(vec![short.clone()], minute(20), vec![]);
    expect(vec![short], minute(19), vec![started(19)]);
}
