//! Boxoffice is broken on purpose: a short run each time, and with `--include-ignored` whether the checker finds the bugs
//! that a test build has.

mod planted_bugs;
mod short;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::SystemTime,
};

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

/// What `cargo test --workspace` has built for the tests of `boxoffice`. Cargo does not build it for these tests alone, so
/// it may be an old one, whose findings say nothing.
fn boxoffice() -> PathBuf {
    const WHAT_TO_DO: &str = "run cargo test --workspace --no-run";
    let path = target().join("boxoffice");
    let built = fs::metadata(&path).and_then(|file| file.modified());
    let built = built.unwrap_or_else(|error| panic!("{}: {error}: {WHAT_TO_DO}", path.display()));
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for part in PARTS_OF_BOXOFFICE {
        if let Some(newer) = newer_than(built, &workspace.join(part)) {
            panic!("{} is newer than {}: {WHAT_TO_DO}", newer.display(), path.display());
        }
    }
    path
}

const PARTS_OF_BOXOFFICE: [&str; 12] = [
    "boxoffice/src",
    "command-api/src",
    "contract/src",
    "domain/src",
    "event-store/src",
    "feed/src",
    "migrations",
    "payments/src",
    "platform/src",
    "processes/src",
    "projector/src",
    "query-api/src",
];

/// A file in there that was changed after that time.
fn newer_than(time: SystemTime, folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the workspace");
    entries.map(|entry| entry.expect("an entry").path()).find_map(|path| {
        if path.is_dir() {
            return newer_than(time, &path);
        }
        let changed = fs::metadata(&path).and_then(|file| file.modified()).expect("when it was changed");
        (changed > time).then_some(path)
    })
}

/// Not through the test runner, which keeps it to itself.
fn tell(report: &Report) {
    let _ = writeln!(std::io::stderr(), "{report}");
}
