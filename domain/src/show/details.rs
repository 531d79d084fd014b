//! What a host says about a show, and when it takes place.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{Description, Invalid, TimeZone, Title, Venue};

/// What a host says about a show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShowDetails {
    /// What it is called.
    pub title: Title,
    /// What it is about.
    pub description: Option<Description>,
    /// Where it takes place.
    pub venue: Option<Venue>,
    /// When it takes place and when it is sold.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// The zone that people at the venue live in.
    pub time_zone: TimeZone,
    /// Most tickets of one booking.
    pub max_tickets_per_booking: u32,
    /// How long a hold lasts.
    pub hold_seconds: u32,
}

/// A change of what the host says; what is left out keeps its value.
#[derive(Debug, Clone, Default)]
pub struct DetailsChange {
    /// What it is called.
    pub title: Option<Title>,
    /// What it is about; taken away by an inner nothing.
    pub description: Option<Option<Description>>,
    /// Where it takes place; taken away by an inner nothing.
    pub venue: Option<Option<Venue>>,
    /// When it starts.
    pub start_date_time: Option<DateTime<Utc>>,
    /// When it ends.
    pub end_date_time: Option<DateTime<Utc>>,
    /// When the sale starts; taken away by an inner nothing.
    pub sales_start: Option<Option<DateTime<Utc>>>,
    /// When the sale ends; taken away by an inner nothing.
    pub sales_end: Option<Option<DateTime<Utc>>>,
    /// The zone of the venue.
    pub time_zone: Option<TimeZone>,
    /// Most tickets of one booking.
    pub max_tickets_per_booking: Option<u32>,
    /// How long a new hold lasts.
    pub hold_seconds: Option<u32>,
}

impl DetailsChange {
    /// The details after the change.
    ///
    /// # Errors
    /// The times would not fit together.
    pub(super) fn of(&self, details: &ShowDetails) -> Result<ShowDetails, ScheduleError> {
        let Schedule { start_date_time, end_date_time, sales_start, sales_end } = details.schedule;
        Ok(ShowDetails {
            title: self.title.clone().unwrap_or_else(|| details.title.clone()),
            description: self.description.clone().unwrap_or_else(|| details.description.clone()),
            venue: self.venue.clone().unwrap_or_else(|| details.venue.clone()),
            schedule: Schedule::parse(
                self.start_date_time.unwrap_or(start_date_time),
                self.end_date_time.unwrap_or(end_date_time),
                self.sales_start.unwrap_or(sales_start),
                self.sales_end.unwrap_or(sales_end),
            )?,
            time_zone: self.time_zone.unwrap_or(details.time_zone),
            max_tickets_per_booking: self.max_tickets_per_booking.unwrap_or(details.max_tickets_per_booking),
            hold_seconds: self.hold_seconds.unwrap_or(details.hold_seconds),
        })
    }
}

/// When a show takes place, and when its tickets are sold. Ends after it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Doors.
    pub start_date_time: DateTime<Utc>,
    /// The end.
    pub end_date_time: DateTime<Utc>,
    /// No ticket before this time.
    pub sales_start: Option<DateTime<Utc>>,
    /// No ticket from this time on.
    pub sales_end: Option<DateTime<Utc>>,
}

/// Times that do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The time of this field is none that RFC 3339 can write.
    #[error("must be in the years 0000 to 9999 of UTC")]
    BeyondRfc3339(&'static str),
    /// The end is not after the start.
    #[error("must be after startDateTime")]
    EndsBeforeItStarts,
    /// Shorter than five minutes.
    #[error("must be at least 5 minutes after startDateTime")]
    TooShort,
    /// Longer than fourteen days.
    #[error("must be at most 14 days after startDateTime")]
    TooLong,
    /// The sale ends before it starts.
    #[error("must be after salesStart")]
    SalesEndBeforeTheyStart,
    /// The sale starts when the show is over.
    #[error("must be before endDateTime")]
    SalesStartAfterTheEnd,
}

impl Schedule {
    /// Those of RFC 3339. All stores and clients understand them.
    const YEARS: RangeInclusive<i32> = 0..=9_999;
    const SHORTEST: TimeDelta = TimeDelta::minutes(5);
    const LONGEST: TimeDelta = TimeDelta::days(14);

    /// Checks that the times fit together.
    ///
    /// # Errors
    /// They do not.
    pub fn parse(
        start_date_time: DateTime<Utc>,
        end_date_time: DateTime<Utc>,
        sales_start: Option<DateTime<Utc>>,
        sales_end: Option<DateTime<Utc>>,
    ) -> Result<Self, ScheduleError> {
        // Microseconds are what every store keeps; finer ones, and leap seconds, would be others on some ways than on others.
        let kept =
            |time: DateTime<Utc>| DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time);
        let (start_date_time, end_date_time) = (kept(start_date_time), kept(end_date_time));
        let (sales_start, sales_end) = (sales_start.map(kept), sales_end.map(kept));
        let times = [
            ("startDateTime", Some(start_date_time)),
            ("endDateTime", Some(end_date_time)),
            ("salesStart", sales_start),
            ("salesEnd", sales_end),
        ];
        let beyond =
            times.iter().find(|(_, time)| time.is_some_and(|time| !Self::YEARS.contains(&time.year())));
        if let Some((field, _)) = beyond {
            return Err(ScheduleError::BeyondRfc3339(field));
        }
        let length = end_date_time - start_date_time;
        if length <= TimeDelta::zero() {
            return Err(ScheduleError::EndsBeforeItStarts);
        }
        if length < Self::SHORTEST {
            return Err(ScheduleError::TooShort);
        }
        if length > Self::LONGEST {
            return Err(ScheduleError::TooLong);
        }
        if sales_start.is_some_and(|start| start >= end_date_time) {
            return Err(ScheduleError::SalesStartAfterTheEnd);
        }
        if let (Some(start), Some(end)) = (sales_start, sales_end)
            && end <= start
        {
            return Err(ScheduleError::SalesEndBeforeTheyStart);
        }
        Ok(Self { start_date_time, end_date_time, sales_start, sales_end })
    }

    /// Whether the show is over.
    #[must_use]
    pub fn has_ended(&self, at: DateTime<Utc>) -> bool {
        at >= self.end_date_time
    }
}

/// Tickets in all, 1 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity(u32);

impl Capacity {
    /// Most tickets of a show.
    pub const MAX: u32 = 1_000_000;

    /// Checks the bounds.
    ///
    /// # Errors
    /// Zero, negative, or more than [`Self::MAX`].
    pub fn parse(tickets: i64) -> Result<Self, Invalid> {
        u32::try_from(tickets)
            .ok()
            .filter(|tickets| (1..=Self::MAX).contains(tickets))
            .map(Self)
            .ok_or_else(|| Invalid(format!("must be from 1 to {}", Self::MAX)))
    }

    /// The number.
    #[must_use]
    pub const fn tickets(self) -> u32 {
        self.0
    }
}
