//! What a booking decides about its money.

use domain::{
    PaymentId, RefundId,
    booking::{
        Booking, BookingCommand, BookingError, BookingEvent, BookingStatus, Due, OfPayment, OfRefund,
        PaymentCommand, PaymentReference, PaymentState, PaymentStep, ReasonCode, RefundCause,
    },
    show::Taken,
};
use uuid::Uuid;

use crate::{
    attendee, booking,
    booking::{cancel, cancelled, expired, folded, given, held},
    facts::{eur, took_seats},
    minute, show_id,
};

pub(crate) fn payment(number: u128) -> PaymentId {
    PaymentId::new(Uuid::from_u128((7 << 76) + number))
}

pub(crate) fn of(number: u128) -> OfPayment {
    OfPayment {
        booking_id: booking(1),
        event_id: show_id(),
        user_id: attendee(1),
        payment_id: payment(number),
    }
}

fn of_refund() -> OfRefund {
    OfRefund { payment: of(1), refund_id: RefundId::of(payment(1), 0) }
}

pub(crate) fn reference() -> PaymentReference {
    PaymentReference::parse("pi_1").expect("a reference")
}

pub(crate) fn reason() -> ReasonCode {
    ReasonCode::of("insufficient_funds")
}

fn pay(step: PaymentStep) -> BookingCommand {
    BookingCommand::Pay(PaymentCommand { step, at: minute(1) })
}

pub(crate) fn start(number: u128) -> BookingCommand {
    pay(PaymentStep::Start { payment_id: payment(number) })
}

fn authorise() -> BookingCommand {
    pay(PaymentStep::Authorise { payment_id: payment(1), reference: reference() })
}

fn capture() -> BookingCommand {
    pay(PaymentStep::Capture { payment_id: payment(1) })
}

fn decline() -> BookingCommand {
    pay(PaymentStep::Decline { payment_id: payment(1), reason: reason() })
}

fn void() -> BookingCommand {
    pay(PaymentStep::Void { payment_id: payment(1), reason: reason() })
}

pub(crate) fn started(number: u128) -> BookingEvent {
    BookingEvent::PaymentStarted { of: of(number), amount: eur(3_500), at: minute(1) }
}

pub(crate) fn action_required() -> BookingEvent {
    BookingEvent::PaymentActionRequired { of: of(1), reference: reference(), at: minute(1) }
}

pub(crate) fn declined() -> BookingEvent {
    BookingEvent::PaymentDeclined { of: of(1), reason: reason(), at: minute(1) }
}

pub(crate) fn authorised() -> BookingEvent {
    BookingEvent::PaymentAuthorised { of: of(1), reference: reference(), at: minute(1) }
}

fn captured() -> BookingEvent {
    BookingEvent::PaymentCaptured { of: of(1), amount: eur(3_500), at: minute(1) }
}

pub(crate) fn voided() -> BookingEvent {
    BookingEvent::PaymentVoided { of: of(1), reason: reason(), at: minute(1) }
}

fn confirmed() -> BookingEvent {
    let Taken { booking_id, attendee_id: user_id, tickets, seats } = took_seats(1, &[0, 4]);
    let (event_id, total) = (show_id(), eur(3_500));
    BookingEvent::BookingConfirmed { booking_id, event_id, user_id, tickets, seats, total, at: minute(1) }
}

fn requested(cause: RefundCause) -> BookingEvent {
    BookingEvent::RefundRequested { of: of_refund(), amount: eur(3_500), cause, at: minute(1) }
}

fn refund_made() -> BookingEvent {
    BookingEvent::RefundMade { of: of_refund(), amount: eur(3_500), at: minute(1) }
}

fn refund_failed() -> BookingEvent {
    BookingEvent::RefundFailed { of: of_refund(), amount: eur(3_500), reason: reason(), at: minute(1) }
}

fn paid() -> Vec<BookingEvent> {
    vec![held(), started(1), authorised(), captured(), confirmed()]
}

fn paid_and(more: impl IntoIterator<Item = BookingEvent>) -> Vec<BookingEvent> {
    paid().into_iter().chain(more).collect()
}

