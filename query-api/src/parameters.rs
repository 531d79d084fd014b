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
