//! What is accepted at the edge, and what is not.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    BookingId, EmailAddress, PersonName, TimeZone, Title,
    booking::{PaymentReference, ReasonCode},
    show::{Capacity, Schedule, ScheduleError},
};

use crate::time;

#[test]
fn addresses_are_lowered_and_checked_for_their_form() {
    assert_eq!(EmailAddress::parse(" Ada@Example.ORG ").expect("an address").as_str(), "ada@example.org");
    for good in ["a@b", "ada.l+tickets@mail.example.org", "ünal@exämple.org"] {
        assert!(EmailAddress::parse(good).is_ok(), "{good}");
    }
    for bad in ["", "ada", "@example.org", "ada@", "a@b@c", "a b@c", "a@b..c", "a@-b", "a\u{0}@b", "<a@b>"] {
        assert!(EmailAddress::parse(bad).is_err(), "{bad}");
    }
    assert!(EmailAddress::parse(&format!("{}@example.org", "a".repeat(250))).is_err());
}

#[test]
fn texts_are_trimmed_and_bounded() {
    assert_eq!(Title::parse("  Engines ").expect("a title").as_str(), "Engines");
    assert!(Title::parse("   ").is_err());
    assert!(Title::parse(&"x".repeat(200)).is_ok());
    assert!(Title::parse(&"x".repeat(201)).is_err());
    assert!(PersonName::parse("Ada\u{7}").is_err());
}

#[test]
fn capacities_are_bounded() {
    assert!(Capacity::parse(1).is_ok() && Capacity::parse(1_000_000).is_ok());
    for bad in [i64::MIN, -1, 0, 1_000_001, i64::MAX] {
        assert!(Capacity::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn time_zones_have_names() {
    assert_eq!(TimeZone::parse("Europe/Berlin").map(TimeZone::name), Ok("Europe/Berlin"));
    assert!(TimeZone::parse("Berlin time").is_err());
}

#[test]
fn ids_have_one_form() {
    let text = "0193a5c2-7e44-7c1b-9d0e-1f2a3b4c5d6e";
    assert_eq!(text.parse::<BookingId>().map(|id| id.to_string()).as_deref(), Ok(text));
    for bad in ["", "1", "0193a5c27e447c1b9d0e1f2a3b4c5d6e", "{0193a5c2-7e44-7c1b-9d0e-1f2a3b4c5d6e}"] {
        assert!(bad.parse::<BookingId>().is_err(), "{bad}");
    }
}

#[test]
fn a_show_lasts_from_five_minutes_to_fourteen_days() {
    let start = time("2027-06-01T18:00:00Z");
    let lasting = |length: TimeDelta| Schedule::parse(start, start + length, None, None).err();
    assert_eq!(lasting(TimeDelta::minutes(5)), None);
    assert_eq!(lasting(TimeDelta::days(14)), None);
    assert_eq!(lasting(TimeDelta::zero()), Some(ScheduleError::EndsBeforeItStarts));
    assert_eq!(lasting(TimeDelta::seconds(-1)), Some(ScheduleError::EndsBeforeItStarts));
    assert_eq!(lasting(TimeDelta::seconds(299)), Some(ScheduleError::TooShort));
    assert_eq!(lasting(TimeDelta::days(14) + TimeDelta::seconds(1)), Some(ScheduleError::TooLong));
}

/// What chrono reads goes further, and what PostgreSQL stores does not go so far back.
#[test]
fn a_shows_times_are_those_that_rfc_3339_can_write() {
    let (start, end) = (time("2027-06-01T18:00:00Z"), time("2027-06-01T21:00:00Z"));
    let beyond = |field| Some(ScheduleError::BeyondRfc3339(field));
    let selling = |from, to| Schedule::parse(start, end, from, to).err();
    assert_eq!(selling(Some(time("0000-01-01T00:00:00Z")), Some(time("9999-12-31T23:59:59Z"))), None);
    for far in ["-0001-12-31T23:59:59Z", "-9999-01-01T00:00:00Z", "+10000-01-01T00:00:00Z"].map(time) {
        assert_eq!(selling(Some(far), None), beyond("salesStart"));
        assert_eq!(selling(None, Some(far)), beyond("salesEnd"));
        assert_eq!(Schedule::parse(far, end, None, None).err(), beyond("startDateTime"));
        assert_eq!(Schedule::parse(start, far, None, None).err(), beyond("endDateTime"));
    }
}

/// Parsers of others refuse it, and PostgreSQL takes it for the next second.
#[test]
fn a_leap_second_is_the_next_second() {
    let schedule = Schedule::parse(time("2027-06-01T18:00:60Z"), time("2027-06-01T21:00:00Z"), None, None);
    assert_eq!(
        schedule.map(|kept| kept.start_date_time.to_rfc3339()),
        Ok("2027-06-01T18:01:00+00:00".to_owned())
    );
    let last = time("9999-12-31T23:59:60Z");
    let schedule = Schedule::parse(time("9999-12-31T23:00:00Z"), last, None, None);
    assert_eq!(schedule, Err(ScheduleError::BeyondRfc3339("endDateTime")));
}

#[test]
fn a_sale_ends_after_it_starts_and_starts_before_the_end() {
    let (start, end) = (time("2027-06-01T18:00:00Z"), time("2027-06-01T21:00:00Z"));
    let sold =
        |from: DateTime<Utc>, to: DateTime<Utc>| Schedule::parse(start, end, Some(from), Some(to)).err();
    assert_eq!(sold(start, end), None);
    assert_eq!(sold(start, start), Some(ScheduleError::SalesEndBeforeTheyStart));
    assert_eq!(sold(end, end), Some(ScheduleError::SalesStartAfterTheEnd));
}

#[test]
fn nothing_but_codes_gets_into_an_event() {
    let cards =
        ["4242424242424242", "4242-4242-4242-4242", "card_4242_4242_4242", "number4242424242424242is_bad"];
    for text in ["", "4242 4242 4242 4242", "a@b.c", "ä", &"x".repeat(65)].into_iter().chain(cards) {
        assert!(ReasonCode::parse(text).is_err(), "{text}");
    }
    ReasonCode::parse("card_declined").expect("a code");
    ReasonCode::parse("status_500_at_20261121").expect("a code");
    for text in ["4242424242424242", "4242-4242-4242-4242", &"x".repeat(256)] {
        assert!(PaymentReference::parse(text).is_err(), "{text}");
    }
    PaymentReference::parse("pi_0193a5c2123456789012345678901234").expect("a name");
}
