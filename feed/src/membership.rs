//! What a consumer knows of its place in its group: which partitions it has, and whether the group knows it.
//!
//! A rebalance is answered on a thread of its own. librdkafka's answer to that waits for librdkafka, for ever if need be, and
//! whoever polls the consumer must not: it has to see that it waits in vain. Until the answer is given, records of
//! partitions that go may still come; [`InHand`] does not count them.

use std::{
    sync::{
        Mutex, MutexGuard, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol, StreamConsumer},
    types::RDKafkaRespErr,
};
use serde::Deserialize;

use crate::{group_member::spawn, in_hand::InHand};

/// The context of a consumer.
#[derive(Default)]
pub(crate) struct Membership {
    pub(crate) in_hand: InHand,
    consumer: OnceLock<Weak<StreamConsumer<Self>>>,
    lost: AtomicBool,
    seen: Mutex<Option<Instant>>,
}

impl Membership {
    /// Tells whose context it is. Before that, and when the consumer ends, rebalances are answered where it is polled.
    pub(crate) fn is_of(&self, consumer: Weak<StreamConsumer<Self>>) {
        // It is told once.
        let _ = self.consumer.set(consumer);
    }

    /// Whether the group has gone on without this member at any time: it has missed it for longer than the session timeout.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// When librdkafka last said that the consumer is in its group, with or without partitions.
    pub(crate) fn seen(&self) -> Option<Instant> {
        *self.lock_seen()
    }

    fn lock_seen(&self) -> MutexGuard<'_, Option<Instant>> {
        self.seen.lock().expect("nobody panics while holding it")
    }
}

impl ClientContext for Membership {
    fn stats_raw(&self, statistics: &[u8]) {
        if is_in_its_group(statistics) {
            *self.lock_seen() = Some(Instant::now());
        }
    }
}

impl ConsumerContext for Membership {
    fn rebalance(
        &self,
        polled: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let are_gained = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        tracing::debug!(partitions = partitions.count(), are_gained, "rebalance");
        if are_gained {
            self.in_hand.gain(partitions);
        } else {
            self.in_hand.forget(partitions);
            self.lost.fetch_or(polled.assignment_lost(), Ordering::Relaxed);
        }
        match self.consumer.get().and_then(Weak::upgrade) {
            Some(consumer) => {
                let partitions = partitions.clone();
                // Without a thread the consumer is soon out of its group.
                spawn("kafka-rebalance", move || answer(&*consumer, are_gained, &partitions));
            }
            None => answer(polled, are_gained, partitions),
        }
    }
}

fn answer(consumer: &impl Consumer<Membership>, are_gained: bool, partitions: &TopicPartitionList) {
    let is_incremental = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
    let answered = match (are_gained, is_incremental) {
        (true, true) => consumer.incremental_assign(partitions),
        (true, false) => consumer.assign(partitions),
        (false, true) => consumer.incremental_unassign(partitions),
        (false, false) => consumer.unassign(),
    };
    if let Err(error) = answered {
        tracing::warn!(%error, "a rebalance failed");
    }
}

/// As librdkafka's `STATISTICS.md` and `rd_kafka_cgrp_join_state_names` say.
fn is_in_its_group(statistics: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Statistics {
        cgrp: Group,
    }
    #[derive(Deserialize)]
    struct Group {
        state: String,
        join_state: String,
    }
    serde_json::from_slice(statistics)
        .is_ok_and(|Statistics { cgrp }| cgrp.state == "up" && cgrp.join_state == "steady")
}

/// Longest time that a member may be out of its group while its source listens: other members may take long to answer a
/// rebalance.
const LONGEST_ABSENCE: Duration = Duration::from_secs(60);
/// A source that listens does so more often than this.
const LISTENS_WITHIN: Duration = Duration::from_secs(5);

/// For how long a member has been out of its group. Time in which its source did not listen does not count: nobody could
/// have told it then.
#[derive(Debug)]
pub(crate) struct Absence {
    since: Instant,
    listened: Instant,
}

impl Absence {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, listened: now }
    }

    /// The source listens. Since when the member is out of its group, if that is too long.
    pub(crate) fn too_long(&mut self, seen: Option<Instant>, now: Instant) -> Option<Instant> {
        if now.duration_since(self.listened) > LISTENS_WITHIN {
            self.since = now;
        }
        self.listened = now;
        self.since = seen.map_or(self.since, |seen| seen.max(self.since));
        (now.duration_since(self.since) > LONGEST_ABSENCE).then_some(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// What a source is told that listens every second, as long as librdkafka says what it says at each.
    fn after(seconds: u32, seen: impl Fn(Instant) -> Option<Instant>) -> Option<Duration> {
        let start = Instant::now();
        let mut absence = Absence::new(start);
        let told = (1..=seconds).map(|second| absence.too_long(seen(start), start + SECOND * second));
        told.last().flatten().map(|since| since.duration_since(start))
    }

    #[test]
    fn a_member_that_is_never_in_its_group_is_absent_for_too_long_after_a_while() {
        assert_eq!(after(60, |_| None), None);
        assert_eq!(after(61, |_| None), Some(Duration::ZERO));
    }

    #[test]
    fn the_absence_begins_when_the_member_was_last_in_its_group() {
        let seen = |start| Some(start + SECOND * 10);
        assert_eq!(after(70, seen), None);
        assert_eq!(after(71, seen), Some(SECOND * 10));
    }

    #[test]
    fn while_its_source_does_not_listen_no_member_is_absent() {
        let start = Instant::now();
        let mut absence = Absence::new(start);
        assert_eq!(absence.too_long(None, start + SECOND * 600), None);
        assert_eq!(absence.too_long(None, start + SECOND * 601), None);
    }

    #[test]
    fn a_member_without_partitions_is_in_its_group_and_one_that_waits_for_a_rebalance_is_not() {
        let said = |state: &str, join_state: &str| {
            format!(
                r#"{{"name":"rdkafka#1","cgrp":{{"state":"{state}","join_state":"{join_state}","assignment_size":0}}}}"#
            )
        };
        assert!(is_in_its_group(said("up", "steady").as_bytes()));
        assert!(!is_in_its_group(said("up", "wait-unassign-call").as_bytes()));
        assert!(!is_in_its_group(said("query-coord", "steady").as_bytes()));
        assert!(!is_in_its_group(b"{}"));
    }
}
