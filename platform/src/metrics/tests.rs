use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use tower::ServiceExt;

use super::*;

#[tokio::test]
async fn what_was_recorded_is_shown_with_its_unit_and_its_meaning() {
    let (recorder, metrics) = Metrics::build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        metrics::describe_counter!("letters_sent_total", "Letters that were sent.");
        metrics::counter!("letters_sent_total", "to" => "Ada").increment(2);
        metrics::gauge!("oldest_letter_age_seconds").set(1.5);
        metrics::histogram!("writing_seconds").record(0.004);
    });
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = router::<()>(metrics).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[CONTENT_TYPE], TEXT_FORMAT);
    let text = String::from_utf8(to_bytes(answer.into_body(), usize::MAX).await.unwrap().into()).unwrap();
    for line in [
        "# HELP letters_sent_total Letters that were sent.",
        "# TYPE letters_sent_total counter",
        "letters_sent_total{to=\"Ada\"} 2",
        "oldest_letter_age_seconds 1.5",
        "writing_seconds_bucket{le=\"0.0025\"} 0",
        "writing_seconds_bucket{le=\"0.005\"} 1",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}: not in\n{text}");
    }
}
