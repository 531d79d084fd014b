//! Collects what is wrong with the fields of a body, so that a client learns of all of it at once.

use std::fmt::Display;

use platform::{FieldError, Problem};

#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<FieldError>);

impl Fields {
    /// The parsed value; or nothing, and the field is noted.
    pub(crate) fn take<T, E: Display>(&mut self, field: &str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.note(field, error.to_string())).ok()
    }

    /// Notes what is wrong with a field.
    pub(crate) fn note(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldError::new(field, message));
    }

    /// Whether a list has from one to so many entries; if not, it is noted.
    pub(crate) fn count(&mut self, field: &str, entries: usize, max: usize) -> bool {
        let is_good = (1..=max).contains(&entries);
        if !is_good {
            self.note(field, format!("must have 1 to {max} entries"));
        }
        is_good
    }

    /// The value if nothing was noted.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Problem> {
        if self.0.is_empty() { Ok(value) } else { Err(self.refuse()) }
    }

    /// 422 with every field that was noted.
    pub(crate) fn refuse(self) -> Problem {
        Problem::invalid(self.0)
    }
}
