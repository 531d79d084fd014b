use axum::body::{Body, to_bytes};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::routing::get;
use serde_json::Value;
use tower::ServiceExt;
use uuid::Uuid;

use super::*;
use crate::http::PathId;

async fn panics() -> &'static str {
    panic!("a secret reason")
}

fn app() -> Router {
    edge(
        Router::new()
            .route(
                "/api/v1/things/{id}",
                get(|PathId::<Uuid>(id)| async move { id.to_string() }).delete(|| async {}),
            )
            .route("/api/v1/cached", get(|| async { ([(CACHE_CONTROL, "max-age=1")], "cached") }))
            .route("/api/v1/panics", get(panics))
            .route("/id", get(|id: RequestId| async move { id.to_string() })),
    )
}

async fn ask(method: Method, path: &str, request_id: Option<&str>) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(id) = request_id {
        request = request.header(REQUEST_ID, id);
    }
    app().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn body(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

async fn problem(response: Response) -> Value {
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    serde_json::from_str(&body(response).await).unwrap()
}

#[tokio::test]
async fn an_unknown_address_and_a_malformed_id_are_the_same_404() {
    let unknown = ask(Method::GET, "/nowhere", None).await;
    let malformed = ask(Method::GET, "/api/v1/things/not-a-uuid", None).await;
    let not_text = ask(Method::GET, "/api/v1/things/%ff", None).await;
    for response in [unknown, malformed, not_text] {
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(problem(response).await["code"], "not-found");
    }
}

#[tokio::test]
async fn an_id_is_parsed() {
    let path = format!("/api/v1/things/{}", Uuid::nil());
    assert_eq!(body(ask(Method::GET, &path, None).await).await, Uuid::nil().to_string());
}

#[tokio::test]
async fn a_wrong_method_is_405_and_says_which_are_right() {
    let response = ask(Method::PUT, "/api/v1/things/1", None).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()[ALLOW], "GET,HEAD,DELETE");
    assert_eq!(problem(response).await["code"], "method-not-allowed");
}

#[tokio::test]
async fn a_panic_is_an_internal_error_that_tells_nothing() {
    let response = ask(Method::GET, "/api/v1/panics", Some("abc")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()[REQUEST_ID], "abc");
    let problem = problem(response).await;
    assert_eq!(problem["code"], "internal-error");
    assert!(!problem.to_string().contains("secret"));
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_another_replaced() {
    let response = ask(Method::GET, "/id", Some("trace-1")).await;
    assert_eq!(response.headers()[REQUEST_ID], "trace-1");
    assert_eq!(body(response).await, "trace-1");
    let too_long = "x".repeat(65);
    for bad in [None, Some(""), Some("two words"), Some("ümlaut"), Some(too_long.as_str())] {
        let response = ask(Method::GET, "/id", bad).await;
        let id = response.headers()[REQUEST_ID].to_str().unwrap().to_owned();
        assert_eq!(id.parse::<Uuid>().unwrap().get_version_num(), 7);
        assert_eq!(body(response).await, id);
    }
}

#[tokio::test]
async fn answers_of_the_api_are_not_stored_unless_a_handler_says_so() {
    let stored =
        |response: &Response| response.headers().get(CACHE_CONTROL).map(|v| v.to_str().unwrap().to_owned());
    assert_eq!(stored(&ask(Method::GET, "/api/v1/nowhere", None).await).as_deref(), Some("no-store"));
    assert_eq!(stored(&ask(Method::GET, "/api/v1/cached", None).await).as_deref(), Some("max-age=1"));
    let page = ask(Method::GET, "/id", None).await;
    assert_eq!(stored(&page), None);
    assert_eq!(page.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(page.headers()[REFERRER_POLICY], "same-origin");
}
