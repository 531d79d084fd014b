//! What a phase of load led to: answers by status and problem code, and latencies.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::Deserialize;

/// Latencies beyond this count as this.
const LONGEST: Duration = Duration::from_secs(120);
/// Three digits: a latency is off by a thousandth at the most.
const DIGITS: u8 = 3;

/// Counts and latencies, shared by all connections of a phase.
#[derive(Debug, Clone)]
pub(crate) struct Tally(Arc<Mutex<Counts>>);

#[derive(Debug)]
struct Counts {
    /// In microseconds; of the answers that count as a success.
    accepted: Histogram<u64>,
    statuses: BTreeMap<u16, u64>,
    codes: BTreeMap<String, u64>,
    /// Requests that got no answer.
    broken: u64,
    first_broken: Option<String>,
    dropped: u64,
    longest_refusal: Duration,
}

/// A finished phase.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub(crate) accepted: u64,
    pub(crate) seconds: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) codes: BTreeMap<String, u64>,
    /// Requests without an answer, and what went wrong with the first of them.
    pub(crate) broken: u64,
    pub(crate) first_broken: Option<String>,
    /// Requests of an open loop that were never sent, because too many waited.
    pub(crate) dropped: u64,
    pub(crate) longest_refusal: Duration,
}

#[derive(Deserialize)]
struct ProblemCode<'a> {
    #[serde(borrow)]
    code: &'a str,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let limit = u64::try_from(LONGEST.as_micros()).expect("minutes fit");
        let accepted = Histogram::new_with_bounds(1, limit, DIGITS).expect("bounds in order");
        Self(Arc::new(Mutex::new(Counts {
            accepted,
            statuses: BTreeMap::new(),
            codes: BTreeMap::new(),
            broken: 0,
            first_broken: None,
            dropped: 0,
            longest_refusal: Duration::ZERO,
        })))
    }

    /// One answer. Its latency counts if it was a success.
    pub(crate) fn answered(&self, status: u16, body: &[u8], latency: Duration) {
        let mut counts = self.counts();
        *counts.statuses.entry(status).or_default() += 1;
        if (200..300).contains(&status) {
            counts.accepted.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
        } else {
            let code = problem_code(body).unwrap_or("(no code)");
            *counts.codes.entry(code.to_owned()).or_default() += 1;
            counts.longest_refusal = counts.longest_refusal.max(latency);
        }
    }

    /// A request that got no answer.
    pub(crate) fn broke(&self, error: &anyhow::Error) {
        let mut counts = self.counts();
        counts.broken += 1;
        counts.first_broken.get_or_insert_with(|| format!("{error:#}"));
    }

    /// A request that was not even sent.
    pub(crate) fn dropped(&self) {
        self.counts().dropped += 1;
    }

    /// Successes so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.counts().accepted.len()
    }

    /// What it comes to after so long.
    pub(crate) fn summary(&self, elapsed: Duration) -> Summary {
        let counts = self.counts();
        let at = |quantile| Duration::from_micros(counts.accepted.value_at_quantile(quantile));
        Summary {
            accepted: counts.accepted.len(),
            seconds: elapsed.as_secs_f64(),
            p50: at(0.5),
            p99: at(0.99),
            max: Duration::from_micros(counts.accepted.max()),
            statuses: counts.statuses.clone(),
            codes: counts.codes.clone(),
            broken: counts.broken,
            first_broken: counts.first_broken.clone(),
            dropped: counts.dropped,
            longest_refusal: counts.longest_refusal,
        }
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `code` of a problem.
pub(crate) fn problem_code(body: &[u8]) -> Option<&str> {
    serde_json::from_slice::<ProblemCode<'_>>(body).ok().map(|problem| problem.code)
}

impl Summary {
    /// Successes a second.
    pub(crate) fn rate(&self) -> f64 {
        self.accepted as f64 / self.seconds
    }

    /// Whether every request got the answer that it should get.
    pub(crate) fn is_clean(&self) -> bool {
        self.codes.is_empty() && self.broken == 0 && self.dropped == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |latency: Duration| latency.as_secs_f64() * 1e3;
        write!(
            f,
            "{:.0}/s ({} in {:.2} s), p50 {:.2} ms, p99 {:.2} ms, max {:.1} ms",
            self.rate(),
            self.accepted,
            self.seconds,
            ms(self.p50),
            ms(self.p99),
            ms(self.max)
        )?;
        for (status, count) in self.statuses.iter().filter(|(status, _)| !(200..300).contains(*status)) {
            write!(f, "; {count} × {status}")?;
        }
        for (code, count) in &self.codes {
            write!(f, "; {count} × {code}")?;
        }
        if self.broken > 0 {
            write!(f, "; {} WITHOUT AN ANSWER", self.broken)?;
        }
        if let Some(error) = &self.first_broken {
            write!(f, " ({error})")?;
        }
        if self.dropped > 0 {
            write!(f, "; {} never sent", self.dropped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_successes_have_latencies_and_refusals_have_codes() {
        let tally = Tally::new();
        tally.answered(201, b"{}", Duration::from_millis(2));
        tally.answered(409, br#"{"title":"Sold out","code":"sold-out"}"#, Duration::from_millis(900));
        tally.answered(500, b"oops", Duration::from_millis(1));
        let summary = tally.summary(Duration::from_secs(1));
        assert_eq!((summary.accepted, summary.statuses[&409]), (1, 1));
        assert_eq!((summary.codes["sold-out"], summary.codes["(no code)"]), (1, 1));
        assert!(summary.max < Duration::from_millis(3));
        assert_eq!(summary.longest_refusal, Duration::from_millis(900));
    }
}
