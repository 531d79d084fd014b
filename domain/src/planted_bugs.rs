//! A bug that a test build can switch on, to show that `chaos` finds it. Not in a build without the feature
//! `planted-bugs`, which alone may ask the environment. The others are in `event-store/src/planted_bugs.rs`.

use std::sync::LazyLock;

use crate::show::ShowEvent;

/// Tickets of lapsed holds are taken though no event ends the holds: `no-expiry`.
pub(crate) fn without_expiry(events: Vec<ShowEvent>) -> Vec<ShowEvent> {
    static IS_PLANTED: LazyLock<bool> =
        LazyLock::new(|| std::env::var("BOXOFFICE_PLANTED_BUG").is_ok_and(|name| name == "no-expiry"));
    if *IS_PLANTED { vec![] } else { events }
}
