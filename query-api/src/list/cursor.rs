//! Where the next page goes on: after the last item's place in the order, as an opaque text.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Column;

/// Longer than any cursor of ours: titles and names, the longest keys, have at most 200 characters.
const MAX_TEXT_BYTES: usize = 4_096;

/// A place in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) key: Key,
    pub(crate) id: Uuid,
}

/// The value of a column that a list is sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    Time(DateTime<Utc>),
    Text(String),
}

/// The text is no cursor, or one of another list, order or choice of filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotACursor;

/// What is inside the text.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    /// A fingerprint of what the cursor belongs to.
    of: String,
    key: String,
    id: Uuid,
}

impl Cursor {
    /// The text for clients; `of` is a fingerprint of what it belongs to.
    pub(super) fn encode(&self, of: &str) -> String {
        let key = match &self.key {
            // As precise as the column: microseconds.
            Key::Time(time) => time.to_rfc3339_opts(SecondsFormat::Micros, true),
            Key::Text(text) => text.clone(),
        };
        let content = Content { of: of.to_owned(), key, id: self.id };
        BASE64.encode(serde_json::to_vec(&content).expect("plain strings serialize"))
    }

    pub(super) fn decode(text: &str, of: &str, column: Column) -> Result<Self, NotACursor> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(NotACursor);
        }
        let json = BASE64.decode(text).map_err(|_| NotACursor)?;
        let content: Content = serde_json::from_slice(&json).map_err(|_| NotACursor)?;
        if content.of != of {
            return Err(NotACursor);
        }
        Ok(Self { key: Key::parse(content.key, column)?, id: content.id })
    }
}

impl Key {
    /// Cursors come from clients, so even one that fits may hold what its column cannot.
    fn parse(text: String, column: Column) -> Result<Self, NotACursor> {
        match column {
            Column::Time(_) => {
                let time = DateTime::parse_from_rfc3339(&text).map_err(|_| NotACursor)?;
                Ok(Self::Time(time.to_utc()))
            }
            Column::Text(_) if text.contains('\0') => Err(NotACursor),
            Column::Text(_) => Ok(Self::Text(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Column = Column::Time("created_at");
    const TEXT: Column = Column::Text("title");

    fn of_text(text: &str) -> Cursor {
        Cursor { key: Key::Text(text.to_owned()), id: Uuid::now_v7() }
    }

    #[test]
    fn a_cursor_survives_the_way_to_the_client_and_back() {
        let text = of_text("Ünïcode \"quoted\" 🎟");
        assert_eq!(Cursor::decode(&text.encode("of"), "of", TEXT), Ok(text));

        let microseconds = DateTime::from_timestamp_micros(1_893_456_000_123_456).unwrap();
        let time = Cursor { key: Key::Time(microseconds), id: Uuid::now_v7() };
        assert_eq!(Cursor::decode(&time.encode("of"), "of", TIME), Ok(time));
    }

    #[test]
    fn a_cursor_of_something_else_is_refused() {
        assert_eq!(Cursor::decode(&of_text("a").encode("of"), "of another", TEXT), Err(NotACursor));
    }

    #[test]
    fn a_forged_value_that_its_column_cannot_hold_is_refused() {
        assert_eq!(Cursor::decode(&of_text("not a time").encode("of"), "of", TIME), Err(NotACursor));
        assert_eq!(Cursor::decode(&of_text("a\0b").encode("of"), "of", TEXT), Err(NotACursor));
    }

    #[test]
    fn what_is_not_a_cursor_is_refused() {
        let no_json = BASE64.encode("nonsense");
        let other_json = BASE64.encode("{\"of\":\"of\"}");
        let long = "A".repeat(MAX_TEXT_BYTES + 1);
        for text in ["", "%%%", "abc", &no_json, &other_json, &long] {
            assert_eq!(Cursor::decode(text, "of", TEXT), Err(NotACursor), "{text}");
        }
    }
}
