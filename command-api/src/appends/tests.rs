//! Who went with an append that waits for a lock in vain.

use domain::show::ShowEvent;
use event_store::{MasterKey, Metadata, NewEvent, NewReceipt, StreamAppend};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::*;

/// An append of an event to a stream of its own, with a receipt.
fn one(number: u8) -> (Waiting, oneshot::Receiver<Result<(), AppendError>>) {
    let (reply, answer) = oneshot::channel();
    let event = ShowEvent::SalesStarted { at: chrono::Utc::now() };
    let stream = StreamAppend {
        stream: StreamId::new("event", Uuid::now_v7()),
        expected_sequence: 0,
        events: vec![NewEvent::from_domain(&event, &Metadata::default())],
    };
    let receipt = NewReceipt { command_id: CommandId([number; 32]), body_hash: [0; 32], lifetime: None };
    let append = Append { streams: vec![stream], receipt: Some(receipt) };
    (Waiting { appends: vec![append], actors: vec![], reply }, answer)
}

#[tokio::test]
async fn strangers_of_an_append_that_waits_in_vain_are_appended_without_it() {
    let database = testkit::postgres::database("appends").await;
    let options: PgConnectOptions = database.url().parse().unwrap();
    let options = options.options([("lock_timeout", "100ms")]);
    let pool = PgPoolOptions::new().connect_with(options).await.unwrap();
    EventStore::migrate(&pool).await.unwrap();
    let key = MasterKey::parse(&MasterKey::generate()).unwrap();
    let store = EventStore::new(pool.clone(), Arc::new(key));

    // Somebody has the receipt of the second one, and does not commit.
    let mut elsewhere = pool.begin().await.unwrap();
    sqlx::query("insert into receipts (command_id, body_hash, outcome) values ($1, '', 'null')")
        .bind(&[2_u8; 32][..])
        .execute(&mut *elsewhere)
        .await
        .unwrap();
    let (together, answers): (Vec<_>, Vec<_>) = (1..=3).map(one).unzip();
    append(&store, together).await;

    let answers = futures::future::join_all(answers).await.into_iter().map(Result::unwrap);
    let [first, waited, last] = answers.collect::<Vec<_>>().try_into().unwrap();
    assert!(first.is_ok() && last.is_ok(), "{first:?} {last:?}");
    assert!(matches!(waited, Err(AppendError::Database(_))), "{waited:?}");
    let appended: i64 = sqlx::query_scalar("select count(*) from events").fetch_one(&pool).await.unwrap();
    assert_eq!(appended, 2);
    elsewhere.rollback().await.unwrap();
}
