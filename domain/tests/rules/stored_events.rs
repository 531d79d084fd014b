//! Events are stored for ever: every version that was ever written must be understood, and be written the same.
//!
//! `stored-events.jsonl` has a line or more for each type and version. A line is never changed or taken out.

use std::collections::BTreeSet;

use cqrs_es::DomainEvent;
use domain::{booking::BookingEvent, show::ShowEvent, user::UserEvent};
use serde_json::Value;

const LINES: &str = include_str!("stored-events.jsonl");

/// All types that exist, with the version that is written today.
const TODAY: &[(&str, &str)] = &[
    ("UserRegistered", "1"),
    ("UserErased", "1"),
    ("UserChanged", "1"),
    ("HostFollowed", "1"),
    ("HostUnfollowed", "1"),
    ("InterestShown", "1"),
    ("InterestWithdrawn", "1"),
    ("PreferencesChanged", "1"),
    ("NotificationRead", "1"),
    ("EventCreated", "1"),
    ("EventPublished", "1"),
    ("EventChanged", "1"),
    ("EventCancelled", "1"),
    ("EventDeleted", "1"),
    ("SalesStarted", "1"),
    ("TicketsHeld", "1"),
    ("HoldExtended", "1"),
    ("HoldExpired", "1"),
    ("TicketsSold", "1"),
    ("TicketsReleased", "1"),
    ("BookingHeld", "1"),
    ("BookingExtended", "1"),
    ("BookingConfirmed", "1"),
    ("BookingExpired", "1"),
    ("BookingCancelled", "1"),
    ("PaymentStarted", "1"),
    ("PaymentActionRequired", "1"),
    ("PaymentDeclined", "1"),
    ("PaymentAuthorised", "1"),
    ("PaymentCaptured", "1"),
    ("PaymentCaptureFailed", "1"),
    ("PaymentVoided", "1"),
    ("RefundRequested", "1"),
    ("RefundMade", "1"),
    ("RefundFailed", "1"),
    ("RefundResumed", "1"),
];

fn understood<E: DomainEvent>(payload: &Value) -> (String, String) {
    let event: E = serde_json::from_value(payload.clone()).expect("a stored event is understood");
    assert_eq!(&serde_json::to_value(&event).expect("serializes"), payload, "written the same");
    (event.event_type(), event.event_version())
}

#[test]
fn every_stored_version_is_understood() {
    let mut seen = BTreeSet::new();
    for line in LINES.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let payload = &line["payload"];
        let (event_type, version) = match line["stream"].as_str() {
            Some("user") => understood::<UserEvent>(payload),
            Some("event") => understood::<ShowEvent>(payload),
            Some("booking") => understood::<BookingEvent>(payload),
            other => panic!("no such stream: {other:?}"),
        };
        assert_eq!(line["type"], Value::String(event_type.clone()));
        seen.insert((event_type, version));
    }
    let today = TODAY.iter().map(|(event_type, version)| ((*event_type).to_owned(), (*version).to_owned()));
    assert_eq!(seen, today.collect::<BTreeSet<_>>(), "the file has exactly the types and versions of today");
}
