//! What payments want of a show: that a hold lasts while it is being paid, and that what is paid is sold.

use chrono::TimeDelta;
use domain::{
    booking::{PaymentCommand, PaymentStep, TIME_TO_ACT, TIME_TO_PAY},
    show::{Keep, ShowCommand, ShowError, ShowEvent},
};

use crate::{
    attendee, booking,
    booking::{folded, held},
    facts::{self, Balcony, Stalls, changed, details, lapsed, offered, sold, took, took_seats},
    minute,
    payments::{payment, reason, reference},
};

fn keep(minutes: i64, at: i64, why: Keep) -> ShowCommand {
    let (booking_id, attendee_id) = (booking(1), attendee(1));
    ShowCommand::KeepHold { booking_id, attendee_id, until: minute(minutes), why, at: minute(at) }
}

fn sell(at: i64) -> ShowCommand {
    ShowCommand::SellHeld { taken: took(1, &[(Stalls, 2)]), at: minute(at) }
}

fn hall() -> ShowEvent {
    facts::created(vec![offered(Stalls, 3), offered(Balcony, 3)])
}

fn holds() -> ShowEvent {
    facts::held(took(1, &[(Stalls, 2)]))
}

fn sold_at(at: i64) -> ShowEvent {
    ShowEvent::TicketsSold { taken: took(1, &[(Stalls, 2)]), at: minute(at) }
}

fn extended(until: i64, at: i64) -> ShowEvent {
    ShowEvent::HoldExtended { booking_id: booking(1), held_until: minute(until), at: minute(at) }
}

/// With half a minute to spare.
fn kept(until: i64, at: i64) -> ShowEvent {
    let held_until = minute(until) + TimeDelta::seconds(30);
    ShowEvent::HoldExtended { booking_id: booking(1), held_until, at: minute(at) }
}

#[test]
fn a_hold_that_is_being_paid_is_kept_and_never_shortened() {
    for why in [Keep::ToBegin, Keep::ToDecide, Keep::ToTryAgain] {
        let given = || facts::given(vec![hall(), holds()]);
        given().when(keep(19, 14, why)).then_expect_events(vec![kept(19, 14)]);
        given().when(keep(15, 10, why)).then_expect_events(vec![]);
    }
}

#[test]
fn cards_that_are_declined_one_after_the_other_do_not_move_the_hold_each_time() {
    let facts = vec![hall(), holds(), kept(19, 14)];
    for (seconds, expected) in [(30, vec![]), (31, vec![TimeDelta::seconds(30)])] {
        let at = minute(14) + TimeDelta::seconds(seconds);
        let (booking_id, attendee_id) = (booking(1), attendee(1));
        let until = at + TIME_TO_PAY;
        let again = ShowCommand::KeepHold { booking_id, attendee_id, until, why: Keep::ToTryAgain, at };
        let extended = |spare| ShowEvent::HoldExtended { booking_id, held_until: until + spare, at };
        let expected = expected.into_iter().map(extended).collect();
        facts::given(facts.clone()).when(again).then_expect_events(expected);
    }
}

#[test]
fn no_payment_begins_without_a_hold_and_news_of_one_leave_it_lapsed() {
    let none = [
        (vec![hall(), holds()], ShowError::HoldExpired),
        (vec![hall(), sold(took(1, &[(Stalls, 2)]))], ShowError::NotHeld),
        (vec![hall(), holds(), facts::cancelled()], ShowError::Cancelled),
    ];
    for (facts, refusal) in none {
        for why in [Keep::ToDecide, Keep::ToTryAgain] {
            facts::given(facts.clone()).when(keep(20, 15, why)).then_expect_events(vec![]);
        }
        facts::given(facts).when(keep(20, 15, Keep::ToBegin)).then_expect_error(refusal);
    }
}

