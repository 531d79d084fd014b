//! The picture: every ratio on one logarithmic axis, beside the marks that it should reach.
//!
//! Written by hand: it is some rectangles, circles and texts, and a library for that would be larger than all the rest.

use std::fmt::Write;

use crate::{report::Report, rows::Row};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 310.0;
const RIGHT: f64 = 870.0;
const TOP: f64 = 96.0;
const ROW_HEIGHT: f64 = 74.0;
const BAND: f64 = 38.0;
const AXIS: f64 = 52.0;
/// How far beyond the outermost mark or value the axis goes.
const MARGIN: f64 = 1.5;
const STEPS: [f64; 3] = [1.0, 2.0, 5.0];

const STYLE: &str = "
text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; fill: #1f2933; }
.title { font-size: 20px; font-weight: 600; }
.name { font-size: 15px; font-weight: 600; }
.small { font-size: 12px; fill: #52606d; }
.warning { font-size: 13px; font-weight: 700; fill: #b42318; }
.value { font-size: 17px; font-weight: 700; }
.short { fill: #f1f3f5; } .enough { fill: #d8f0dd; } .aimed { fill: #a6dbb3; }
.grid { stroke: #cbd2d9; stroke-width: 1; stroke-dasharray: 2 4; }
.one { stroke: #7b8794; stroke-width: 1; }
.mark { stroke: #2f7d46; stroke-width: 2; }
.spread { stroke: #174ea6; stroke-width: 3; stroke-linecap: round; }
.round { fill: #174ea6; fill-opacity: 0.35; }
.median { fill: #174ea6; stroke: #ffffff; stroke-width: 2; }
";

/// The axis: from, to.
struct Axis(f64, f64);

impl Axis {
    /// Wide enough for all values and marks.
    fn of(rows: &[Row]) -> Self {
        let values = |row: &Row| row.each_round().into_iter().chain([row.floor, row.aim, row.value(), 1.0]);
        let all: Vec<f64> = rows.iter().flat_map(values).filter(|v| v.is_finite() && *v > 0.0).collect();
        let from = all.iter().copied().fold(1.0, f64::min) / MARGIN;
        Self(from, all.iter().copied().fold(1.0, f64::max) * MARGIN)
    }

    fn x(&self, value: f64) -> f64 {
        let share = (value.max(self.0) / self.0).ln() / (self.1 / self.0).ln();
        LEFT + share.min(1.0) * (RIGHT - LEFT)
    }

    /// 1, 2, 5, 10 … as far as the axis goes.
    fn ticks(&self) -> Vec<f64> {
        let powers = (-6..=6).map(|power| 10_f64.powi(power));
        let all = powers.flat_map(|power| STEPS.map(|step| step * power));
        all.filter(|tick| (self.0..=self.1).contains(tick)).collect()
    }
}

/// Draws it.
pub(crate) fn draw(report: &Report) -> String {
    let axis = Axis::of(&report.rows);
    let bottom = TOP + ROW_HEIGHT * report.rows.len() as f64;
    let height = bottom + AXIS;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"Ratios of Boxoffice's benchmarks beside their marks\">\n\
         <style>{STYLE}</style>\n<rect width=\"{WIDTH}\" height=\"{height}\" rx=\"8\" fill=\"#ffffff\"/>\n"
    );
    let machine = &report.machine;
    text(&mut svg, 24.0, 36.0, "title", "start", "Boxoffice, divided by what it is measured against");
    let below = format!(
        "{} rounds of {} s, interleaved, fsync on · {}, {} cores · PostgreSQL {} · {}",
        report.rounds, report.seconds, machine.cpu, machine.cores, report.postgres, machine.date
    );
    text(&mut svg, 24.0, 56.0, "small", "start", &below);
    if !report.counts() {
        text(&mut svg, WIDTH - 24.0, 36.0, "warning", "end", "DOES NOT COUNT: quick run or busy machine");
    }
    legend(&mut svg);
    for tick in axis.ticks() {
        let class = if (tick - 1.0).abs() < f64::EPSILON { "one" } else { "grid" };
        line(&mut svg, class, (axis.x(tick), TOP), (axis.x(tick), bottom));
        text(&mut svg, axis.x(tick), bottom + 18.0, "small", "middle", &format!("{tick}"));
    }
    for (index, row) in report.rows.iter().enumerate() {
        draw_row(&mut svg, &axis, row, TOP + ROW_HEIGHT * index as f64);
    }
    text(&mut svg, LEFT, bottom + 38.0, "small", "start", "ratio, logarithmic");
    svg + "</svg>\n"
}

fn legend(svg: &mut String) {
    let y = 78.0;
    let _ = writeln!(svg, "<circle class=\"median\" cx=\"320\" cy=\"{y}\" r=\"6\"/>");
    text(svg, 332.0, y + 4.0, "small", "start", "ratio of the medians");
    line(svg, "spread", (472.0, y), (494.0, y));
    text(svg, 502.0, y + 4.0, "small", "start", "all rounds");
    for (x, class, what) in [(590.0, "enough", "good enough"), (706.0, "aimed", "aim reached")] {
        let _ =
            writeln!(svg, "<rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"18\" height=\"12\"/>", y - 6.0);
        text(svg, x + 25.0, y + 4.0, "small", "start", what);
    }
}

fn draw_row(svg: &mut String, axis: &Axis, row: &Row, top: f64) {
    let middle = top + ROW_HEIGHT / 2.0;
    let name = format!("{}  {}", row.ratio.name(), row.title);
    text(svg, 24.0, middle - 12.0, "name", "start", &name);
    let theirs = row.theirs.show(row.denominator());
    text(
        svg,
        24.0,
        middle + 6.0,
        "small",
        "start",
        &format!("{}: {}", row.sides.0, row.ours.show(row.ours.median())),
    );
    let best = if row.instead_of_theirs.is_some() { ", best ever" } else { "" };
    text(svg, 24.0, middle + 22.0, "small", "start", &format!("÷ {}{best}: {theirs}", row.sides.1));

    band(svg, "short", LEFT, RIGHT, middle);
    let end = if row.less_is_better { LEFT } else { RIGHT };
    band(svg, "enough", axis.x(row.floor), end, middle);
    band(svg, "aimed", axis.x(row.aim), end, middle);
    // Each label stands on the outer side of its mark, so that marks that are close do not hide each other's.
    let (floor, aim) = (axis.x(row.floor), axis.x(row.aim));
    let (at, sides) =
        if row.less_is_better { ("at most", ("start", "end")) } else { ("at least", ("end", "start")) };
    for (x, side, what) in
        [(floor, sides.0, format!("{at} {}", row.floor)), (aim, sides.1, format!("aim {}", row.aim))]
    {
        line(svg, "mark", (x, middle - BAND / 2.0), (x, middle + BAND / 2.0));
        let away = if side == "end" { 2.0 } else { -2.0 };
        text(svg, x + away, middle - BAND / 2.0 - 4.0, "small", side, &what);
    }
    let rounds = row.each_round();
    let min = rounds.iter().copied().fold(f64::INFINITY, f64::min);
    let max = rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    line(svg, "spread", (axis.x(min), middle), (axis.x(max), middle));
    for round in rounds {
        let _ =
            writeln!(svg, "<circle class=\"round\" cx=\"{:.1}\" cy=\"{middle}\" r=\"4\"/>", axis.x(round));
    }
    let x = axis.x(row.value());
    let _ = writeln!(svg, "<circle class=\"median\" cx=\"{x:.1}\" cy=\"{middle}\" r=\"7\"/>");
    text(svg, RIGHT + 16.0, middle + 6.0, "value", "start", &format!("{:.2}", row.value()));
}

fn band(svg: &mut String, class: &str, from: f64, to: f64, middle: f64) {
    let (x, width) = (from.min(to), (to - from).abs());
    let y = middle - BAND / 2.0;
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAND}\"/>"
    );
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(svg, "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1}\" x2=\"{x2:.1}\" y2=\"{y2}\"/>");
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, anchor: &str, what: &str) {
    let escaped = what.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{escaped}</text>"
    );
}
