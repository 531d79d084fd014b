//! The event log, read once for several who follow it.

use std::time::Duration;

use feed::{Relay, SharedLog, Source};
use tokio::{sync::oneshot, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{DEADLINE, append, store};

const EVENTS: i64 = 12_000;
/// Events of an append.
const TOGETHER: usize = 400;

/// Follows from after a place to the end; says where every event stood.
async fn follow(log: SharedLog, after: i64, wait: Option<oneshot::Receiver<()>>) -> Vec<i64> {
    let mut source = Source::log(log, &["event"], after);
    let (mut places, mut wait) = (Vec::new(), wait);
    while places.last() != Some(&EVENTS) {
        let batch = source.next().await.unwrap();
        assert!(batch.checkpoint >= batch.events.last().map(|logged| logged.global_position));
        places.extend(batch.events.iter().map(|logged| logged.global_position));
        if let Some(wait) = wait.take() {
            wait.await.unwrap();
        }
    }
    places
}

#[tokio::test]
async fn each_gets_every_event_once_and_in_order_however_far_behind_the_others() {
    let (store, _database) = store().await;
    let stop = CancellationToken::new();
    tokio::spawn(Relay::new(store.clone(), None, "test".to_owned()).run(stop.clone()));
    let _stop = stop.drop_guard();
    let log = SharedLog::new(store.clone());

    let (go_on, wait) = oneshot::channel();
    let prompt = [tokio::spawn(follow(log.clone(), 0, None)), tokio::spawn(follow(log.clone(), 0, None))];
    let stopped = tokio::spawn(follow(log.clone(), 0, Some(wait)));
    let mut late = None;
    for appended in 1..=EVENTS / TOGETHER as i64 {
        append(&store, TOGETHER).await;
        if appended == 10 {
            late = Some(tokio::spawn(follow(log.clone(), 100, None)));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let all: Vec<i64> = (1..=EVENTS).collect();
    for prompt in prompt {
        assert_eq!(timeout(DEADLINE, prompt).await.unwrap().unwrap(), all);
    }
    assert_eq!(timeout(DEADLINE, late.unwrap()).await.unwrap().unwrap(), all[100..]);
    // What comes next for this one is not kept any more.
    go_on.send(()).unwrap();
    assert_eq!(timeout(DEADLINE, stopped).await.unwrap().unwrap(), all);
}
