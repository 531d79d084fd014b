//! Values in query strings that are parsed more strictly, or refused in better words, than their types do it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de::Error};
use uuid::Uuid;

/// An RFC 3339 time.
pub(crate) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = String::deserialize(from)?;
    let time = DateTime::parse_from_rfc3339(&text)
        .map_err(|_| D::Error::custom("must be a time such as 2030-01-31T20:00:00Z"))?;
    Ok(Some(time.to_utc()))
}

/// An id.
pub(crate) fn id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Uuid>, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map(Some).map_err(|_| D::Error::custom("must be a UUID"))
}

/// Most characters that are searched for.
pub(crate) const MAX_SEARCH_CHARS: usize = 200;

/// A text to search for; an empty one is none.
pub(crate) fn search<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    let text = text.trim();
    if text.chars().count() > MAX_SEARCH_CHARS {
        return Err(D::Error::custom(format!("must have at most {MAX_SEARCH_CHARS} characters")));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// The pattern of `like` for texts that contain this one.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_letters_like_others() {
        assert_eq!(containing("50%_a\\b"), "%50\\%\\_a\\\\b%");
    }
}
