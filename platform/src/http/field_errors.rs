//! Words serde's errors for people: which field, what is wrong, no name of a Rust type.
//!
//! Must not know where the input came from: bodies and query strings both pass here. A message that serde did not
//! make itself comes from the type that was parsed and is passed on.

use crate::problem::FieldError;

pub(super) const GIVEN_TWICE: &str = "is given more than once";
const UNKNOWN: &str = "is not a known field";
const REQUIRED: &str = "is required";
const WRONG_TYPE: &str = "has the wrong type";
const A_TIME: &str = "must be a time such as 2030-01-31T20:00:00Z";

/// Stands for a key that no field can have.
const NOT_SHOWN: &str = "…";
/// Longest key that is sent back.
const MAX_NAME_CHARS: usize = 64;
/// As many digits as the shortest card number has.
const CARD_DIGITS: usize = 12;

/// The way to a field, as a client would write it: `ticketTypes[0].name`.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldPath(Vec<String>);

impl FieldPath {
    pub(super) fn from_error(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment;

        let mut fields = Self::default();
        for segment in path {
            match segment {
                Segment::Seq { index } => fields.push_index(*index),
                Segment::Map { key } => fields.push_key(key),
                // The variant of an enum is not something the client wrote as a field.
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        fields
    }

    pub(super) fn from_ignored(path: &serde_ignored::Path<'_>) -> Self {
        use serde_ignored::Path;

        let (parent, last) = match path {
            Path::Root => return Self::default(),
            Path::Seq { parent, index } => (parent, Ok(*index)),
            Path::Map { parent, key } => (parent, Err(key)),
            Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
                return Self::from_ignored(parent);
            }
        };
        let mut fields = Self::from_ignored(parent);
        match last {
            Ok(index) => fields.push_index(index),
            Err(key) => fields.push_key(key),
        }
        fields
    }

    pub(super) fn push_key(&mut self, key: &str) {
        self.0.push(if is_name(key) { key } else { NOT_SHOWN }.to_owned());
    }

    pub(super) fn push_index(&mut self, index: usize) {
        self.0.push(format!("[{index}]"));
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }

    fn ends_with(&self, key: &str) -> bool {
        self.0.last().is_some_and(|last| last == key)
    }

    /// The path as text, or another name for the whole.
    pub(super) fn or(&self, whole: &str) -> String {
        let mut text = String::new();
        for segment in &self.0 {
            if !text.is_empty() && !segment.starts_with('[') {
                text.push('.');
            }
            text.push_str(segment);
        }
        if text.is_empty() { whole.to_owned() } else { text }
    }
}

/// Whether a key is a name that a field could have. Whatever else stands there, a card's number by mistake, is not sent back:
/// answers are kept in logs of others.
fn is_name(key: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let starts = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let digits = key.chars().filter(char::is_ascii_digit).count();
    starts && key.len() <= MAX_NAME_CHARS && digits < CARD_DIGITS && key.chars().all(is_part)
}

/// The error for a field that the type does not have.
pub(super) fn unknown(path: FieldPath) -> FieldError {
    FieldError::new(path.or(""), UNKNOWN)
}

/// Words one error of serde; `whole` names the input where no single field is at fault.
pub(super) fn translate(mut path: FieldPath, message: &str, whole: &str) -> FieldError {
    let message = without_position(message);
    for (start, words) in
        [("missing field `", REQUIRED), ("unknown field `", UNKNOWN), ("duplicate field `", GIVEN_TWICE)]
    {
        let Some((name, _)) = message.strip_prefix(start).and_then(|rest| rest.split_once('`')) else {
            continue;
        };
        if !path.ends_with(name) && !path.ends_with(NOT_SHOWN) {
            path.push_key(name);
        }
        return FieldError::new(path.or(whole), words);
    }
    FieldError::new(path.or(whole), in_words(message))
}

/// serde_json ends its messages with the place in the text, which means nothing for a field.
fn without_position(message: &str) -> &str {
    match message.rsplit_once(" at line ") {
        Some((message, place)) if place.contains(" column ") => message,
        _ => message,
    }
}

fn in_words(message: &str) -> String {
    let expected = ["invalid type: ", "invalid value: ", "invalid length "]
        .iter()
        .find_map(|start| message.strip_prefix(start))
        .and_then(|rest| rest.rsplit_once(", expected "));
    if let Some((_, expected)) = expected {
        return expectation(expected);
    }
    if let Some(variants) = message.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, "))
    {
        let allowed =
            variants.1.trim_start_matches("expected ").trim_start_matches("one of ").replace('`', "");
        return format!("must be {}{allowed}", if allowed.contains(',') { "one of " } else { "" });
    }
    if message.starts_with("data did not match any variant") {
        return "has none of the allowed shapes".to_owned();
    }
    match message {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "must be a whole number".to_owned()
        }
        "number too large to fit in target type" => "is too large".to_owned(),
        "number too small to fit in target type" => "is too small".to_owned(),
        "invalid float literal" | "cannot parse float from empty string" => "must be a number".to_owned(),
        "provided string was not `true` or `false`" => "must be true or false".to_owned(),
        // What chrono says of texts that are no times.
        "input contains invalid characters"
        | "premature end of input"
        | "trailing input"
        | "input is out of range"
        | "input is not enough for unique date and time" => A_TIME.to_owned(),
        of_uuid if of_uuid.starts_with("UUID parsing failed") => "must be a UUID".to_owned(),
        of_the_type => of_the_type.to_owned(),
    }
}

/// What serde expected, by the words that its derive and its primitive types use.
fn expectation(expected: &str) -> String {
    let range = match expected {
        "u8" => Some((0, i128::from(u8::MAX))),
        "u16" => Some((0, i128::from(u16::MAX))),
        "u32" => Some((0, i128::from(u32::MAX))),
        "u64" | "usize" => Some((0, i128::from(u64::MAX))),
        "i8" => Some((i128::from(i8::MIN), i128::from(i8::MAX))),
        "i16" => Some((i128::from(i16::MIN), i128::from(i16::MAX))),
        "i32" => Some((i128::from(i32::MIN), i128::from(i32::MAX))),
        "i64" | "isize" => Some((i128::from(i64::MIN), i128::from(i64::MAX))),
        _ => None,
    };
    if let Some((min, max)) = range {
        // Nobody is helped by the limits of 64 bits.
        let is_wide = min < i128::from(i32::MIN) || max > i128::from(u32::MAX);
        return if is_wide {
            "must be a whole number".to_owned()
        } else {
            format!("must be a whole number from {min} to {max}")
        };
    }
    if expected.starts_with("a nonzero ") {
        return "must be a whole number other than 0".to_owned();
    }
    let words = match expected {
        "f32" | "f64" => "must be a number",
        "a boolean" => "must be true or false",
        "a string" | "a borrowed string" | "a character" | "str" => "must be text",
        "a sequence" => "must be a list",
        "a map" => "must be an object",
        "UUID string" | "a UUID string" | "a formatted UUID string" => "must be a UUID",
        _ if expected.starts_with("struct ") => "must be an object",
        _ if expected.starts_with("a sequence") || expected.starts_with("tuple ") => "must be a list",
        _ if expected.contains("RFC 3339") => A_TIME,
        _ if mentions_rust(expected) => WRONG_TYPE,
        _ => return format!("must be {expected}"),
    };
    words.to_owned()
}

/// Whether a text names something that only exists in Rust.
fn mentions_rust(expected: &str) -> bool {
    ["enum", "struct", "variant", "tuple", "unit", "Option", "::", "element"]
        .iter()
        .any(|word| expected.contains(word))
}

#[cfg(test)]
mod tests;
