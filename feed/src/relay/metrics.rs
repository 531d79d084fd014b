//! What the relay says about itself in figures; `docs/metrics.md` lists them.
//!
//! What is measured in the database, every relay measures, leader or not: where nobody leads, that is what shows it.

use std::{error::Error, time::Duration};

use event_store::event_log::{Backlog, Epoch};
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use tokio::time::sleep;

use super::Relay;

/// How often the database is asked.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

const IS_LEADER: &str = "relay_is_leader";
const EPOCH: &str = "relay_epoch";
const OUTBOX: &str = "relay_outbox_events";
const OUTBOX_AGE: &str = "relay_outbox_oldest_age_seconds";
const UNPUBLISHED: &str = "relay_unpublished_events";
const NUMBERED: &str = "relay_numbered_events_total";
const PUBLISHED: &str = "relay_published_events_total";
const FAILURES: &str = "relay_failures_total";

/// What failed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Leading,
    Numbering,
    Publishing,
}

impl Step {
    const ALL: [Self; 3] = [Self::Leading, Self::Numbering, Self::Publishing];

    const fn name(self) -> &'static str {
        match self {
            Self::Leading => "leading",
            Self::Numbering => "numbering",
            Self::Publishing => "publishing",
        }
    }
}

impl Relay {
    /// Measures, for as long as it is asked to.
    pub(super) async fn measure(&self) {
        describe();
        loop {
            match self.store.backlog().await {
                Ok(Backlog { outbox, oldest, unpublished }) => {
                    gauge!(OUTBOX).set(outbox as f64);
                    gauge!(OUTBOX_AGE).set(oldest.as_secs_f64());
                    if self.brokers.is_some() {
                        gauge!(UNPUBLISHED).set(unpublished as f64);
                    }
                }
                Err(error) => {
                    tracing::debug!(error = &error as &dyn Error, "the relay's backlog cannot be measured");
                }
            }
            sleep(MEASURE_EVERY).await;
        }
    }
}

/// Each is there from the beginning, so that its first change is seen as one.
fn describe() {
    describe_gauge!(IS_LEADER, Unit::Count, "1 while this process leads, else 0.");
    describe_gauge!(EPOCH, Unit::Count, "How often the lead had been taken when this process took it last.");
    describe_gauge!(OUTBOX, Unit::Count, "Events that wait for their place in the event log.");
    describe_gauge!(
        OUTBOX_AGE,
        Unit::Seconds,
        "How long the event that waits longest has waited; 0 if none does."
    );
    describe_gauge!(UNPUBLISHED, Unit::Count, "Events of the event log that Kafka has not acknowledged.");
    describe_counter!(NUMBERED, Unit::Count, "Events that this process put into the event log.");
    describe_counter!(PUBLISHED, Unit::Count, "Events that Kafka has acknowledged to this process.");
    describe_counter!(FAILURES, Unit::Count, "What went wrong and was tried again.");
    gauge!(IS_LEADER).set(0);
    gauge!(EPOCH).set(0);
    counter!(NUMBERED).increment(0);
    counter!(PUBLISHED).increment(0);
    for step in Step::ALL {
        counter!(FAILURES, "step" => step.name()).increment(0);
    }
}

pub(super) fn leads(epoch: Epoch) {
    gauge!(IS_LEADER).set(1);
    gauge!(EPOCH).set(epoch.number() as f64);
}

pub(super) fn leads_no_longer() {
    gauge!(IS_LEADER).set(0);
}

pub(super) fn numbered(events: usize) {
    counter!(NUMBERED).increment(events as u64);
}

pub(super) fn published(events: i64) {
    counter!(PUBLISHED).increment(events.unsigned_abs());
}

pub(super) fn failed(step: Step) {
    counter!(FAILURES, "step" => step.name()).increment(1);
}
