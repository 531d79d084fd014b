//! Strict JSON: text to a value, or a problem that names every field at fault.
//!
//! Must not know HTTP beyond the problem it makes. A first pass over the text finds what serde would let through
//! (keys given twice, the character NUL), a second builds the value and collects unknown fields.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::field_errors::{self, FieldPath};
use crate::problem::{FieldError, Problem};

/// The most field errors that one answer lists.
const MAX_FIELD_ERRORS: usize = 20;

/// What a body as a whole is called in a field error.
const WHOLE_BODY: &str = "body";

/// Parses a JSON object.
///
/// # Errors
/// 400 `not-understood` where the text is not JSON; 422 `invalid-fields` where it is not a `T`.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    let mut inspection = Inspection::default();
    inspect(text, &mut inspection).map_err(|error| not_json(&error))?;
    if !inspection.is_object {
        return Err(Problem::invalid_field(WHOLE_BODY, "must be a JSON object"));
    }
    if !inspection.faults.is_empty() {
        return Err(Problem::invalid(inspection.faults));
    }

    let mut unknown = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let mut note_unknown = |path: serde_ignored::Path<'_>| {
        if unknown.len() < MAX_FIELD_ERRORS {
            unknown.push(field_errors::unknown(FieldPath::from_ignored(&path)));
        }
    };
    let value = serde_path_to_error::deserialize(serde_ignored::Deserializer::new(
        &mut deserializer,
        &mut note_unknown,
    ))
    .map_err(|error| {
        let path = FieldPath::from_error(error.path());
        Problem::invalid(vec![field_errors::translate(path, &error.inner().to_string(), WHOLE_BODY)])
    })?;
    if unknown.is_empty() { Ok(value) } else { Err(Problem::invalid(unknown)) }
}

fn not_json(error: &serde_json::Error) -> Problem {
    let what = match error.classify() {
        Category::Eof => "The body ends before the JSON does",
        Category::Syntax | Category::Data | Category::Io => "The body is not JSON",
    };
    Problem::not_understood(format!("{what} (line {}, column {}).", error.line(), error.column()))
}

#[derive(Default)]
struct Inspection {
    is_object: bool,
    path: FieldPath,
    faults: Vec<FieldError>,
}

impl Inspection {
    fn note(&mut self, message: &str) {
        if self.faults.len() < MAX_FIELD_ERRORS {
            self.faults.push(FieldError::new(self.path.or(WHOLE_BODY), message));
        }
    }

    fn check_text(&mut self, text: &str) {
        if text.contains('\0') {
            self.note("must not contain the character NUL");
        }
    }
}

fn inspect(text: &[u8], inspection: &mut Inspection) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    inspection.is_object = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    Inspect(inspection).deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Walks any JSON value without keeping it.
struct Inspect<'a>(&'a mut Inspection);

impl<'de> DeserializeSeed<'de> for Inspect<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inspect<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.check_text(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        for index in 0.. {
            self.0.path.push_index(index);
            let more = list.next_element_seed(Inspect(self.0))?.is_some();
            self.0.path.pop();
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = object.next_key::<String>()? {
            self.0.path.push_key(&key);
            self.0.check_text(&key);
            if !seen.insert(key) {
                self.0.note(field_errors::GIVEN_TWICE);
            }
            object.next_value_seed(Inspect(self.0))?;
            self.0.path.pop();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
