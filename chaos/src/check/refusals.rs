//! I1, the other way round: a refusal must not contradict what was acknowledged before it was asked for.
//!
//! Each `sold-out`, `seat-taken`, `already-booked` and `event-cancelled` must have been true at some prefix of the show's
//! stream between what some client had been told before the request began, and what was recorded when the answer
//! came. Holds count until the request began: one that lapses on the way is given the benefit of the doubt.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    check::{Findings, ShowState},
    evidence::Evidence,
    journal::{Attempt, Entries, Order, Outcome, Wanted},
};

/// Times in this process and in the database may differ by what a call takes.
const SLACK: TimeDelta = TimeDelta::milliseconds(200);

struct Refusal<'a> {
    attempt: &'a Attempt,
    wanted: &'a Wanted,
    code: &'a str,
    /// The prefixes that it may rest on.
    from: i64,
    to: i64,
    is_justified: bool,
}

pub(super) fn check(journal: &Entries, evidence: &Evidence, findings: &mut Findings) {
    let told = told(journal);
    let mut by_show: HashMap<Uuid, Vec<Refusal<'_>>> = HashMap::new();
    for attempt in &journal.attempts {
        let Outcome::Refused { code, .. } = &attempt.outcome else { continue };
        let Order::Book(wanted) = &journal.commands[attempt.command].order else { continue };
        if !["sold-out", "seat-taken", "already-booked", "event-cancelled"].contains(&code.as_str()) {
            continue;
        }
        let stream = ("event".to_owned(), wanted.event.to_string());
        let Some(events) = evidence.streams.get(&stream) else { continue };
        let from = told.get(&wanted.event).map_or(1, |told| told_before(told, attempt.started));
        let recorded = events.iter().rev().find(|event| event.recorded_at <= attempt.ended + SLACK);
        let to = recorded.map_or(0, |event| event.sequence).max(from);
        let refusal = Refusal { attempt, wanted, code, from, to, is_justified: false };
        by_show.entry(wanted.event).or_default().push(refusal);
    }
    let mut wrong = vec![];
    let mut compared = 0;
    for (show, mut refusals) in by_show {
        compared += refusals.len() as u64;
        let Some(facts) = evidence.shows.get(&show) else { continue };
        let mut state = ShowState::default();
        for (sequence, fact) in (1..).zip(facts) {
            state.apply(fact);
            let open = refusals.iter_mut().filter(|r| !r.is_justified && (r.from..=r.to).contains(&sequence));
            open.for_each(|refusal| refusal.is_justified = refusal.is_true_of(&state));
        }
        let unjustified = refusals.into_iter().filter(|refusal| !refusal.is_justified);
        wrong.extend(unjustified.map(|refusal| refusal.to_string()));
    }
    findings.compared("refusals of bookings, with all that they may rest on", compared);
    findings.violations("I1", wrong);
}

impl Refusal<'_> {
    fn is_true_of(&self, state: &ShowState) -> bool {
        let at = self.attempt.started - SLACK;
        match self.code {
            "sold-out" => {
                self.wanted.tickets.iter().any(|(id, quantity)| state.available(*id, at) < *quantity)
            }
            "seat-taken" => self.wanted.seats.iter().any(|seat| state.owner(*seat, at).is_some()),
            "already-booked" => state
                .open
                .values()
                .any(|open| open.taken.attendee == self.wanted.attendee && open.is_good_at(at)),
            _ => state.is_cancelled,
        }
    }
}

impl std::fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (code, event, attendee) = (self.code, self.wanted.event, self.wanted.attendee);
        let (started, ended) = (self.attempt.started, self.attempt.ended);
        write!(
            f,
            "{attendee} was refused tickets of event {event} ({code}, asked {started}, answered {ended}), \
             which was true nowhere from {} to {}",
            self.from, self.to
        )
    }
}

/// Of each show: when somebody was told that its stream had come to a sequence, in order, never less than before.
fn told(journal: &Entries) -> HashMap<Uuid, Vec<(DateTime<Utc>, i64)>> {
    let mut told: HashMap<Uuid, Vec<(DateTime<Utc>, i64)>> = HashMap::new();
    for attempt in &journal.attempts {
        let written = attempt.outcome.success().map(|success| success.written.as_slice()).unwrap_or_default();
        for ((_, id), sequence) in written.iter().filter(|((kind, _), _)| kind == "event") {
            if let Ok(show) = id.parse() {
                told.entry(show).or_default().push((attempt.ended, *sequence));
            }
        }
    }
    for told in told.values_mut() {
        told.sort_unstable();
        let mut highest = 0;
        for (_, sequence) in told {
            highest = highest.max(*sequence);
            *sequence = highest;
        }
    }
    told
}

fn told_before(told: &[(DateTime<Utc>, i64)], time: DateTime<Utc>) -> i64 {
    let before = told.partition_point(|(ended, _)| *ended < time);
    before.checked_sub(1).map_or(1, |place| told[place].1)
}
