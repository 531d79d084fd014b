//! Sources: what they do about brokers that go away and records that are damaged, and how they end.

use std::time::Duration;

use feed::topics::topic_of;
use rdkafka::{
    ClientConfig,
    producer::{FutureProducer, FutureRecord},
};
use tokio::time::timeout;

use crate::{DEADLINE, Feed};

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
    let mut source = feed.source("patient", 0).await;
    let before = feed.append(1).await;
    let batch = timeout(DEADLINE, source.next()).await.unwrap().unwrap();
    assert_eq!(batch.events[0].event.stream, before[0]);
    feed.until_published(1).await;
    source.done().unwrap();

    feed.kafka.kill_hard();
    let error = loop {
        // What it had fetched before may come first.
        if let Err(error) = timeout(DEADLINE, source.next()).await.unwrap() {
            break error;
        }
    };
    assert!(!error.ends_the_source(), "{error:?}");
    feed.kafka.restart().await;
    let recovered = async {
        loop {
            if let Ok(batch) = source.next().await
                && batch.events.is_empty()
            {
                return;
            }
        }
    };
    timeout(DEADLINE, recovered).await.expect("without any event it says that all is well again");
    let after = feed.append(1).await;
    let found = async {
        loop {
            if let Ok(batch) = source.next().await
                && batch.events.iter().any(|logged| logged.event.stream == after[0])
            {
                return;
            }
        }
    };
    timeout(DEADLINE, found).await.unwrap();
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
    let batch = timeout(DEADLINE, source.next()).await.unwrap().unwrap();
    let found: Vec<_> = batch.events.iter().map(|logged| &logged.event.stream).collect();
    assert_eq!(found, [&streams[1]]);
}
