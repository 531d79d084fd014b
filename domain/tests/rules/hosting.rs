//! A show comes into being, goes public, is cancelled, is deleted.

use chrono::{DateTime, TimeDelta, Utc};
use domain::show::{CreateShow, ShowCommand, ShowError, ShowEvent, ShowStatus};

use crate::{
    early,
    facts::{
        Stalls, Standing, book, cancelled, concert, created, details, draft, folded, given, hall, held,
        offered, release, released, sold, start, took, took_seats,
    },
    host_id, minute, show_id,
};

fn create_at(at: DateTime<Utc>) -> ShowCommand {
    create(at, false)
}

fn create(at: DateTime<Utc>, draft: bool) -> ShowCommand {
    ShowCommand::Create(Box::new(CreateShow {
        show_id: show_id(),
        host_id: host_id(),
        details: details(),
        ticket_types: vec![offered(Stalls, 10)],
        seating: vec![],
        draft,
        at,
    }))
}

fn publish() -> ShowCommand {
    ShowCommand::Publish { at: early() }
}

fn published() -> ShowEvent {
    ShowEvent::EventPublished { at: early() }
}

fn cancel() -> ShowCommand {
    ShowCommand::Cancel { at: early() }
}

fn delete() -> ShowCommand {
    ShowCommand::Delete { at: early() }
}

fn deleted() -> ShowEvent {
    ShowEvent::EventDeleted { at: early() }
}

fn release_cancelled(limit: usize) -> ShowCommand {
    ShowCommand::ReleaseCancelled { limit, at: early() }
}

#[test]
fn a_show_is_created_as_its_host_says() {
    given(vec![]).when(create_at(early())).then_expect_events(vec![concert(10)]);
    given(vec![]).when(create(early(), true)).then_expect_events(vec![draft()]);
}

#[test]
fn a_show_cannot_start_in_the_past() {
    let late = start() + TimeDelta::microseconds(1);
    given(vec![]).when(create_at(late)).then_expect_error(ShowError::StartsInThePast);
}

#[test]
fn a_show_is_created_once() {
    given(vec![concert(1)]).when(create_at(early())).then_expect_error(ShowError::AlreadyCreated);
}

#[test]
fn nothing_can_be_asked_of_a_show_that_is_not_there() {
    for command in [publish(), cancel(), delete(), release_cancelled(9)] {
        given(vec![]).when(command).then_expect_error(ShowError::NotCreated);
    }
}

#[test]
fn a_draft_sells_nothing_until_it_is_published() {
    given(vec![draft()]).when(book(1)).then_expect_error(ShowError::NotCreated);
    given(vec![draft()]).when(publish()).then_expect_events(vec![published()]);
    let taken = took(1, &[(Stalls, 1)]);
    given(vec![draft(), published()]).when(book(1)).then_expect_events(vec![held(taken)]);
}

#[test]
fn publishing_twice_does_nothing() {
    given(vec![draft(), published()]).when(publish()).then_expect_events(vec![]);
    given(vec![concert(1)]).when(publish()).then_expect_events(vec![]);
}

#[test]
fn a_draft_whose_start_has_passed_cannot_be_published() {
    let late = ShowCommand::Publish { at: start() + TimeDelta::microseconds(1) };
    given(vec![draft()]).when(late).then_expect_error(ShowError::StartsInThePast);
}

#[test]
fn a_cancelled_show_cannot_be_published() {
    given(vec![draft(), cancelled()]).when(publish()).then_expect_error(ShowError::Cancelled);
}

#[test]
fn cancelling_ends_the_sale() {
    given(vec![concert(1)]).when(cancel()).then_expect_events(vec![cancelled()]);
    given(vec![draft()]).when(cancel()).then_expect_events(vec![cancelled()]);
    given(vec![concert(1), cancelled()]).when(book(1)).then_expect_error(ShowError::Cancelled);
}

