//! Sends requests, and says what is expected of what comes back.

use std::time::Instant;

use chrono::{DateTime, Utc};
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::{Value, json};

use crate::harness::DEADLINE;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// Asks again while what a write led to cannot be read yet: a query waits two seconds for it, tests wait longer.
pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let answer = send_once(request.try_clone().expect("a body that can be sent again")).await;
        let lags =
            answer.status == StatusCode::SERVICE_UNAVAILABLE && answer.body["code"] == "read-model-lagging";
        if !lags || Instant::now() > deadline {
            return answer;
        }
    }
}

async fn send_once(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.expect("a body");
    Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(&self, status: StatusCode) -> &Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// An error of the contract: status, code, and the form that all errors have.
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status.as_u16(), &self.body["code"]), (status, &json!(code)), "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert!(self.body["title"].is_string(), "{}", self.body);
        self
    }

    /// 422 that names this field.
    #[track_caller]
    pub(crate) fn expect_invalid(&self, field: &str) -> &Self {
        self.expect_problem(422, "invalid-fields");
        let named = self.body["errors"].as_array().expect("errors").iter().any(|e| e["field"] == field);
        assert!(named, "no error names {field}: {}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn text(&self, pointer: &str) -> String {
        self.body.pointer(pointer).and_then(Value::as_str).expect(pointer).to_owned()
    }
}

/// A moment, as answers show it.
#[track_caller]
pub(crate) fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().and_then(|text| text.parse().ok()).expect("a time")
}
