//! How far a rebuild is, on the standard error: a bar on a terminal, elsewhere a line now and then.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use projector::rebuild::{Progress, Step};

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Tells one person about one rebuild.
pub(super) struct Telling {
    name: &'static str,
    bar: ProgressBar,
    /// Without a terminal: where and when the counting of the rate began, and when the last line was printed.
    lines: Option<Lines>,
}

struct Lines {
    from: i64,
    begun_at: Instant,
    printed_at: Instant,
}

impl Telling {
    pub(super) fn new(name: &'static str) -> Self {
        let style = ProgressStyle::with_template(
            "{msg} {bar:30} {human_pos}/{human_len} events, {per_sec}, {eta} left",
        )
        .expect("the template is well formed");
        let bar = ProgressBar::no_length().with_style(style).with_message(name);
        let now = Instant::now();
        let lines = Lines { from: 0, begun_at: now, printed_at: now };
        Self { name, bar, lines: (!std::io::stderr().is_terminal()).then_some(lines) }
    }

    pub(super) fn tell(&mut self, step: Step) {
        let name = self.name;
        match step {
            Step::Begun { instead: None } => self.say(&format!("{name}: from the first event on")),
            Step::Begun { instead: Some(why) } => {
                self.say(&format!(
                    "{name}: a rebuild that was not finished is dropped, {why}; from the first event on"
                ));
            }
            Step::WentOn(at) => {
                self.say(&format!(
                    "{name}: goes on at {} of {} (with --from-start it begins anew)",
                    at.position, at.head
                ));
                self.bar.set_length(at.head.unsigned_abs());
                self.bar.set_position(at.position.unsigned_abs());
                self.bar.reset_eta();
                if let Some(lines) = &mut self.lines {
                    lines.from = at.position;
                }
            }
            Step::Applied(at) => self.applied(at),
            Step::Indexing => self.bar.set_message(format!("{name}: indexes")),
            Step::SwitchDelayed => {
                self.say(&format!("{name}: it could not be switched yet, because others use the tables or much comes just now; trying again"))
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    fn applied(&mut self, at: Progress) {
        self.bar.set_length(at.head.unsigned_abs());
        self.bar.set_position(at.position.unsigned_abs());
        let Some(lines) = &mut self.lines else { return };
        if lines.printed_at.elapsed() >= LINE_EVERY {
            lines.printed_at = Instant::now();
            eprintln!("{}: {}", self.name, line(at, at.position - lines.from, lines.begun_at.elapsed()));
        }
    }
}

/// As the bar says it.
fn line(Progress { position, head }: Progress, done: i64, took: Duration) -> String {
    let per_second = done as f64 / took.as_secs_f64().max(f64::EPSILON);
    let left = match done {
        ..=0 => "unknown time".to_owned(),
        1.. => format!("{:.0} s", ((head - position) as f64 / per_second).floor()),
    };
    format!("{position}/{head} events, {per_second:.0}/s, {left} left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_only_what_this_run_has_done() {
        let at = Progress { position: 6_000, head: 10_000 };
        assert_eq!(line(at, 1_000, Duration::from_secs(2)), "6000/10000 events, 500/s, 8 s left");
        assert_eq!(line(at, 0, Duration::from_secs(2)), "6000/10000 events, 0/s, unknown time left");
    }
}
