//! Collects what is wrong with the fields of a body, so that a client learns of all of it at once.

use std::fmt::Display;

use platform::{FieldError, Problem};

#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<FieldError>);

impl Fields {
    /// The parsed value; or nothing, and the field is noted.
    pub(crate) fn take<T, E: Display>(&mut self, field: &str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.0.push(FieldError::new(field, error.to_string()))).ok()
    }

    /// 422 with every field that was noted.
    pub(crate) fn refuse(self) -> Problem {
        Problem::invalid(self.0)
    }
}