#[test]
fn a_show_that_is_over_is_not_cancelled_with_its_host() {
    let end = details().schedule.end_date_time;
    let cancel_at = |at| ShowCommand::CancelComing { at };
    given(vec![concert(1)]).when(cancel_at(end)).then_expect_events(vec![]);
    let at = end - TimeDelta::seconds(1);
    given(vec![concert(1)]).when(cancel_at(at)).then_expect_events(vec![ShowEvent::EventCancelled { at }]);
}

#[test]
fn cancelling_twice_does_nothing() {
    given(vec![concert(1), cancelled()]).when(cancel()).then_expect_events(vec![]);
    given(vec![concert(1), cancelled(), deleted()]).when(cancel()).then_expect_events(vec![]);
}

#[test]
fn deleting_cancels_first() {
    given(vec![concert(1)]).when(delete()).then_expect_events(vec![cancelled(), deleted()]);
    given(vec![draft()]).when(delete()).then_expect_events(vec![cancelled(), deleted()]);
    given(vec![concert(1), cancelled()]).when(delete()).then_expect_events(vec![deleted()]);
}

#[test]
fn deleting_twice_does_nothing() {
    given(vec![concert(1), cancelled(), deleted()]).when(delete()).then_expect_events(vec![]);
    let show = folded(vec![concert(1), cancelled(), deleted()]);
    let show = show.created().expect("created");
    assert_eq!((show.status, show.deleted), (ShowStatus::Cancelled, true));
}

#[test]
fn only_a_cancelled_show_releases_everybody() {
    let (one, two) = (took(1, &[(Stalls, 1)]), took(2, &[(Stalls, 2)]));
    let facts = vec![concert(9), held(one), sold(two)];
    given(facts.clone()).when(release_cancelled(9)).then_expect_events(vec![]);
    let facts = [facts, vec![cancelled()]].concat();
    assert_eq!(release_all(facts, 9), 1);
}

#[test]
fn a_cancelled_show_releases_so_many_at_a_time_each_once() {
    let facts = (1..=7).map(|number| sold(took(number, &[(Standing, 1)])));
    let facts = [created(vec![offered(Standing, 9)])].into_iter().chain(facts).chain([cancelled()]);
    assert_eq!(release_all(facts.collect(), 3), 3);
}

/// Releases until nothing is left, and answers in how many steps.
fn release_all(mut facts: Vec<ShowEvent>, limit: usize) -> usize {
    let holders = facts
        .iter()
        .filter(|fact| matches!(fact, ShowEvent::TicketsHeld { .. } | ShowEvent::TicketsSold { .. }));
    let (holders, before) = (holders.count(), facts.len());
    for step in 0.. {
        let events = folded(facts.clone()).decide(release_cancelled(limit)).expect("no rule refuses it");
        assert!(events.len() <= limit);
        assert!(events.iter().all(|event| matches!(event, ShowEvent::TicketsReleased { .. })));
        if events.is_empty() {
            assert_eq!(facts.len() - before, holders, "each once");
            assert!(!folded(facts).created().expect("created").has_bookings());
            return step;
        }
        facts.extend(events);
    }
    unreachable!("the steps end")
}

#[test]
fn tickets_of_a_cancelled_show_can_still_be_given_back() {
    let taken = took_seats(1, &[0]);
    let facts = vec![hall(), held(taken.clone()), cancelled()];
    given(facts).when(release(1)).then_expect_events(vec![released(taken)]);
}

#[test]
fn a_change_of_status_is_a_new_version() {
    let version = |facts| folded(facts).created().map(|show| show.details_version);
    assert_eq!(version(vec![draft()]), Some(1));
    assert_eq!(version(vec![draft(), published()]), Some(2));
    assert_eq!(version(vec![draft(), published(), cancelled(), deleted()]), Some(4));
    // A sale is not.
    let held =
        ShowEvent::TicketsHeld { taken: took(1, &[(Stalls, 1)]), held_until: minute(20), at: minute(5) };
    assert_eq!(version(vec![concert(1), held]), Some(1));
}