#[test]
fn only_what_is_held_and_costs_something_can_be_paid() {
    given(vec![held(), expired()]).when(start(1)).then_expect_error(BookingError::HoldExpired);
    given(vec![held(), cancelled()]).when(start(1)).then_expect_error(BookingError::NotPayable);
    given(paid()).when(start(2)).then_expect_error(BookingError::NotPayable);
    let late = BookingCommand::Pay(PaymentCommand {
        step: PaymentStep::Start { payment_id: payment(1) },
        at: minute(15),
    });
    given(vec![held()]).when(late).then_expect_error(BookingError::HoldExpired);
}

#[test]
fn what_is_authorised_is_captured_and_then_confirmed_in_one_step() {
    given(vec![held(), started(1)]).when(authorise()).then_expect_events(vec![authorised()]);
    given(vec![held(), started(1), authorised()])
        .when(capture())
        .then_expect_events(vec![captured(), confirmed()]);
    let state = folded(paid());
    let placed = state.placed().expect("placed");
    assert_eq!((placed.status, placed.due()), (BookingStatus::Confirmed, None));
    assert_eq!(placed.payments[0].state, PaymentState::Captured, "the money is not forgotten");
}

#[test]
fn news_that_come_again_or_late_do_nothing() {
    for news in [authorise(), capture(), decline(), void()] {
        given(paid()).when(news).then_expect_events(vec![]);
    }
    for news in [decline(), void()] {
        given(vec![held(), started(1), declined()]).when(news).then_expect_events(vec![]);
    }
    given(vec![held(), started(1), authorised()]).when(authorise()).then_expect_events(vec![]);
    given(vec![held(), started(1), authorised()]).when(decline()).then_expect_events(vec![]);
    let again = pay(PaymentStep::RequireAction { payment_id: payment(1), reference: reference() });
    given(vec![held(), started(1)]).when(again.clone()).then_expect_events(vec![action_required()]);
    given(vec![held(), started(1), action_required()]).when(again).then_expect_events(vec![]);
}

#[test]
fn tickets_that_are_paid_are_never_given_back_by_voiding() {
    given(vec![held(), started(1), authorised()]).when(void()).then_expect_events(vec![]);
    given(vec![held(), started(1), authorised(), cancelled()])
        .when(void())
        .then_expect_events(vec![voided()]);
}

#[test]
fn an_attempt_that_is_over_authorises_nothing() {
    for over in [declined(), voided()] {
        given(vec![held(), started(1), over]).when(authorise()).then_expect_error(BookingError::PaymentOver);
    }
    given(vec![held(), started(1), cancelled()])
        .when(authorise())
        .then_expect_error(BookingError::NotPayable);
}

#[test]
fn what_expired_can_still_be_authorised_because_the_show_knows_whether_it_is_free() {
    given(vec![held(), started(1), expired()]).when(authorise()).then_expect_events(vec![authorised()]);
    let state = folded(vec![held(), started(1), expired(), authorised()]);
    let placed = state.placed().expect("placed");
    assert_eq!(placed.status_at(minute(1_000)), BookingStatus::Held, "nothing lapses any more");
}

#[test]
fn what_expired_can_be_cancelled_while_its_bank_may_still_say_yes() {
    for open in [vec![started(1)], vec![started(1), action_required()]] {
        let facts = [vec![held()], open, vec![expired()]].concat();
        given(facts.clone()).when(cancel()).then_expect_events(vec![cancelled()]);
        let facts = [facts, vec![cancelled()]].concat();
        given(facts.clone()).when(cancel()).then_expect_events(vec![]);
        given(facts).when(authorise()).then_expect_error(BookingError::NotPayable);
    }
    given(vec![held(), started(1), declined(), expired()]).when(cancel()).then_expect_events(vec![]);
}

#[test]
fn money_that_was_captured_for_no_tickets_goes_back_in_the_same_step() {
    given(vec![held(), started(1), authorised(), cancelled()])
        .when(capture())
        .then_expect_events(vec![captured(), requested(RefundCause::TooLate)]);
}

