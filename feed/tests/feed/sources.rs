//! Sources: what they do about brokers that go away and records that are damaged, and how they end.

use std::{collections::HashSet, time::Duration};

use event_store::StreamId;
use feed::{
    Source,
    topics::{PARTITIONS, topic_of},
};
use rdkafka::{
    ClientConfig,
    producer::{FutureProducer, FutureRecord},
};
use tokio::time::timeout;

use crate::{DEADLINE, Feed};

/// Offsets are committed once a second, when there are any to be.
const PAST_A_COMMIT: Duration = Duration::from_secs(3);
/// A group waits 10 seconds for a member that says nothing; a member notices it a little later.
const PAST_THE_SESSION: Duration = Duration::from_secs(14);
/// A member is given up that librdkafka has not said to be in its group for a minute.
const PAST_AN_ABSENCE: Duration = Duration::from_secs(80);

#[tokio::test]
async fn a_source_ends_at_once_whether_or_not_its_brokers_are_there() {
    let mut feed = Feed::start().await;
    let mut sources = Vec::new();
    for consumer in ["left", "dropped", "left too late", "dropped too late"] {
        sources.push(feed.source(consumer, 0).await);
    }
    for source in &mut sources {
        // Nothing comes; the group has a member by then.
        timeout(Duration::from_secs(2), source.next()).await.unwrap_err();
    }
    // A source that ends would hold up this one thread, and with it the clock of these deadlines.
    timeout(DEADLINE, sources.remove(0).leave()).await.unwrap();
    drop(sources.remove(0));
    feed.kafka.kill_hard();
    timeout(DEADLINE, sources.remove(0).leave()).await.unwrap();
    drop(sources);
}

#[tokio::test]
async fn a_source_tells_that_its_brokers_are_away_and_goes_on_when_they_are_back() {
    let mut feed = Feed::start().await;
    let _relay = feed.relay();
    let mut follower = Follower::new(&feed, "patient").await;
    let before = feed.append(1).await;
    let batch = timeout(DEADLINE, follower.source.next()).await.unwrap().unwrap();
    assert_eq!(batch.events[0].event.stream, before[0]);
    feed.until_published(1).await;
    follower.source.done().unwrap();

    feed.kafka.kill_hard();
    let error = loop {
        // What it had fetched before may come first.
        if let Err(error) = timeout(DEADLINE, follower.source.next()).await.unwrap() {
            break error;
        }
    };
    assert!(!error.ends_the_source(), "{error:?}");
    let well_again = async { while follower.source.next().await.is_err() {} };
    timeout(PAST_A_COMMIT, well_again).await.expect_err("nothing says so before the brokers are back");
    feed.kafka.restart().await;
    // Without any event it says that all is well again; a broker that is slow to start leads to a new source.
    let recovered = async {
        while follower.next(&feed).await.is_none_or(|streams| !streams.is_empty()) && follower.ended == 0 {}
    };
    timeout(DEADLINE, recovered).await.expect("it is told that all is well again");
    let after = feed.append(1).await;
    timeout(DEADLINE, follower.until_seen(&feed, &after)).await.unwrap();
}

#[tokio::test]
async fn after_an_outage_longer_than_the_session_a_source_ends_and_the_next_one_misses_nothing() {
    let mut feed = Feed::start().await;
    let _relay = feed.relay();
    let mut follower = Follower::new(&feed, "persistent").await;
    let before = feed.append(10).await;
    timeout(DEADLINE, follower.until_seen(&feed, &before)).await.unwrap();

    // Some are on their way.
    let mut later = feed.append(10).await;
    feed.kafka.pause();
    assert!(timeout(PAST_THE_SESSION, follower.listen(&feed)).await.is_err());
    assert_eq!(follower.ended, 0, "without brokers there is no new source either");
    later.extend(feed.append(10).await);
    feed.kafka.resume();
    timeout(DEADLINE, follower.until_seen(&feed, &later)).await.unwrap();
    let renewed = async {
        while follower.ended == 0 {
            follower.next(&feed).await;
        }
    };
    timeout(DEADLINE, renewed).await.expect("the consumer that the group has given up is not used again");
    let afterwards = feed.append(10).await;
    timeout(DEADLINE, follower.until_seen(&feed, &afterwards)).await.unwrap();
    assert_eq!(follower.ended, 1, "once");
}

