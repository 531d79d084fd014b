//! How far a reader of an inbox is.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use contract::Notification;
use uuid::Uuid;

/// A place in an inbox, in the order of its list from the oldest on. Clients treat it as opaque; its text is
/// `<microseconds>-<id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(super) created_at: DateTime<Utc>,
    pub(super) id: Uuid,
}

/// The text is not a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAPlace;

impl Place {
    /// Before everything.
    pub(crate) const BEGINNING: Self = Self { created_at: DateTime::UNIX_EPOCH, id: Uuid::nil() };

    /// Before all that came so much earlier.
    pub(super) fn earlier_by(self, time: TimeDelta) -> Self {
        Self { created_at: self.created_at - time, id: Uuid::nil() }
    }

    pub(super) const fn of(notification: &Notification) -> Self {
        Self { created_at: notification.created_at, id: notification.id }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.created_at.timestamp_micros(), self.id.simple())
    }
}

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (time, id) = text.split_once('-').ok_or(NotAPlace)?;
        let time: i64 = time.parse().ok().filter(|time| *time >= 0).ok_or(NotAPlace)?;
        let created_at = DateTime::from_timestamp_micros(time).ok_or(NotAPlace)?;
        Ok(Self { created_at, id: Uuid::try_parse(id).map_err(|_| NotAPlace)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_the_way_to_the_client_and_back() {
        let created_at = DateTime::from_timestamp_micros(1_893_456_000_123_456).unwrap();
        let place = Place { created_at, id: Uuid::now_v7() };
        assert_eq!(place.to_string().parse(), Ok(place));
        assert_eq!(Place::BEGINNING.to_string().parse(), Ok(Place::BEGINNING));
    }

    #[test]
    fn what_is_not_a_place_is_refused() {
        for text in ["", "17", "17-", "-17-1", "x-1", "1-x", "9223372036854775807-", "1--1"] {
            assert_eq!(text.parse::<Place>(), Err(NotAPlace), "{text}");
        }
    }
}
