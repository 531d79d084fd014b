//! A command that has an id takes effect at most once (I2).

use chrono::TimeDelta;
use event_store::{Append, AppendError, CommandId, NewReceipt};

use crate::{events, lines, store, without_receipt};

fn receipt(id: u8, lifetime: Option<TimeDelta>) -> NewReceipt {
    NewReceipt { command_id: CommandId([id; 32]), body_hash: [7; 32], lifetime }
}

fn command(id: u8, stream: &str) -> Append {
    Append { streams: vec![lines(stream, 0, &["x"])], receipt: Some(receipt(id, None)) }
}

#[tokio::test]
async fn a_repeated_command_is_named_and_appends_nothing() {
    let store = store().await;
    store.append(&[command(1, "a")]).await.unwrap();
    let repeated = store.append(&[command(2, "b"), command(1, "c")]).await;
    let Err(AppendError::Repeated(ids)) = repeated else { panic!("{repeated:?}") };
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), [CommandId([1; 32])]);
    assert_eq!(events(&store).await, 1);
}

#[tokio::test]
async fn a_receipt_says_where_the_streams_stood() {
    let store = store().await;
    store.append(&[command(1, "a")]).await.unwrap();
    let receipt = store.receipt(CommandId([1; 32])).await.unwrap().expect("a receipt");
    assert_eq!(receipt.body_hash, [7; 32]);
    assert_eq!((receipt.outcome[0].stream.id.as_str(), receipt.outcome[0].sequence), ("a", 1));
    assert_eq!(store.receipt(CommandId([2; 32])).await.unwrap(), None);
}

#[tokio::test]
async fn a_receipt_that_lapsed_is_replaced() {
    let store = store().await;
    let lapsed = receipt(1, Some(TimeDelta::seconds(-1)));
    let first = Append { streams: vec![lines("a", 0, &["x"])], receipt: Some(lapsed) };
    store.append(&[first]).await.unwrap();
    assert_eq!(store.receipt(CommandId([1; 32])).await.unwrap(), None);
    store.append(&[command(1, "b")]).await.unwrap();
    assert_eq!(events(&store).await, 2);
}

#[tokio::test]
async fn a_sweep_takes_away_what_has_lapsed_and_nothing_else() {
    let store = store().await;
    for (id, lifetime) in [(1, Some(TimeDelta::seconds(-1))), (2, Some(TimeDelta::hours(1))), (3, None)] {
        let streams = vec![lines(&format!("{id}"), 0, &["x"])];
        store.append(&[Append { streams, receipt: Some(receipt(id, lifetime)) }]).await.unwrap();
    }
    store.sweep_receipts().await.unwrap();
    let left: i64 =
        sqlx::query_scalar("select count(*) from receipts").fetch_one(store.pool()).await.unwrap();
    assert_eq!(left, 2);
}

#[tokio::test]
async fn without_an_append_there_is_no_receipt() {
    let store = store().await;
    store.append(&[without_receipt(vec![lines("a", 0, &["x"])])]).await.unwrap();
    let conflict = store.append(&[command(1, "a")]).await;
    assert!(matches!(conflict, Err(AppendError::Conflict { .. })));
    assert_eq!(store.receipt(CommandId([1; 32])).await.unwrap(), None);
}

#[tokio::test]
async fn of_many_with_one_id_one_takes_effect() {
    let store = store().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..20 {
        let store = store.clone();
        tasks.spawn(async move { store.append(&[command(1, &format!("stream {number}"))]).await.is_ok() });
    }
    let winners = tasks.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!((winners, events(&store).await), (1, 1));
}
