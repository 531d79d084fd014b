//! `GET /metrics`: what this process counts, in Prometheus' text format.
//!
//! Must not know what is counted: whoever has something to say records it with the macros of the crate `metrics`, and
//! `docs/metrics.md` lists all of it. Names end with their unit; `_total` counts what only grows.

use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics::SetRecorderError;
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

/// The upper bounds of every histogram whose name ends with `_seconds`: a few to each power of ten, so that whoever
/// adds up several processes gets a percentile that is right within a factor of 2.5.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// How often what histograms have gathered is counted in, so that a process that nobody asks does not grow.
const UPKEEP: Duration = Duration::from_secs(5);

/// The text format's version, as Prometheus wants it named.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What this process has counted so far.
#[derive(Debug, Clone)]
pub struct Metrics(PrometheusHandle);

/// Nothing can be counted.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The bounds of histograms make no sense.
    #[error("metrics cannot be set up")]
    Build(#[from] BuildError),
    /// Something has installed a recorder before.
    #[error("metrics were already set up")]
    AlreadyInstalled(#[from] SetRecorderError<PrometheusRecorder>),
}

impl Metrics {
    /// Makes this process count; what was recorded before is lost.
    ///
    /// # Errors
    /// When a recorder is already installed.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn install() -> Result<Self, MetricsError> {
        let (recorder, metrics) = Self::build()?;
        metrics::set_global_recorder(recorder)?;
        let handle = metrics.0.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                handle.run_upkeep();
            }
        });
        Ok(metrics)
    }

    fn build() -> Result<(PrometheusRecorder, Self), BuildError> {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let recorder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &SECONDS)?.build_recorder();
        let metrics = Self(recorder.handle());
        Ok((recorder, metrics))
    }
}

/// `/metrics`. Not for the public: a gateway does not hand it on.
pub fn router<S: Clone + Send + Sync + 'static>(metrics: Metrics) -> Router<S> {
    Router::new().route(
        "/metrics",
        get(move || {
            let text = metrics.0.render();
            async move { ([(CONTENT_TYPE, TEXT_FORMAT)], text) }
        }),
    )
}

#[cfg(test)]
mod tests;
