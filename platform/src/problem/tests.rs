use axum::body::to_bytes;
use serde_json::json;

use super::*;

async fn sent(problem: Problem) -> (StatusCode, HeaderMap, Value) {
    let response = problem.into_response();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_refusal_is_sent_as_problem_json_with_its_extensions() {
    let problem = Problem::conflict("sold-out", "Only 2 are left.").with("available", 2);
    let (status, headers, body) = sent(problem).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
    assert_eq!(
        body,
        json!({"type": "/problems/sold-out", "title": "Sold out", "status": 409, "code": "sold-out",
               "detail": "Only 2 are left.", "available": 2})
    );
}

#[tokio::test]
async fn invalid_fields_are_listed() {
    let (status, _, body) = sent(Problem::invalid_field("tickets[0].quantity", "must be at least 1")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["code"], "invalid-fields");
    assert_eq!(body["errors"], json!([{"field": "tickets[0].quantity", "message": "must be at least 1"}]));
}

#[tokio::test]
async fn a_client_is_told_when_to_come_back() {
    for problem in [Problem::unavailable("busy", "Too much to do.", 3), Problem::too_many(3)] {
        assert_eq!(sent(problem).await.1[RETRY_AFTER], "3");
    }
}

#[tokio::test]
async fn a_401_says_how_to_log_in() {
    let (status, headers, body) = sent(Problem::unauthorized("Who are you?")).await;
    assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!("unauthorized")));
    assert_eq!(headers[WWW_AUTHENTICATE], "Bearer");
}

#[tokio::test]
async fn an_extension_cannot_replace_a_standard_member() {
    let (_, _, body) = sent(Problem::not_found().with("status", 200).with("code", "fine")).await;
    assert_eq!((&body["status"], &body["code"]), (&json!(404), &json!("not-found")));
}