#[test]
fn the_end_of_a_paid_booking_sends_back_what_is_left_and_never_more() {
    given(paid()).when(cancel()).then_expect_events(
        vec![cancelled(), requested(RefundCause::BookingCancelled)]
            .into_iter()
            .map(at_minute_of_cancel)
            .collect(),
    );
    let over = paid_and([cancelled(), requested(RefundCause::BookingCancelled)]);
    given(over.clone()).when(cancel()).then_expect_events(vec![]);
    let state = folded(over);
    let placed = state.placed().expect("placed");
    assert_eq!(placed.refundable(&placed.payments[0]), eur(0));
}

/// `cancel()` comes early, where the other commands come a minute later.
fn at_minute_of_cancel(mut event: BookingEvent) -> BookingEvent {
    if let BookingEvent::RefundRequested { at, .. } = &mut event {
        *at = minute(0);
    }
    event
}

#[test]
fn a_refund_fails_and_is_resumed_and_is_made_once() {
    let facts = paid_and([cancelled(), requested(RefundCause::BookingCancelled)]);
    let with = |more: &[BookingEvent]| facts.iter().chain(more).cloned().collect::<Vec<_>>();
    let refund_id = of_refund().refund_id;
    let make = || pay(PaymentStep::MakeRefund { refund_id });
    let fail = || pay(PaymentStep::FailRefund { refund_id, reason: reason() });
    let resume = || pay(PaymentStep::ResumeRefund { refund_id });
    let resumed = BookingEvent::RefundResumed { of: of_refund(), at: minute(1) };
    given(with(&[])).when(make()).then_expect_events(vec![refund_made()]);
    given(with(&[refund_made()])).when(make()).then_expect_events(vec![]);
    given(with(&[])).when(fail()).then_expect_events(vec![refund_failed()]);
    given(with(&[refund_failed()])).when(fail()).then_expect_events(vec![]);
    given(with(&[refund_made()])).when(fail()).then_expect_events(vec![refund_failed()]);
    given(with(&[refund_failed()])).when(make()).then_expect_events(vec![refund_made()]);
    given(with(&[refund_failed()])).when(resume()).then_expect_events(vec![resumed.clone()]);
    given(with(&[])).when(resume()).then_expect_events(vec![]);
    let state = folded(with(&[refund_failed(), resumed]));
    let placed = state.placed().expect("placed");
    assert_eq!((placed.refunds[0].resumed, placed.due()), (1, Some(Due::Refund(&placed.refunds[0]))));
    let unknown = pay(PaymentStep::MakeRefund { refund_id: RefundId::of(payment(9), 0) });
    given(with(&[])).when(unknown).then_expect_error(BookingError::NoSuchRefund);
}

#[test]
fn what_is_due_follows_from_the_events_alone() {
    let due = |facts: Vec<BookingEvent>| {
        let state = folded(facts);
        match state.placed().expect("placed").due() {
            None => "nothing",
            Some(Due::Decide(_)) => "decide",
            Some(Due::Capture(_)) => "capture",
            Some(Due::GiveBack(_)) => "give back",
            Some(Due::Refund(_)) => "refund",
        }
    };
    assert_eq!(due(vec![held()]), "nothing");
    assert_eq!(due(vec![held(), started(1)]), "decide");
    assert_eq!(due(vec![held(), started(1), expired()]), "decide");
    assert_eq!(due(vec![held(), started(1), cancelled()]), "decide");
    assert_eq!(due(vec![held(), started(1), action_required()]), "decide");
    assert_eq!(due(vec![held(), started(1), declined()]), "nothing");
    assert_eq!(due(vec![held(), started(1), authorised()]), "capture");
    assert_eq!(due(vec![held(), started(1), authorised(), cancelled()]), "give back");
    assert_eq!(due(vec![held(), started(1), authorised(), cancelled(), voided()]), "nothing");
    assert_eq!(due(paid_and([cancelled(), requested(RefundCause::EventCancelled)])), "refund");
    assert_eq!(
        due(paid_and([cancelled(), requested(RefundCause::EventCancelled), refund_failed()])),
        "nothing"
    );
}

#[test]
fn of_booking_that_was_not_placed_nothing_is_paid() {
    assert_eq!(Booking::default().decide(start(1)), Err(BookingError::NotPlaced));
}
