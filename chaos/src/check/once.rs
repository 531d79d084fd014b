//! I2: a command takes effect at most once, a retry gets the first answer, and what was refused did nothing.

use std::collections::HashMap;

use crate::{
    check::Findings,
    evidence::Evidence,
    journal::{Attempt, Entries, Order, Outcome},
};

pub(super) fn check(journal: &Entries, evidence: &Evidence, findings: &mut Findings) {
    let mut attempts: HashMap<usize, Vec<&Attempt>> = HashMap::new();
    for attempt in &journal.attempts {
        attempts.entry(attempt.command).or_default().push(attempt);
    }
    let mut wrong = vec![];
    let mut retried = 0;
    for (command, attempts) in &attempts {
        let command = &journal.commands[*command];
        if command.has_key && attempts.len() > 1 {
            retried += 1;
            // Of a payment each attempt that is declined leaves its events; that nobody pays twice, I8 says.
            if !matches!(command.order, Order::Pay { .. }) {
                wrong.extend(twice(&command.order, attempts, evidence));
            }
            wrong.extend(other_answers(&command.order, attempts));
        }
    }
    for (command, attempts) in &attempts {
        wrong.extend(made_twice(&journal.commands[*command].order, attempts, evidence));
    }
    wrong.sort();
    findings.compared("commands that were sent more than once", retried);
    findings.violations("I2", wrong);
    findings.violations("I2", effects_of_refusals(journal, evidence));
}

fn twice(order: &Order, attempts: &[&Attempt], evidence: &Evidence) -> Option<String> {
    let effective: Vec<&&Attempt> = attempts
        .iter()
        .filter(|attempt| evidence.by_correlation.contains_key(&attempt.correlation))
        .collect();
    (effective.len() > 1).then(|| {
        let effects = effective.iter().map(|attempt| &evidence.by_correlation[&attempt.correlation]);
        format!(
            "{} took effect {} times with one key: {:?}",
            order.name(),
            effective.len(),
            effects.collect::<Vec<_>>()
        )
    })
}

/// One command makes one event, or one booking, however often it was sent.
fn made_twice(order: &Order, attempts: &[&Attempt], evidence: &Evidence) -> Option<String> {
    let kind = order.makes()?;
    let effects = attempts.iter().filter_map(|attempt| evidence.by_correlation.get(&attempt.correlation));
    let begun = effects.flatten().filter(|((of, _), sequence)| of == kind && *sequence == 1);
    let begun: Vec<&str> = begun.map(|((_, id), _)| id.as_str()).collect();
    (begun.len() > 1).then(|| format!("{} made {} {kind}s: {begun:?}", order.name(), begun.len()))
}

fn other_answers(order: &Order, attempts: &[&Attempt]) -> Option<String> {
    // A session's tokens are others each time; an event's answer shows it as it is now.
    let whole = matches!(order, Order::Book(_) | Order::Extend { .. });
    let mut answers = attempts.iter().filter_map(|attempt| attempt.outcome.success());
    let first = answers.next()?;
    let other = answers.find(|answer| {
        answer.id != first.id || answer.status != first.status || (whole && answer.digest != first.digest)
    })?;
    Some(format!(
        "{} was answered with {} {:?} first and with {} {:?} when it came again with its key{}",
        order.name(),
        first.status,
        first.id,
        other.status,
        other.id,
        if other.id == first.id { ", with another body" } else { "" },
    ))
}

/// After a success, its key gives that success for a day; and a definite no changes nothing.
fn effects_of_refusals(journal: &Entries, evidence: &Evidence) -> Vec<String> {
    let mut wrong = vec![];
    let mut succeeded: HashMap<usize, &Attempt> = HashMap::new();
    for attempt in &journal.attempts {
        match &attempt.outcome {
            Outcome::Ok(_) => {
                succeeded.entry(attempt.command).or_insert(attempt);
            }
            Outcome::Unknown { .. } => {}
            Outcome::Refused { status, code } => {
                let command = &journal.commands[attempt.command];
                let name = command.order.name();
                let leaves_an_attempt = matches!(command.order, Order::Pay { .. });
                if !leaves_an_attempt && let Some(effects) = evidence.by_correlation.get(&attempt.correlation)
                {
                    wrong.push(format!("{name} was refused ({status} {code}) but did {effects:?}"));
                }
                let first = succeeded.get(&attempt.command).filter(|first| first.ended < attempt.started);
                let rests_on_the_command = *status == 409 && code != "request-in-progress";
                if command.has_key && rests_on_the_command && first.is_some() {
                    wrong.push(format!(
                        "{name} succeeded, and was refused ({code}) when it came again with its key"
                    ));
                }
            }
        }
    }
    wrong
}
