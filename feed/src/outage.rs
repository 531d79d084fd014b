//! Brokers that do not answer, or a consumer that is out of its group: when that is over.
//!
//! Nothing else says that an error is over: while no records come, a consumer that is well again is as silent as before. So
//! the brokers are asked, on a thread of its own and through clients of its own: a call that waits never holds up the
//! consumer, and what librdkafka makes of an outage in one client does not touch another.

use std::{
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
};
use tokio::sync::oneshot;

use crate::group_member::{SESSION_TIMEOUT, spawn};

/// How long brokers that were away are waited for each time they are asked, and the pause until they are asked again.
const PROBE_DEADLINE: Duration = Duration::from_secs(2);
const PROBE_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Outage {
    since: Instant,
    over: oneshot::Receiver<()>,
}

impl Outage {
    /// It ends once the brokers tell about all of these topics.
    pub(crate) fn begin(since: Instant, brokers: &str, topics: Vec<&'static str>) -> Self {
        let (well, over) = oneshot::channel();
        let brokers = brokers.to_owned();
        spawn("kafka-probe", move || {
            while !well.is_closed() {
                if are_known(&brokers, &topics) {
                    // Nobody may be waiting any more.
                    let _ = well.send(());
                    return;
                }
                thread::sleep(PROBE_PAUSE);
            }
        });
        Self { since, over }
    }

    /// Waits until it is over. Dropping the future forgets nothing of it.
    pub(crate) async fn end(&mut self) {
        // An error: who asks for the brokers is gone, and it is time to look.
        let _ = (&mut self.over).await;
    }

    /// Whether the group has missed the member for so long that it goes on without it.
    pub(crate) fn outlasts_the_session(&self) -> bool {
        self.since.elapsed() > SESSION_TIMEOUT
    }
}

/// Each time through a new client, which is in no group.
fn are_known(brokers: &str, topics: &[&str]) -> bool {
    let client = ClientConfig::new().set("bootstrap.servers", brokers).create::<BaseConsumer>();
    client.is_ok_and(|client| topics.iter().all(|topic| is_known(&client, topic)))
}

fn is_known(client: &BaseConsumer, topic: &str) -> bool {
    let metadata = client.fetch_metadata(Some(topic), PROBE_DEADLINE);
    metadata.is_ok_and(|metadata| metadata.topics().iter().all(|topic| topic.error().is_none()))
}
