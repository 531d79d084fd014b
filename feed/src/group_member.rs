//! A consumer that ends on a thread of its own.
//!
//! librdkafka ends a member of a group by polling until the group's coordinator has heard of it: it blocks, and without
//! brokers it never returns. Nobody here waits for that longer than he wants to.

use std::{ops::Deref, sync::Arc, thread, time::Duration};

use rdkafka::consumer::{Consumer, StreamConsumer};
use tokio::{sync::oneshot, time::timeout};

use crate::membership::Membership;

/// How long a group waits for a member that says nothing, until its partitions go to others.
pub(crate) const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an orderly end waits for the coordinator.
const LEAVE_DEADLINE: Duration = Duration::from_secs(3);

/// A member of a consumer group.
pub(crate) struct GroupMember(Option<Arc<StreamConsumer<Membership>>>);

impl GroupMember {
    pub(crate) fn new(consumer: StreamConsumer<Membership>) -> Self {
        let consumer = Arc::new(consumer);
        consumer.context().is_of(Arc::downgrade(&consumer));
        Self(Some(consumer))
    }

    /// Returns when the group knows that this member is gone, or does not answer.
    pub(crate) async fn leave(mut self) {
        let Some(left) = self.end() else { return };
        // Either way: the group will find out by itself.
        let _ = timeout(LEAVE_DEADLINE, left).await;
    }

    fn end(&mut self) -> Option<oneshot::Receiver<()>> {
        let consumer = self.0.take()?;
        let (leaving, left) = oneshot::channel();
        let end = move || {
            drop(consumer);
            // Nobody may be waiting.
            let _ = leaving.send(());
        };
        spawn("kafka-leave", end);
        Some(left)
    }
}

/// For what waits for librdkafka or the brokers.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(work) {
        tracing::error!(%error, name, "no thread for the work of a consumer");
    }
}

impl Deref for GroupMember {
    type Target = StreamConsumer<Membership>;

    fn deref(&self) -> &StreamConsumer<Membership> {
        self.0.as_ref().expect("a member is there until it ends")
    }
}

impl Drop for GroupMember {
    fn drop(&mut self) {
        self.end();
    }
}
