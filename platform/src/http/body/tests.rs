use axum::Router;
use axum::http::Request as HttpRequest;
use axum::response::Response;
use axum::routing::post;
use serde::Deserialize;
use tower::ServiceExt;

use super::*;
use crate::http::edge;

#[derive(Deserialize)]
struct Thing {
    name: String,
}

fn app() -> Router {
    let handler =
        |body: Body<Thing>| async move { format!("{} in {} bytes", body.value.name, body.bytes.len()) };
    let checked_first = |raw: RawBody| async move { raw.parse::<Thing>().map(|body| body.value.name) };
    edge(Router::new().route("/things", post(handler)).route("/raw", post(checked_first)))
}

async fn send(path: &str, content_type: Option<&str>, body: impl Into<axum::body::Body>) -> Response {
    let mut request = HttpRequest::post(path);
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    app().oneshot(request.body(body.into()).unwrap()).await.unwrap()
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn json_is_taken_with_its_bytes() {
    for content_type in
        ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"]
    {
        let response = send("/things", Some(content_type), r#"{"name":"a"}"#).await;
        assert_eq!(text(response).await, "a in 12 bytes", "{content_type}");
    }
    assert_eq!(text(send("/raw", Some("application/json"), r#"{"name":"a"}"#).await).await, "a");
}

#[tokio::test]
async fn what_does_not_say_that_it_is_json_is_415() {
    for content_type in [None, Some("text/plain"), Some("application/+json"), Some("text/json"), Some("")] {
        for path in ["/things", "/raw"] {
            let response = send(path, content_type, r#"{"name":"a"}"#).await;
            assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type:?}");
            assert!(text(response).await.contains("unsupported-media-type"));
        }
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let name = "a".repeat(MAX_BODY_BYTES);
    for body in ["x".to_owned(), format!("{{\"name\":\"{name}\"}}")] {
        let is_large = body.len() > MAX_BODY_BYTES;
        let response = send("/things", Some("application/json"), body).await;
        let expected = if is_large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
        assert_eq!(response.status(), expected);
        assert_eq!(text(response).await.contains("body-too-large"), is_large);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_408() {
    let never = axum::body::Body::new(Never);
    let response = send("/things", Some("application/json"), never).await;
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

/// A body of which no byte ever comes.
struct Never;

impl hyper::body::Body for Never {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}
