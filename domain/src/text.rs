//! Texts that were checked once, at the edge, and cannot be wrong afterwards.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text was refused, in words for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// Trims, and refuses what is too short, too long or has control characters (line breaks are kept when `lines`).
fn bounded(text: &str, min_chars: usize, max_chars: usize, lines: bool) -> Result<String, Invalid> {
    let text = text.trim();
    let chars = text.chars().count();
    if chars < min_chars {
        return Err(Invalid(if chars == 0 {
            "must not be empty".to_owned()
        } else {
            format!("must have at least {min_chars} characters")
        }));
    }
    if chars > max_chars {
        return Err(Invalid(format!("must have at most {max_chars} characters")));
    }
    if text.chars().any(|c| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'))) {
        return Err(Invalid("must not contain control characters".to_owned()));
    }
    Ok(text.to_owned())
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $min:literal..=$max:literal, lines: $lines:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Most characters.
            pub const MAX_CHARS: usize = $max;

            /// Trims and checks.
            ///
            /// # Errors
            /// Too short, too long, or control characters.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                bounded(text, $min, $max, $lines).map(Self)
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

text! {
    /// What a show is called.
    Title, 1..=200, lines: false
}
text! {
    /// What a show is about; may have several lines.
    Description, 0..=10_000, lines: true
}
text! {
    /// Where a show takes place.
    Venue, 1..=200, lines: false
}
text! {
    /// What a ticket type is called.
    TicketTypeName, 1..=100, lines: false
}
text! {
    /// What a part of a hall is called.
    SectionName, 1..=100, lines: false
}
text! {
    /// What a row of seats is called.
    RowName, 1..=20, lines: false
}
text! {
    /// What a person is called.
    PersonName, 1..=200, lines: false
}

/// An e-mail address in lower case.
///
/// Only its form is checked (one `@`, something on both sides, no spaces); whether it exists is found out by
/// sending a mail. Lower case throughout: nobody wants two accounts for `Ada@example.org` and `ada@example.org`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// RFC 5321, 4.5.3.1.3: a path has at most 256 octets, the angle brackets included.
    pub const MAX_CHARS: usize = 254;

    /// Trims, lowers and checks.
    ///
    /// # Errors
    /// Not the form of an address, or longer than [`Self::MAX_CHARS`].
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = bounded(text, 1, Self::MAX_CHARS, false)?.to_lowercase();
        let malformed = || Invalid("must be an e-mail address".to_owned());
        let (local, host) = text.split_once('@').ok_or_else(malformed)?;
        let host_is_sound = host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
        let local_is_sound =
            !local.is_empty() && local.chars().all(|c| !c.is_whitespace() && !"@<>()[],;:\\\"".contains(c));
        if local_is_sound && host_is_sound { Ok(Self(text)) } else { Err(malformed()) }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An IANA time zone such as `Europe/Berlin`: what people at the venue read on their clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZone(chrono_tz::Tz);

impl TimeZone {
    /// When the host named none.
    pub const UTC: Self = Self(chrono_tz::Tz::UTC);

    /// Looks the name up.
    ///
    /// # Errors
    /// No zone has that name.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        chrono_tz::Tz::from_str(name)
            .map(Self)
            .map_err(|_| Invalid("must be an IANA time zone, such as Europe/Berlin".to_owned()))
    }

    /// The zone's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl TryFrom<String> for TimeZone {
    type Error = Invalid;

    fn try_from(name: String) -> Result<Self, Invalid> {
        Self::parse(&name)
    }
}

impl From<TimeZone> for String {
    fn from(zone: TimeZone) -> Self {
        zone.name().to_owned()
    }
}
