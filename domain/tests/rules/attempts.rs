//! Beginning to pay: how often, and of what.

use domain::booking::{BookingError, BookingEvent, MAX_PAYMENTS, ReasonCode};

use crate::{
    booking::{given, held},
    facts::eur,
    minute,
    payments::{action_required, authorised, declined, of, payment, start, started, voided},
};

#[test]
fn an_attempt_is_of_the_whole_amount_and_stands_before_anything_else() {
    given(vec![held()]).when(start(1)).then_expect_events(vec![started(1)]);
    given(vec![held(), started(1)]).when(start(1)).then_expect_events(vec![]);
}

#[test]
fn one_attempt_is_open_at_a_time() {
    let in_progress = || BookingError::PaymentInProgress { payment_id: payment(1) };
    given(vec![held(), started(1)]).when(start(2)).then_expect_error(in_progress());
    given(vec![held(), started(1), action_required()]).when(start(2)).then_expect_error(in_progress());
    given(vec![held(), started(1), authorised()]).when(start(2)).then_expect_error(in_progress());
    for over in [declined(), voided()] {
        given(vec![held(), started(1), over]).when(start(2)).then_expect_events(vec![started(2)]);
    }
}

#[test]
fn nobody_tries_cards_without_end_and_a_gateway_that_is_down_counts_for_nothing() {
    let tried = |number: usize, reason: &'static str| {
        let of = of(100 + number as u128);
        let started = BookingEvent::PaymentStarted { of, amount: eur(3_500), at: minute(1) };
        [started, BookingEvent::PaymentDeclined { of, reason: ReasonCode::of(reason), at: minute(1) }]
    };
    let all = |count, reason| {
        [held()].into_iter().chain((0..count).flat_map(|number| tried(number, reason))).collect::<Vec<_>>()
    };
    let refused = BookingError::TooManyPayments { max: MAX_PAYMENTS };
    given(all(MAX_PAYMENTS, "card_declined")).when(start(1)).then_expect_error(refused);
    given(all(MAX_PAYMENTS - 1, "card_declined")).when(start(1)).then_expect_events(vec![started(1)]);
    let down = all(2 * MAX_PAYMENTS, ReasonCode::GATEWAY_UNAVAILABLE);
    given(down).when(start(1)).then_expect_events(vec![started(1)]);
}
