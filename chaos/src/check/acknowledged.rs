//! I1: what was acknowledged is in the events and in the event log, in every stream of it.

use uuid::Uuid;

use crate::{
    check::Findings,
    evidence::{Evidence, StoredEvent},
    journal::{Entries, Order, StreamKey, Success},
};

pub(super) fn check(journal: &Entries, evidence: &Evidence, findings: &mut Findings) {
    let mut missing = vec![];
    let mut compared = 0;
    for attempt in &journal.attempts {
        let Some(success) = attempt.outcome.success() else { continue };
        compared += 1;
        let order = &journal.commands[attempt.command].order;
        missing.extend(missing_of(order, success, evidence).map(|what| {
            format!("{} was answered with {} at {}, but {what}", order.name(), success.status, attempt.ended)
        }));
    }
    missing.extend(untold(journal, evidence));
    findings.compared("acknowledged commands, each stream that they wrote", compared);
    for planted in journal.planted.iter().filter(|planted| planted.acknowledged) {
        if evidence.end(&planted.stream) < planted.events {
            let (kind, id) = &planted.stream;
            missing.push(format!("{kind}:{id}, whose commit was acknowledged, is not in events"));
        }
    }
    findings.violations("I1", missing);
    findings.violations("I1", not_logged(evidence));
}

/// Who has done something is told of it. Not of what followed from it later, under the same correlation id; and what is named
/// may be beyond it, where the answer came by another way than the append's.
fn untold(journal: &Entries, evidence: &Evidence) -> Vec<String> {
    let mut untold = vec![];
    for attempt in &journal.attempts {
        let order = &journal.commands[attempt.command].order;
        let effects = evidence.by_correlation.get(&attempt.correlation);
        if let Some((success, effects)) = attempt.outcome.success().zip(effects)
            && order.writes()
        {
            let is_told = |(stream, sequence): &(StreamKey, i64)| {
                success.written.iter().any(|(told, up_to)| told == stream && up_to >= sequence)
            };
            if !effects.iter().any(is_told) {
                untold.push(format!("{} did {effects:?}, and its answer names none of it", order.name()));
            }
        }
    }
    untold
}

fn missing_of(order: &Order, success: &Success, evidence: &Evidence) -> Option<String> {
    if success.written.is_empty() && order.writes() {
        return Some("it does not say what was written".to_owned());
    }
    for (stream, sequence) in &success.written {
        if evidence.end(stream) < *sequence {
            let (kind, id) = stream;
            return Some(format!(
                "{kind}:{id} ends at {} and not at {sequence} or later",
                evidence.end(stream)
            ));
        }
    }
    let made = order.makes().zip(success.id).map(|(kind, id)| (kind.to_owned(), id.to_string()));
    let absent = made.into_iter().chain(order.subject()).find(|stream| evidence.end(stream) == 0);
    if let Some((kind, id)) = absent {
        return Some(format!("there is no {kind} {id}"));
    }
    match order {
        Order::CancelEvent { event } => not_cancelled(*event, evidence),
        Order::CancelBooking { booking } => not_ended(*booking, evidence),
        Order::Pay { booking } => not_confirmed(*booking, evidence),
        Order::Register
        | Order::LogIn
        | Order::CreateEvent
        | Order::Publish { .. }
        | Order::ChangeEvent { .. }
        | Order::Book(_)
        | Order::Extend { .. }
        | Order::Follow { .. }
        | Order::Unfollow { .. }
        | Order::ShowInterest { .. } => None,
    }
}

fn not_cancelled(event: Uuid, evidence: &Evidence) -> Option<String> {
    let events = evidence.streams.get(&("event".to_owned(), event.to_string()))?;
    let is_cancelled = events.iter().any(|event| event.event_type == "EventCancelled");
    (!is_cancelled).then(|| format!("event {event} is not cancelled"))
}

fn not_ended(booking: Uuid, evidence: &Evidence) -> Option<String> {
    let events = evidence.streams.get(&("booking".to_owned(), booking.to_string()))?;
    // What becomes of its money comes afterwards.
    let is_of_money = |event: &&StoredEvent| {
        event.event_type.starts_with("Payment") || event.event_type.starts_with("Refund")
    };
    let last = events.iter().rev().find(|event| !is_of_money(event))?;
    let is_ended = matches!(last.event_type.as_str(), "BookingCancelled" | "BookingExpired");
    (!is_ended).then(|| format!("booking {booking} ends with {}", last.event_type))
}

fn not_confirmed(booking: Uuid, evidence: &Evidence) -> Option<String> {
    let events = evidence.streams.get(&("booking".to_owned(), booking.to_string()))?;
    let is_confirmed = events.iter().any(|event| event.event_type == "BookingConfirmed");
    (!is_confirmed).then(|| format!("booking {booking} was never confirmed"))
}

/// Every event has its place.
fn not_logged(evidence: &Evidence) -> Vec<String> {
    let streams = evidence.streams.iter();
    let without = streams.flat_map(|(stream, events)| {
        events.iter().filter(|event| event.global_position.is_none()).map(move |event| (stream, event))
    });
    let told = |((kind, id), event): (&StreamKey, &StoredEvent)| {
        format!(
            "{} {} of {kind}:{id} is in events and not in the event log",
            event.event_type, event.sequence
        )
    };
    without.map(told).collect()
}
