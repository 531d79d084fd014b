//! Boxoffice is broken on purpose: a short run each time, and with `--include-ignored` whether the checker finds the bugs
//! that a test build has.

mod planted_bugs;
mod short;

use std::{io::Write, path::PathBuf};

use chaos::Report;
use tokio::sync::{Mutex, MutexGuard};

/// Two of these at once would be too slow for each other.
async fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

/// The folder of this test's binaries, two above this one: `target/debug`.
fn target() -> PathBuf {
    let this = std::env::current_exe().expect("a test has a binary");
    this.ancestors().nth(2).expect("it lies in target/debug/deps").to_owned()
}

/// What `cargo test --workspace` has built for the tests of `boxoffice`.
fn boxoffice() -> PathBuf {
    let path = target().join("boxoffice");
    assert!(path.is_file(), "there is no {}: run cargo test --workspace", path.display());
    path
}

/// Not through the test runner, which keeps it to itself.
fn tell(report: &Report) {
    let _ = writeln!(std::io::stderr(), "{report}");
}
