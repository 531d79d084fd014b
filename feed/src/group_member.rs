//! A consumer that ends on a thread of its own.
//!
//! librdkafka ends a member of a group by polling until the group's coordinator has heard of it: it blocks, and without
//! brokers it never returns. Nobody here waits for that longer than he wants to.

use std::{ops::Deref, thread, time::Duration};

use rdkafka::consumer::StreamConsumer;
use tokio::{sync::oneshot, time::timeout};

/// How long an orderly end waits for the coordinator.
const LEAVE_DEADLINE: Duration = Duration::from_secs(3);

/// A member of a consumer group.
pub(crate) struct GroupMember(Option<StreamConsumer>);

impl GroupMember {
    pub(crate) fn new(consumer: StreamConsumer) -> Self {
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
        let thread = thread::Builder::new().name("kafka-leave".to_owned());
        if let Err(error) = thread.spawn(end) {
            tracing::error!(%error, "no thread for the end of a consumer");
        }
        Some(left)
    }
}

impl Deref for GroupMember {
    type Target = StreamConsumer;

    fn deref(&self) -> &StreamConsumer {
        self.0.as_ref().expect("a member is there until it ends")
    }
}

impl Drop for GroupMember {
    fn drop(&mut self) {
        self.end();
    }
}