#[test]
fn paying_keeps_no_hold_for_ever() {
    let until = |until| facts::given(vec![hall(), holds(), extended(until, 1)]);
    until(134).when(keep(138, 133, Keep::ToDecide)).then_expect_events(vec![extended(135, 133)]);
    until(135).when(keep(139, 134, Keep::ToDecide)).then_expect_events(vec![]);
}

#[test]
fn a_payment_begins_only_if_five_minutes_are_left_even_after_its_decline() {
    let until = |until| facts::given(vec![hall(), holds(), extended(until, 1)]);
    until(134).when(keep(135, 130, Keep::ToBegin)).then_expect_events(vec![extended(135, 130)]);
    until(135).when(keep(138, 133, Keep::ToTryAgain)).then_expect_events(vec![kept(138, 133)]);
    until(135).when(keep(136, 131, Keep::ToBegin)).then_expect_error(ShowError::HoldExpired);
    until(138).when(keep(136, 131, Keep::ToBegin)).then_expect_error(ShowError::HoldExpired);
    until(138).when(keep(142, 137, Keep::ToTryAgain)).then_expect_events(vec![extended(140, 137)]);
}

#[test]
fn what_is_paid_is_sold_once() {
    facts::given(vec![hall(), holds()]).when(sell(1)).then_expect_events(vec![sold_at(1)]);
    facts::given(vec![hall(), holds(), sold_at(1)]).when(sell(2)).then_expect_events(vec![]);
    facts::given(vec![hall(), holds()]).when(sell(600)).then_expect_events(vec![sold_at(600)]);
}

#[test]
fn what_lapsed_is_taken_again_if_it_is_free() {
    let lapsed = || lapsed(15, took(1, &[(Stalls, 2)]));
    facts::given(vec![hall(), holds(), lapsed()]).when(sell(16)).then_expect_events(vec![sold_at(16)]);
    let other = sold(took(2, &[(Stalls, 2)]));
    facts::given(vec![hall(), holds(), lapsed(), other])
        .when(sell(16))
        .then_expect_error(ShowError::SoldOut { available: 1 });
    let types = vec![offered(Balcony, 3)];
    facts::given(vec![hall(), holds(), lapsed(), changed(details(), types, vec![])])
        .when(sell(16))
        .then_expect_error(ShowError::UnknownTicketType);
}

#[test]
fn what_was_paid_for_a_cancelled_event_is_not_sold() {
    facts::given(vec![hall(), holds(), facts::cancelled()])
        .when(sell(1))
        .then_expect_error(ShowError::Cancelled);
}

#[test]
fn each_step_wants_of_the_show_what_it_needs_in_the_same_append() {
    let state = folded(vec![held()]);
    let placed = state.placed().expect("placed");
    let of_show = |step| PaymentCommand { step, at: minute(1) }.of_show(placed);
    let payment_id = payment(1);
    let kept = |step| match of_show(step) {
        Some(ShowCommand::KeepHold { until, why, .. }) => (until, why),
        other => panic!("{other:?}"),
    };
    let in_time = minute(1) + TIME_TO_PAY;
    assert_eq!(kept(PaymentStep::Start { payment_id }), (in_time, Keep::ToBegin));
    let declines = PaymentStep::Decline { payment_id, reason: reason() };
    assert_eq!(kept(declines), (in_time, Keep::ToTryAgain));
    let asks = PaymentStep::RequireAction { payment_id, reference: reference() };
    assert_eq!(kept(asks), (in_time + TIME_TO_ACT, Keep::ToDecide));
    let sells = of_show(PaymentStep::Authorise { payment_id, reference: reference() });
    assert!(matches!(sells, Some(ShowCommand::SellHeld { taken, .. }) if taken == took_seats(1, &[0, 4])));
    let frees = of_show(PaymentStep::FailCapture { payment_id, reason: reason() });
    assert!(matches!(frees, Some(ShowCommand::ReleaseTickets { .. })));
    assert!(of_show(PaymentStep::Capture { payment_id }).is_none());
}
