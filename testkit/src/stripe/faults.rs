//! How often something goes wrong, random, from a fixed seed; and what goes wrong next, as a test wants it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde_json::Value;

/// In hundredths.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Calls that fail before anything is done.
    pub failing: u64,
    /// Calls that fail on the way, half of them after all was done; that is remembered under their key.
    pub broken: u64,
    /// Calls that are done and answered to nobody.
    pub unanswered: u64,
    /// Calls that are done and answered only after `hangs_for`; the same call is told meanwhile that it is under way.
    pub hanging: u64,
    /// How long they take.
    pub hangs_for: Duration,
    /// Webhooks that are never sent.
    pub lost: u64,
    /// Webhooks that are sent twice.
    pub doubled: u64,
    /// A webhook comes at some time until then, so that later ones overtake it.
    pub delayed: Duration,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fate {
    GoesWell,
    Fails,
    Breaks { is_done: bool },
    AnswersNobody,
    Hangs,
}

impl Faults {
    pub(super) fn fate(&self) -> Fate {
        let drawn = random() % 100;
        if drawn < self.failing {
            Fate::Fails
        } else if drawn < self.failing + self.unanswered {
            Fate::AnswersNobody
        } else if drawn < self.failing + self.unanswered + self.broken {
            Fate::Breaks { is_done: random().is_multiple_of(2) }
        } else if drawn < self.failing + self.unanswered + self.broken + self.hanging {
            Fate::Hangs
        } else {
            Fate::GoesWell
        }
    }

    /// After how long each copy of a webhook is sent.
    pub(super) fn copies(&self) -> Vec<Duration> {
        if random() % 100 < self.lost {
            return vec![];
        }
        let copies = if random() % 100 < self.doubled { 2 } else { 1 };
        let millis = u64::try_from(self.delayed.as_millis()).unwrap_or(u64::MAX).max(1);
        (0..copies).map(|_| Duration::from_millis(random() % millis)).collect()
    }
}

/// What becomes of the next calls of a step, as a test wants it.
#[derive(Default)]
pub(super) struct Planned {
    /// Those that break, and whether after all was done.
    breaking: Vec<(String, bool)>,
    /// Those that something on the way answers, and how.
    intercepted: Vec<(String, u16, Value)>,
}

impl Planned {
    pub(super) fn break_next(&mut self, step: &str, is_done: bool) {
        self.breaking.push((step.to_owned(), is_done));
    }

    pub(super) fn intercept_next(&mut self, step: &str, status: u16, body: Value) {
        self.intercepted.push((step.to_owned(), status, body));
    }

    pub(super) fn breaks(&mut self, what: &str) -> Option<bool> {
        let place = self.breaking.iter().position(|(step, _)| is_of(what, step))?;
        Some(self.breaking.remove(place).1)
    }

    pub(super) fn intercepts(&mut self, what: &str) -> Option<(u16, Value)> {
        let place = self.intercepted.iter().position(|(step, ..)| is_of(what, step))?;
        let (_, status, body) = self.intercepted.remove(place);
        Some((status, body))
    }
}

/// A call is its step, and perhaps what it is about.
fn is_of(what: &str, step: &str) -> bool {
    what.split(' ').next() == Some(step)
}

/// Splitmix64.
fn random() -> u64 {
    static STATE: AtomicU64 = AtomicU64::new(7);
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut z = STATE.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
