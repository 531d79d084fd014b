//! The rows of the table: what is divided by what, and what came out.

pub(crate) mod bookings;
pub(crate) mod consumers;
pub(crate) mod reads;
pub(crate) mod rebuilds;
pub(crate) mod relay;
pub(crate) mod visibility;

/// The ratios that a run can measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Ratio {
    /// Bookings of many events ÷ one-row appends of pgbench
    R1,
    /// Bookings of one event ÷ the row-lock design in pgbench
    R2,
    /// Bookings of one event by 512 clients ÷ by 16
    R3,
    /// Appends with everything that follows them running ÷ without
    R4,
    /// What the relay drains ÷ Kafka's own producer
    R5,
    /// From a commit to visible ÷ a commit and a Kafka round trip
    R6,
    /// Rebuilding a read model ÷ COPY of its rows
    R7,
    /// Reading an event ÷ a bare axum JSON answer
    R8,
}

impl Ratio {
    pub(crate) const ALL: [Self; 8] =
        [Self::R1, Self::R2, Self::R3, Self::R4, Self::R5, Self::R6, Self::R7, Self::R8];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::R1 => "R1",
            Self::R2 => "R2",
            Self::R3 => "R3",
            Self::R4 => "R4",
            Self::R5 => "R5",
            Self::R6 => "R6",
            Self::R7 => "R7",
            Self::R8 => "R8",
        }
    }
}

/// What a side was measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    PerSecond,
    Milliseconds,
    Share,
}

/// One side of a ratio, or another figure worth knowing: a number each round.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) rounds: Vec<f64>,
}

/// One ratio with both of its sides.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) ratio: Ratio,
    pub(crate) title: &'static str,
    /// What its sides are called in the picture.
    pub(crate) sides: (&'static str, &'static str),
    pub(crate) ours: Figure,
    pub(crate) theirs: Figure,
    /// Worse than this is not good enough.
    pub(crate) floor: f64,
    pub(crate) aim: f64,
    pub(crate) less_is_better: bool,
    /// If the ratio's other side is not this run's.
    pub(crate) instead_of_theirs: Option<(f64, String)>,
    pub(crate) others: Vec<Figure>,
    pub(crate) remarks: Vec<String>,
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, unit: Unit) -> Self {
        Self { what: what.into(), unit, rounds: vec![] }
    }

    pub(crate) fn median(&self) -> f64 {
        median(&self.rounds)
    }

    pub(crate) fn min(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn max(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    pub(crate) fn show(&self, value: f64) -> String {
        match self.unit {
            Unit::PerSecond => format!("{}/s", thousands(value)),
            Unit::Milliseconds => format!("{value:.2} ms"),
            Unit::Share => format!("{value:.2}"),
        }
    }
}

impl Row {
    /// The ratio of the medians.
    pub(crate) fn value(&self) -> f64 {
        self.ours.median() / self.denominator()
    }

    /// The ratio of each round.
    pub(crate) fn each_round(&self) -> Vec<f64> {
        let one = |(ours, theirs): (&f64, &f64)| {
            ours / self.instead_of_theirs.as_ref().map_or(*theirs, |(value, _)| *value)
        };
        self.ours.rounds.iter().zip(&self.theirs.rounds).map(one).collect()
    }

    pub(crate) fn denominator(&self) -> f64 {
        self.instead_of_theirs.as_ref().map_or_else(|| self.theirs.median(), |(value, _)| *value)
    }

    pub(crate) fn verdict(&self) -> &'static str {
        let reaches =
            |mark: f64| if self.less_is_better { self.value() <= mark } else { self.value() >= mark };
        match (reaches(self.aim), reaches(self.floor)) {
            (true, _) => "aim reached",
            (false, true) => "good enough",
            (false, false) => "not good enough",
        }
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// 12345.6 as 12,346.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_thousands() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
        assert_eq!(
            (thousands(999.6), thousands(12_345.6), thousands(7.0)),
            ("1,000".into(), "12,346".into(), "7".into())
        );
    }
}