/// Nothing comes, and one of them has no partition: librdkafka says all the same that they are in their group.
#[tokio::test]
#[ignore = "takes more than a minute"]
async fn a_member_to_which_nothing_comes_is_not_taken_for_one_that_is_out_of_its_group() {
    let feed = Feed::start().await;
    let mut followers = Vec::new();
    for _ in 0..=PARTITIONS {
        followers.push(Follower::new(&feed, "quiet").await);
    }
    let listening = futures::future::join_all(followers.iter_mut().map(|follower| follower.listen(&feed)));
    assert!(timeout(PAST_AN_ABSENCE, listening).await.is_err());
    let ended: Vec<_> = followers.iter().map(|follower| follower.ended).collect();
    assert_eq!(ended, [0; PARTITIONS as usize + 1]);
}

/// Reads as projections and processes do: a source that ends is followed by a new one.
struct Follower {
    consumer: &'static str,
    source: Source,
    seen: HashSet<StreamId>,
    /// How many sources have ended.
    ended: u32,
}

impl Follower {
    async fn new(feed: &Feed, consumer: &'static str) -> Self {
        let source = feed.source(consumer, 0).await;
        Self { consumer, source, seen: HashSet::new(), ended: 0 }
    }

    /// The streams of the next batch; nothing after an error.
    async fn next(&mut self, feed: &Feed) -> Option<Vec<StreamId>> {
        match self.source.next().await {
            Ok(batch) => {
                let streams: Vec<_> = batch.events.into_iter().map(|logged| logged.event.stream).collect();
                self.seen.extend(streams.iter().cloned());
                let _ = self.source.done();
                return Some(streams);
            }
            Err(error) if error.ends_the_source() => {
                self.source = feed.source(self.consumer, 0).await;
                self.ended += 1;
            }
            Err(_) => {}
        }
        None
    }

    async fn until_seen(&mut self, feed: &Feed, streams: &[StreamId]) {
        while !streams.iter().all(|stream| self.seen.contains(stream)) {
            self.next(feed).await;
        }
    }

    /// Never returns.
    async fn listen(&mut self, feed: &Feed) {
        loop {
            self.next(feed).await;
        }
    }
}

#[tokio::test]
async fn the_stream_of_a_damaged_record_is_read_from_the_event_log() {
    let feed = Feed::start().await;
    let streams = {
        let _relay = feed.relay();
        let streams = feed.append(2).await;
        feed.until_published(2).await;
        streams
    };
    let mut source = feed.source("careful", 0).await;
    // It catches up from the log first.
    timeout(DEADLINE, source.next()).await.unwrap().unwrap();
    let mut seen = 0;
    while seen < 2 {
        seen += timeout(DEADLINE, source.next()).await.unwrap().unwrap().events.len();
    }
    source.done().unwrap();

    let topic = topic_of("event").unwrap();
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", feed.kafka.brokers()).create().unwrap();
    for key in [&streams[1].id, "nobody's"] {
        // Without headers, as if the broker's disk had lost them.
        producer.send(FutureRecord::to(topic).key(key).payload("{}"), DEADLINE).await.unwrap();
    }
    let batch = loop {
        let batch = timeout(DEADLINE, source.next()).await.unwrap().unwrap();
        // Before it, one may come that is only there for what was taken before to be committed.
        if !batch.events.is_empty() {
            break batch;
        }
    };
    let found: Vec<_> = batch.events.iter().map(|logged| &logged.event.stream).collect();
    assert_eq!(found, [&streams[1]]);
}
