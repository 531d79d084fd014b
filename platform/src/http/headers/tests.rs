use axum::http::Request;

use super::*;

fn parts(name: &str, values: &[&str]) -> Parts {
    let request = values.iter().fold(Request::builder(), |request, value| request.header(name, *value));
    request.body(()).unwrap().into_parts().0
}

async fn key(values: &[&str]) -> Result<Option<IdempotencyKey>, Problem> {
    IdempotencyKey::from_request_parts(&mut parts("Idempotency-Key", values), &()).await
}

async fn version(values: &[&str]) -> Result<Option<IfMatch>, Problem> {
    IfMatch::from_request_parts(&mut parts("If-Match", values), &()).await
}

#[tokio::test]
async fn an_idempotency_key_is_visible_ascii() {
    assert_eq!(key(&[]).await, Ok(None));
    assert_eq!(key(&["a-key"]).await.unwrap().unwrap().as_str(), "a-key");
    assert!(key(&["k".repeat(255).as_str()]).await.is_ok());
    for bad in [&[""][..], &["two words"], &["schlüssel"], &["one", "two"], &["k".repeat(256).as_str()]] {
        assert_eq!(key(bad).await.unwrap_err().code(), "not-understood", "{bad:?}");
    }
}

#[tokio::test]
async fn if_match_takes_one_version_or_any() {
    assert_eq!(version(&[]).await, Ok(None));
    assert_eq!(version(&["\"7\""]).await, Ok(Some(IfMatch::Version(7))));
    assert_eq!(version(&["*"]).await, Ok(Some(IfMatch::Any)));
    for bad in
        ["7", "\"", "\"\"", "\"7", "W/\"7\"", "\"7\", \"8\"", "\"-7\"", "\"+7\"", "\"99999999999999999999\""]
    {
        assert_eq!(version(&[bad]).await.unwrap_err().code(), "not-understood", "{bad}");
    }
}

#[test]
fn a_stale_version_is_not_allowed() {
    assert!(IfMatch::Any.allows(8));
    assert!(IfMatch::Version(8).allows(8));
    assert!(!IfMatch::Version(7).allows(8));
}
