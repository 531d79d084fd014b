use chrono::TimeDelta;

use super::*;
use crate::facts::{Money, Offer};

const TYPE: Uuid = Uuid::from_u128(1);

fn noon() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().expect("a time")
}

fn taken(booking: u128, quantity: u64, seats: &[u128]) -> Taken {
    Taken {
        booking: Uuid::from_u128(booking),
        attendee: Uuid::from_u128(booking + 1_000),
        tickets: vec![(TYPE, quantity)],
        seats: seats.iter().map(|seat| Uuid::from_u128(*seat)).collect(),
        total: 0,
    }
}

fn held(booking: u128, seats: &[u128]) -> ShowFact {
    ShowFact::Held { taken: taken(booking, 1, seats), until: noon() }
}

/// What is wrong with the last fact, after the others, in a show of so many tickets.
fn wrong_with_the_last(capacity: u64, facts: &[ShowFact]) -> Vec<String> {
    let mut state = ShowState::default();
    state.apply(&ShowFact::Offered(vec![Offer { ticket_type: TYPE, capacity }]));
    let mut wrong = vec![];
    for fact in facts {
        assert!(wrong.is_empty(), "{wrong:?}");
        wrong = state.apply(fact);
    }
    wrong
}

#[test]
fn a_ticket_too_many_is_noticed_at_its_prefix() {
    let sold = |booking| ShowFact::Sold(taken(booking, 1, &[]));
    assert!(wrong_with_the_last(2, &[sold(1), sold(2)]).is_empty());
    assert_eq!(wrong_with_the_last(1, &[sold(1), sold(2)]).len(), 1);
    assert!(wrong_with_the_last(1, &[sold(1), ShowFact::Released(taken(1, 1, &[])), sold(2)]).is_empty());
    let smaller = ShowFact::Offered(vec![Offer { ticket_type: TYPE, capacity: 1 }]);
    assert_eq!(wrong_with_the_last(2, &[sold(1), sold(2), smaller]).len(), 1);
}

#[test]
fn a_seat_with_two_owners_is_noticed() {
    assert!(wrong_with_the_last(2, &[held(1, &[7]), held(2, &[8])]).is_empty());
    assert_eq!(wrong_with_the_last(2, &[held(1, &[7]), held(2, &[7])]).len(), 1);
}

#[test]
fn tickets_of_a_lapsed_hold_are_taken_until_it_has_expired() {
    let expired = ShowFact::Expired { taken: taken(1, 1, &[]), at: noon() };
    assert!(wrong_with_the_last(1, &[held(1, &[]), expired, held(2, &[])]).is_empty());
    assert_eq!(wrong_with_the_last(1, &[held(1, &[]), held(2, &[])]).len(), 1);
}

#[test]
fn what_was_held_is_sold_once() {
    let sold = || ShowFact::Sold(taken(1, 1, &[7]));
    assert!(
        wrong_with_the_last(1, &[held(1, &[7]), sold(), ShowFact::Released(taken(1, 1, &[7]))]).is_empty()
    );
    assert!(!wrong_with_the_last(1, &[held(1, &[7]), sold(), sold()]).is_empty());
    assert_eq!(wrong_with_the_last(1, &[held(1, &[8]), sold()]).len(), 1);
}

#[test]
fn a_hold_that_expires_early_or_twice_is_noticed() {
    let expired = |at| ShowFact::Expired { taken: taken(1, 1, &[]), at };
    assert_eq!(
        wrong_with_the_last(1, &[held(1, &[]), expired(noon() - TimeDelta::microseconds(1))]).len(),
        1
    );
    assert!(!wrong_with_the_last(1, &[held(1, &[]), expired(noon()), expired(noon())]).is_empty());
}

#[test]
fn a_booking_that_does_not_follow_its_show_is_noticed() {
    let (show, booking) = (Uuid::from_u128(9), Uuid::from_u128(1));
    let (_, said) = follows(show, &held(1, &[])).expect("a booking follows");
    let expired = BookingFact::Expired { show };
    let following = HashMap::from([(booking, vec![said.clone(), expired.clone()])]);
    assert!(disagreements(&following, &following).is_empty());
    let behind = HashMap::from([(booking, vec![said])]);
    assert_eq!(disagreements(&following, &behind).len(), 1);
    assert_eq!(disagreements(&HashMap::new(), &behind).len(), 1);
}

#[test]
fn a_booking_is_paid_when_its_show_sells_it_and_not_otherwise() {
    let (show, booking) = (Uuid::from_u128(9), Uuid::from_u128(1));
    let priced = Taken { total: 100, ..taken(1, 1, &[]) };
    let (_, sold) = follows(show, &ShowFact::Sold(priced.clone())).expect("a booking follows");
    let following = HashMap::from([(booking, vec![sold])]);
    let paid = |facts: &[BookingFact]| disagreements(&following, &HashMap::from([(booking, facts.to_vec())]));
    let what = Money { name: "PaymentStarted", payment: Uuid::from_u128(3), amount: 100 };
    let started = BookingFact::Money { show, what };
    let authorised = BookingFact::Authorised { show };
    let confirmed = BookingFact::Confirmed { show, taken: priced };
    assert!(paid(&[started.clone(), authorised, confirmed.clone()]).is_empty());
    assert_eq!(paid(&[started, confirmed]).len(), 1);
}

#[test]
fn a_booking_that_has_expired_is_cancelled_by_itself_and_no_other() {
    let (show, booking) = (Uuid::from_u128(9), Uuid::from_u128(1));
    let (_, said) = follows(show, &held(1, &[])).expect("a booking follows");
    let (expired, cancelled) = (BookingFact::Expired { show }, BookingFact::Cancelled { show });
    let wrong = |said: &[BookingFact], own: &[BookingFact]| {
        let of_one = |facts: &[BookingFact]| HashMap::from([(booking, facts.to_vec())]);
        disagreements(&of_one(said), &of_one(own)).len()
    };
    let expires = [said.clone(), expired];
    assert_eq!(wrong(&expires, &[&expires[..], std::slice::from_ref(&cancelled)].concat()), 0);
    assert_eq!(wrong(std::slice::from_ref(&said), &[said.clone(), cancelled]), 1);
}
