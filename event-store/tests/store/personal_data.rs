//! Personal data is sealed at rest, clear while the person's key exists, and gone with it (I7).

use event_store::{EventStore, Metadata, NewEvent, StreamAppend};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{PaperEvent, paper, store, without_receipt};

const NAME: &str = "Ada \"the first\" Lovelace";

async fn sign(store: &EventStore, id: &str, person: Uuid) {
    let by = json!({ "people": [{ "subject": person, "clear": NAME }], "clear": "not personal" });
    let event = NewEvent::from_domain(&PaperEvent::Signed { by }, &Metadata::default());
    let append = StreamAppend { stream: paper(id), expected_sequence: 0, events: vec![event] };
    store.append(&[without_receipt(vec![append])]).await.unwrap();
}

async fn signer(store: &EventStore, id: &str) -> Value {
    let read = store.read_stream(&paper(id)).await.unwrap();
    let PaperEvent::Signed { by } = read.events[0].decode().unwrap() else { panic!("signed") };
    by["people"][0].clone()
}

#[tokio::test]
async fn it_is_sealed_at_rest_and_clear_to_readers() {
    let store = store().await;
    let person = Uuid::now_v7();
    sign(&store, "p", person).await;
    assert_eq!(signer(&store, "p").await, json!({ "subject": person, "clear": NAME }));
    let stored: String =
        sqlx::query_scalar("select payload::text from events").fetch_one(store.pool()).await.unwrap();
    assert!(!stored.contains("Ada"), "{stored}");
    assert!(stored.contains("not personal"), "{stored}");
}

#[tokio::test]
async fn without_the_persons_key_it_stays_sealed() {
    let store = store().await;
    let (erased, other) = (Uuid::now_v7(), Uuid::now_v7());
    sign(&store, "p", erased).await;
    sign(&store, "q", other).await;
    sqlx::query("delete from subject_keys where subject_id = $1")
        .bind(erased)
        .execute(store.pool())
        .await
        .unwrap();
    let sealed = signer(&store, "p").await;
    assert!(sealed["sealed"].is_string() && sealed.get("clear").is_none(), "{sealed}");
    assert_eq!(signer(&store, "q").await["clear"], NAME);
}

#[tokio::test]
async fn ciphertext_that_was_moved_to_another_event_does_not_open() {
    let store = store().await;
    let person = Uuid::now_v7();
    sign(&store, "p", person).await;
    sqlx::query(
        "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
         select aggregate_type, 'moved', sequence, event_type, event_version, payload, metadata from events",
    )
    .execute(store.pool())
    .await
    .unwrap();
    assert!(signer(&store, "moved").await["sealed"].is_string());
}
