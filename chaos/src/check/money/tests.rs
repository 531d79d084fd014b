use super::*;
use crate::facts::{Money, Taken};

const SHOW: Uuid = Uuid::from_u128(9);
const PAYMENT: Uuid = Uuid::from_u128(3);

fn money(name: &'static str) -> BookingFact {
    BookingFact::Money { show: SHOW, what: Money { name, payment: PAYMENT, amount: 2_500 } }
}

fn confirmed() -> BookingFact {
    let id = Uuid::from_u128(1);
    let taken = Taken { booking: id, attendee: id, tickets: vec![], seats: vec![], total: 2_500 };
    BookingFact::Confirmed { show: SHOW, taken }
}

fn paid() -> Vec<BookingFact> {
    let authorised = BookingFact::Authorised { show: SHOW };
    vec![money("PaymentStarted"), authorised, money("PaymentCaptured"), confirmed()]
}

/// What is wrong with a booking whose payment the gateway knows so.
fn wrong(facts: &[BookingFact], kept: i64, is_set_aside: bool) -> Option<String> {
    let gateway = HashMap::from([(PAYMENT, AtGateway { kept, is_set_aside })]);
    Books::of(facts).disagreement(&gateway)
}

#[test]
fn a_ticket_without_its_money_and_money_without_its_ticket_are_noticed() {
    assert_eq!(wrong(&paid(), 2_500, false), None);
    assert!(wrong(&paid(), 0, false).is_some());
    assert!(wrong(&[confirmed()], 0, false).is_some());
    assert!(wrong(&paid()[..3], 2_500, false).is_some());
    let declined = [money("PaymentStarted"), money("PaymentDeclined")];
    assert_eq!(wrong(&declined, 0, false), None);
    assert!(wrong(&declined, 0, true).is_some());
    assert!(wrong(&declined, 2_500, false).is_some());
}

#[test]
fn what_went_back_is_kept_by_nobody() {
    let ended = [BookingFact::Cancelled { show: SHOW }, money("RefundRequested")];
    let on_its_way = [paid(), ended.to_vec()].concat();
    assert_eq!(wrong(&on_its_way, 2_500, false), None);
    let made = [on_its_way, vec![money("RefundMade")]].concat();
    assert_eq!(wrong(&made, 0, false), None);
    assert!(wrong(&made, 2_500, false).is_some());
}

#[test]
fn who_pays_twice_is_noticed() {
    let twice = [paid(), vec![money("PaymentStarted"), money("PaymentCaptured")]].concat();
    assert!(wrong(&twice, 5_000, false).is_some());
}

#[test]
fn a_page_of_the_gateway_is_read() {
    let page = r#"{"amount":2500,"standing":"Captured","refunded":[{"amount":500,"standing":"Made"},
                   {"amount":2000,"standing":"Failed"}]}"#;
    let name = format!("pi_test_{}", PAYMENT.simple());
    assert_eq!(read(&name, page).unwrap(), (PAYMENT, AtGateway { kept: 2_000, is_set_aside: false }));
}

#[test]
fn what_is_to_be_done_about_money_must_be_noted() {
    for (name, is_due) in [
        ("PaymentStarted", true),
        ("PaymentActionRequired", true),
        ("RefundRequested", true),
        ("RefundResumed", true),
        ("RefundFailed", false),
        ("RefundMade", false),
        ("PaymentCaptured", false),
    ] {
        assert_eq!(Books::of(&[money(name)]).is_due, is_due, "{name}");
    }
    let authorised = [money("PaymentStarted"), BookingFact::Authorised { show: SHOW }];
    assert!(Books::of(&authorised).is_due);
}

#[test]
fn money_that_no_event_names_is_noticed() {
    let gateway = |kept, is_set_aside| HashMap::from([(PAYMENT, AtGateway { kept, is_set_aside })]);
    let mut evidence = Evidence::default();
    assert_eq!(nobodys(&gateway(0, false), &evidence).len(), 0);
    assert_eq!(nobodys(&gateway(0, true), &evidence).len(), 1);
    assert_eq!(nobodys(&gateway(2_500, false), &evidence).len(), 1);
    evidence.bookings.insert(Uuid::from_u128(1), paid());
    assert_eq!(nobodys(&gateway(2_500, false), &evidence).len(), 0);
}
