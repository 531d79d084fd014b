//! What payments want of a show: that a hold lasts while it is being paid, and that what is paid is sold.

use domain::{
    booking::{PaymentCommand, PaymentStep, TIME_TO_PAY},
    show::{ShowCommand, ShowError, ShowEvent},
};

use crate::{
    attendee, booking,
    booking::{folded, held},
    facts::{self, Balcony, Stalls, changed, details, lapsed, offered, sold, took, took_seats},
    minute,
    payments::{payment, reason, reference},
};

fn keep(minutes: i64, at: i64, strictly: bool) -> ShowCommand {
    let (booking_id, attendee_id) = (booking(1), attendee(1));
    ShowCommand::KeepHold { booking_id, attendee_id, until: minute(minutes), strictly, at: minute(at) }
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

#[test]
fn a_hold_that_is_being_paid_is_kept_and_never_shortened() {
    let extended = ShowEvent::HoldExtended { booking_id: booking(1), held_until: minute(19), at: minute(14) };
    facts::given(vec![hall(), holds()]).when(keep(19, 14, true)).then_expect_events(vec![extended]);
    facts::given(vec![hall(), holds()]).when(keep(15, 10, true)).then_expect_events(vec![]);
    facts::given(vec![hall(), holds()]).when(keep(20, 15, true)).then_expect_error(ShowError::HoldExpired);
    facts::given(vec![hall(), holds()]).when(keep(20, 15, false)).then_expect_events(vec![]);
    facts::given(vec![hall(), sold(took(1, &[(Stalls, 2)]))])
        .when(keep(20, 15, true))
        .then_expect_error(ShowError::NotHeld);
    facts::given(vec![hall(), holds(), facts::cancelled()])
        .when(keep(20, 1, true))
        .then_expect_error(ShowError::Cancelled);
}

#[test]
fn paying_keeps_no_hold_for_ever() {
    let extended =
        |until| ShowEvent::HoldExtended { booking_id: booking(1), held_until: minute(until), at: minute(1) };
    let facts = vec![hall(), holds(), extended(134)];
    facts::given(facts).when(keep(138, 133, true)).then_expect_events(vec![ShowEvent::HoldExtended {
        booking_id: booking(1),
        held_until: minute(135),
        at: minute(133),
    }]);
    facts::given(vec![hall(), holds(), extended(135)]).when(keep(139, 134, true)).then_expect_events(vec![]);
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
    let strictly = match of_show(PaymentStep::Start { payment_id }) {
        Some(ShowCommand::KeepHold { until, strictly, .. }) if until == minute(1) + TIME_TO_PAY => strictly,
        other => panic!("{other:?}"),
    };
    assert!(strictly, "there is nothing to pay for without a hold");
    let declines = of_show(PaymentStep::Decline { payment_id, reason: reason() });
    assert!(matches!(declines, Some(ShowCommand::KeepHold { strictly: false, .. })));
    let sells = of_show(PaymentStep::Authorise { payment_id, reference: reference() });
    assert!(matches!(sells, Some(ShowCommand::SellHeld { taken, .. }) if taken == took_seats(1, &[0, 4])));
    let frees = of_show(PaymentStep::FailCapture { payment_id, reason: reason() });
    assert!(matches!(frees, Some(ShowCommand::ReleaseTickets { .. })));
    assert!(of_show(PaymentStep::Capture { payment_id }).is_none());
}
