//! What a person sees while load runs: a bar on a terminal, a line at the end of each phase elsewhere.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::tally::Tally;

const REDRAW: Duration = Duration::from_millis(250);

/// Shows how a phase goes, until its time is up.
pub(crate) async fn show(name: &str, duration: Duration, tally: &Tally) {
    let started = Instant::now();
    let bar = bar(name, duration);
    let mut before = (started, 0);
    while started.elapsed() < duration {
        let left = duration.saturating_sub(started.elapsed());
        tokio::time::sleep(left.min(REDRAW)).await;
        let now = (Instant::now(), tally.accepted());
        let rate = (now.1 - before.1) as f64 / (now.0 - before.0).as_secs_f64().max(f64::EPSILON);
        bar.set_position(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
        bar.set_message(format!("{rate:.0}/s"));
        before = now;
    }
    bar.finish_and_clear();
}

/// One line, whatever is on the screen.
pub(crate) fn say(line: impl AsRef<str>) {
    println!("{}", line.as_ref());
}

fn bar(name: &str, duration: Duration) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {msg}").expect("a template");
    let length = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    ProgressBar::new(length).with_style(style.progress_chars("=> ")).with_prefix(name.to_owned())
}
