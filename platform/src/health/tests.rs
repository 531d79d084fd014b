use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

async fn ask(path: &str, checks: Vec<Check>) -> (StatusCode, Value) {
    let app: Router = router(checks);
    let response = app.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    (status, serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap())
}

fn good(name: &'static str) -> Check {
    Check::new(name, || async { Ok(()) })
}

#[tokio::test]
async fn a_process_lives_whatever_is_not_ready() {
    let broken = Check::new("database", || async { Err("gone".to_owned()) });
    assert_eq!(ask("/livez", vec![broken]).await, (StatusCode::OK, json!({"status": "live"})));
}

#[tokio::test]
async fn ready_is_when_everything_is() {
    let (status, body) = ask("/readyz", vec![good("one"), good("two")]).await;
    assert_eq!(status, StatusCode::OK);
    let checks = json!([{"name": "one", "ready": true}, {"name": "two", "ready": true}]);
    assert_eq!(body, json!({"status": "ready", "checks": checks}));
}

#[tokio::test(start_paused = true)]
async fn it_says_what_is_not_ready_and_why() {
    let checks = vec![
        Check::new("slow", std::future::pending),
        good("good"),
        Check::new("broken", || async { Err("the database does not answer".to_owned()) }),
        Check::new("panics", || async { panic!() }),
    ];
    let (status, body) = ask("/readyz", checks).await;
    assert_eq!((status, &body["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("not-ready")));
    let expected = json!([
        {"name": "slow", "ready": false, "detail": "did not answer in time"},
        {"name": "good", "ready": true},
        {"name": "broken", "ready": false, "detail": "the database does not answer"},
        {"name": "panics", "ready": false, "detail": "the check itself failed"},
    ]);
    assert_eq!(body["checks"], expected);
}

#[tokio::test]
async fn a_stopping_process_is_not_ready() {
    let shutdown = Shutdown::new();
    let check = Check::not_stopping(&shutdown);
    assert_eq!(ask("/readyz", vec![check.clone()]).await.0, StatusCode::OK);
    shutdown.request();
    assert_eq!(ask("/readyz", vec![check]).await.0, StatusCode::SERVICE_UNAVAILABLE);
}
