//! A consumer that commits and ends on threads of its own.
//!
//! librdkafka ends a member of a group by polling until the group's coordinator has heard of it: it blocks, and without
//! brokers it never returns. Nobody here waits for that longer than he wants to.

use std::{
    ops::Deref,
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    consumer::{CommitMode, Consumer, StreamConsumer},
    error::KafkaError,
};
use tokio::{sync::oneshot, time::timeout};

use crate::membership::Membership;

/// How long a group waits for a member that says nothing, until its partitions go to others.
pub(crate) const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an orderly end waits for the coordinator.
const LEAVE_DEADLINE: Duration = Duration::from_secs(3);
/// How often it looks whether a commit that is under way has ended.
const LEAVE_POLL: Duration = Duration::from_millis(5);

/// A member of a consumer group.
pub(crate) struct GroupMember {
    consumer: Option<Arc<StreamConsumer<Membership>>>,
    /// As long as a commit is under way.
    committing: Weak<()>,
}

impl GroupMember {
    pub(crate) fn new(consumer: StreamConsumer<Membership>) -> Self {
        let consumer = Arc::new(consumer);
        consumer.context().is_of(Arc::downgrade(&consumer));
        Self { consumer: Some(consumer), committing: Weak::new() }
    }

    /// Commits what is to be, if there is anything and no commit is under way; whether it does. What is refused is to be
    /// committed again. Only who waits for the answer is told that: librdkafka calls back by a callback of its own, which
    /// rdkafka does not set, and not by the event that it listens for. So a thread waits.
    pub(crate) fn commit(&mut self) -> Result<bool, KafkaError> {
        let consumer = self.consumer.as_ref().expect("a member is there until it ends");
        if self.is_committing() {
            return Ok(false);
        }
        let offsets = consumer.context().in_hand.take()?;
        if offsets.count() == 0 {
            return Ok(false);
        }
        let under_way = Arc::new(());
        let (committing, committed, refused) =
            (Arc::downgrade(&under_way), consumer.clone(), offsets.clone());
        let has_begun = spawn("kafka-commit", move || {
            if let Err(error) = committed.commit(&offsets, CommitMode::Sync) {
                tracing::warn!(%error, "offsets were not committed; they will be again");
                committed.context().in_hand.put_back(&offsets);
            }
            drop(under_way);
        });
        if !has_begun {
            consumer.context().in_hand.put_back(&refused);
        }
        self.committing = committing;
        Ok(has_begun)
    }

    /// Whether there is something to be committed that could be now.
    pub(crate) fn is_due(&self) -> bool {
        !self.is_committing() && !self.context().in_hand.is_empty()
    }

    pub(crate) fn is_committing(&self) -> bool {
        self.committing.strong_count() > 0
    }

    /// Returns when the group knows that this member is gone, or does not answer.
    pub(crate) async fn leave(mut self) {
        let Some(left) = self.end() else { return };
        // Either way: the group will find out by itself.
        let _ = timeout(LEAVE_DEADLINE, left).await;
    }

    fn end(&mut self) -> Option<oneshot::Receiver<()>> {
        let consumer = self.consumer.take()?;
        let (leaving, left) = oneshot::channel();
        let end = move || {
            // A commit may be under way.
            let end = Instant::now() + LEAVE_DEADLINE;
            while Arc::strong_count(&consumer) > 1 && Instant::now() < end {
                thread::sleep(LEAVE_POLL);
            }
            drop(consumer);
            // Nobody may be waiting.
            let _ = leaving.send(());
        };
        spawn("kafka-leave", end);
        Some(left)
    }
}

/// For what waits for librdkafka or the brokers. Whether it has begun.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> bool {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(work);
    if let Err(error) = &spawned {
        tracing::error!(%error, name, "no thread for the work of a consumer");
    }
    spawned.is_ok()
}

impl Deref for GroupMember {
    type Target = StreamConsumer<Membership>;

    fn deref(&self) -> &StreamConsumer<Membership> {
        self.consumer.as_ref().expect("a member is there until it ends")
    }
}

impl Drop for GroupMember {
    fn drop(&mut self) {
        self.end();
    }
}
