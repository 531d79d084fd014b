//! `GET /livez` and `GET /readyz` for orchestrators and operators.
//!
//! Must not know what is checked: each role hands over its named checks. A check's text is public, so it must hold
//! no secret, address or SQL.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::shutdown::Shutdown;

/// How long one check may take before it counts as not ready.
pub const CHECK_DEADLINE: Duration = Duration::from_secs(2);

type Outcome = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Something that must work before this process should get requests.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    run: Arc<dyn Fn() -> Outcome + Send + Sync>,
}

impl Check {
    /// A named check; its error says what is not ready, in words that anybody may read.
    pub fn new<F>(name: &'static str, run: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, run: Arc::new(move || Box::pin(run())) }
    }

    /// Not ready as soon as the process is asked to stop, so that no new requests are sent to it.
    pub fn not_stopping(shutdown: &Shutdown) -> Self {
        let shutdown = shutdown.clone();
        Self::new("running", move || {
            let is_stopping = shutdown.is_requested();
            async move { if is_stopping { Err("the process is stopping".to_owned()) } else { Ok(()) } }
        })
    }

    async fn report(self) -> Report {
        let outcome = match tokio::time::timeout(CHECK_DEADLINE, (self.run)()).await {
            Ok(outcome) => outcome,
            Err(_) => Err("did not answer in time".to_owned()),
        };
        Report { name: self.name, ready: outcome.is_ok(), detail: outcome.err() }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

/// `/livez`, which says that the process serves HTTP, and `/readyz`, which runs all checks at once.
pub fn router<S: Clone + Send + Sync + 'static>(checks: Vec<Check>) -> Router<S> {
    Router::new()
        .route("/livez", get(|| async { Json(Live { status: "live" }) }))
        .route("/readyz", get(move || ready(checks.clone())))
}

#[derive(Serialize)]
struct Live {
    status: &'static str,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    checks: Vec<Report>,
}

#[derive(Serialize)]
struct Report {
    name: &'static str,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

async fn ready(checks: Vec<Check>) -> Response {
    let order: Vec<_> = checks.iter().map(|check| check.name).collect();
    let mut running: JoinSet<Report> = checks.into_iter().map(Check::report).collect();
    let mut reports = Vec::with_capacity(order.len());
    while let Some(report) = running.join_next().await {
        reports.extend(report);
    }
    // A check that panicked has no report: it is not ready either.
    for name in &order {
        if !reports.iter().any(|report| report.name == *name) {
            reports.push(Report { name, ready: false, detail: Some("the check itself failed".to_owned()) });
        }
    }
    reports.sort_by_key(|report| order.iter().position(|name| *name == report.name));
    let is_ready = reports.iter().all(|report| report.ready);
    let (code, status) =
        if is_ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not-ready") };
    (code, Json(Readiness { status, checks: reports })).into_response()
}

#[cfg(test)]
mod tests;
