//! A consumer that ends on a thread of its own.
//!
//! librdkafka ends a member of a group by polling until the group's coordinator has heard of it: it blocks, and without
//! brokers it never returns. Nobody here waits for that longer than he wants to.

use std::{
    ops::Deref,
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use rdkafka::consumer::{Consumer, StreamConsumer};
use tokio::{sync::oneshot, time::timeout};

use crate::in_hand::InHand;

/// How long an orderly end waits for the coordinator.
const LEAVE_DEADLINE: Duration = Duration::from_secs(3);
/// How long brokers that were away are waited for each time they are asked, and the pause until they are asked again.
const PROBE_DEADLINE: Duration = Duration::from_secs(2);
const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// A member of a consumer group.
pub(crate) struct GroupMember(Option<Arc<StreamConsumer<InHand>>>);

impl GroupMember {
    pub(crate) fn new(consumer: StreamConsumer<InHand>) -> Self {
        Self(Some(Arc::new(consumer)))
    }

    /// Answers once the brokers tell about all of these topics. Nothing else says that an error is over: while no
    /// records come, a consumer that is well again is as silent as before.
    pub(crate) fn recovery(&self, topics: Vec<&'static str>) -> oneshot::Receiver<()> {
        let (well, recovery) = oneshot::channel();
        let consumer = self.0.as_ref().map_or_else(Weak::new, Arc::downgrade);
        let probe = move || {
            while !well.is_closed() {
                let Some(consumer) = consumer.upgrade() else { return };
                if topics.iter().all(|topic| knows(&consumer, topic)) {
                    // Nobody may be waiting any more.
                    let _ = well.send(());
                    return;
                }
                drop(consumer);
                thread::sleep(PROBE_PAUSE);
            }
        };
        spawn("kafka-probe", probe);
        recovery
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

fn knows(consumer: &StreamConsumer<InHand>, topic: &str) -> bool {
    let metadata = consumer.fetch_metadata(Some(topic), PROBE_DEADLINE);
    metadata.is_ok_and(|metadata| metadata.topics().iter().all(|topic| topic.error().is_none()))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(work) {
        tracing::error!(%error, name, "no thread for the work of a consumer");
    }
}

impl Deref for GroupMember {
    type Target = StreamConsumer<InHand>;

    fn deref(&self) -> &StreamConsumer<InHand> {
        self.0.as_ref().expect("a member is there until it ends")
    }
}

impl Drop for GroupMember {
    fn drop(&mut self) {
        self.end();
    }
}
