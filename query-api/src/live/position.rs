//! How far a reader of an event's live stream is.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};

/// A place in an event's stream, as far as the read model had applied it, and the time at that moment: events and lapsing
/// holds are all that changes an event. Clients treat it as opaque; its text is `<sequence>-<microseconds>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(super) sequence: i64,
    pub(super) time: DateTime<Utc>,
}

/// The text is not a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAPosition;

impl Position {
    /// Before everything.
    pub(crate) const BEGINNING: Self = Self { sequence: 0, time: DateTime::UNIX_EPOCH };

    /// Whether a reader who is here has seen everything up to there.
    pub(super) fn includes(self, other: Self) -> bool {
        self.sequence >= other.sequence && self.time >= other.time
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.sequence, self.time.timestamp_micros())
    }
}

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let (sequence, time) = text.split_once('-').ok_or(NotAPosition)?;
        let sequence = sequence.parse().ok().filter(|sequence| *sequence >= 0).ok_or(NotAPosition)?;
        let time: i64 = time.parse().ok().filter(|time| *time >= 0).ok_or(NotAPosition)?;
        let time = DateTime::from_timestamp_micros(time).ok_or(NotAPosition)?;
        Ok(Self { sequence, time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_the_way_to_the_client_and_back() {
        let time = DateTime::from_timestamp_micros(1_893_456_000_123_456).unwrap();
        let position = Position { sequence: 17, time };
        assert_eq!(position.to_string(), "17-1893456000123456");
        assert_eq!(position.to_string().parse(), Ok(position));
        assert_eq!(Position::BEGINNING.to_string().parse(), Ok(Position::BEGINNING));
    }

    #[test]
    fn what_is_not_a_position_is_refused() {
        for text in ["", "17", "17-", "-17-1", "1--1", "x-1", "1-x", "1-9223372036854775807"] {
            assert_eq!(text.parse::<Position>(), Err(NotAPosition), "{text}");
        }
    }
}
