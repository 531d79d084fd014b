//! Streams grow without gaps and without forks, several at once or not at all.

use event_store::{AppendError, CommandContext, ExecuteError, NoCompanion, StreamId};

use crate::{Full, Paper, events, lines, paper, store, without_receipt};

#[tokio::test]
async fn what_was_appended_is_read_in_sequence() {
    let store = store().await;
    store.append(&[without_receipt(vec![lines("p", 0, &["a", "b"])])]).await.unwrap();
    store.append(&[without_receipt(vec![lines("p", 2, &["c"])])]).await.unwrap();
    let read = store.read_stream(&paper("p")).await.unwrap();
    assert_eq!(read.events.iter().map(|e| e.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    let (folded, sequence) = store.load::<Paper>("p").await.unwrap();
    assert_eq!((folded.lines.join(""), sequence), ("abc".to_owned(), 3));
    let (earlier, _) = store.load_at::<Paper>("p", 2).await.unwrap();
    assert_eq!(earlier.lines.join(""), "ab");
}

/// 5,000 events are read at a time.
#[tokio::test]
async fn a_long_stream_is_loaded_page_by_page() {
    let store = store().await;
    let many = ["x"; 2_500];
    for written in 0..4 {
        store.append(&[without_receipt(vec![lines("p", written * 2_500, &many)])]).await.unwrap();
    }
    for (up_to, count) in [(4_999, 4_999), (5_000, 5_000), (5_001, 5_001), (i64::MAX, 10_000)] {
        let (folded, sequence) = store.load_at::<Paper>("p", up_to).await.unwrap();
        assert_eq!((folded.lines.len() as i64, sequence), (count, count));
    }
}

#[tokio::test]
async fn who_expects_an_old_sequence_appends_nothing() {
    let store = store().await;
    store.append(&[without_receipt(vec![lines("p", 0, &["a"])])]).await.unwrap();
    let late = without_receipt(vec![lines("other", 0, &["x"]), lines("p", 0, &["b"])]);
    let refused = store.append(&[late]).await.unwrap_err();
    let AppendError::Conflict { stream } = refused else { panic!("{refused:?}") };
    assert_eq!(stream, Some(StreamId::new("paper", "p")), "it says which stream");
    assert_eq!(events(&store).await, 1);
}

#[tokio::test]
async fn of_many_who_append_at_one_sequence_one_wins() {
    let store = store().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let store = store.clone();
        tasks.spawn(async move {
            let mine = without_receipt(vec![lines("p", 0, &["mine"]), lines("q", 0, &["mine too"])]);
            store.append(&[mine]).await.is_ok()
        });
    }
    let winners = tasks.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(winners, 1);
    assert_eq!(events(&store).await, 2);
}

#[tokio::test]
async fn several_appends_to_one_stream_keep_their_order() {
    let store = store().await;
    let appends = ["a", "b", "c", "d"].iter().zip(0..).map(|(line, at)| {
        without_receipt(vec![lines(&format!("own {line}"), 0, &[line]), lines("shared", at, &[line])])
    });
    store.append(&appends.collect::<Vec<_>>()).await.unwrap();
    let (shared, _) = store.load::<Paper>("shared").await.unwrap();
    assert_eq!(shared.lines.join(""), "abcd");
}

#[tokio::test]
async fn a_command_goes_through_the_framework_and_is_decided_again_after_a_conflict() {
    let store = store().await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..6 {
        let store = store.clone();
        tasks.spawn(async move {
            let context = CommandContext::default();
            store.execute::<Paper>("p", format!("{writer}"), &context, &NoCompanion).await
        });
    }
    let results = tasks.join_all().await;
    let refused = results.iter().filter(|r| matches!(r, Err(ExecuteError::Refused(Full)))).count();
    assert_eq!((refused, events(&store).await), (3, 3), "{results:?}");
}

#[tokio::test]
async fn history_cannot_be_edited() {
    let store = store().await;
    store.append(&[without_receipt(vec![lines("p", 0, &["a"])])]).await.unwrap();
    for statement in ["update events set payload = '{}'", "delete from events", "truncate events cascade"] {
        let error = sqlx::query(statement).execute(store.pool()).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn reading_tails_tells_the_databases_time_even_where_nothing_is_new() {
    let store = store().await;
    let before = store.now().await.unwrap();
    let read = store.read_stream(&paper("nothing here")).await.unwrap();
    assert!(read.events.is_empty());
    assert!(read.now >= before);
}
