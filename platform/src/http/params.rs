//! Query strings: strictly parsed, every parameter known and given once.
//!
//! Must not know which parameters there are.

use std::collections::HashSet;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::field_errors::{self, FieldPath, GIVEN_TWICE};
use crate::problem::{FieldError, Problem};

/// What a query string as a whole is called in a field error.
const WHOLE_QUERY: &str = "query";

/// The query string as a `T`.
///
/// Refusal: 422 `invalid-fields` with the name of each parameter that is unknown, given twice or has a bad value.
/// Unknown parameters are refused whether or not `T` says `deny_unknown_fields`.
#[derive(Debug, Clone, Copy)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Self).map_err(Problem::invalid)
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Vec<FieldError>> {
    check_pairs(query)?;
    let mut unknown = Vec::new();
    let mut note_unknown =
        |path: serde_ignored::Path<'_>| unknown.push(field_errors::unknown(FieldPath::from_ignored(&path)));
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    let value = serde_path_to_error::deserialize(serde_ignored::Deserializer::new(pairs, &mut note_unknown))
        .map_err(|error| {
            let path = FieldPath::from_error(error.path());
            vec![field_errors::translate(path, &error.inner().to_string(), WHOLE_QUERY)]
        })?;
    if unknown.is_empty() { Ok(value) } else { Err(unknown) }
}

/// Finds what serde would let through.
fn check_pairs(query: &str) -> Result<(), Vec<FieldError>> {
    let mut seen = HashSet::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let has_nul = name.contains('\0') || value.contains('\0');
        let field = || {
            let mut path = FieldPath::default();
            path.push_key(&name);
            path.or(WHOLE_QUERY)
        };
        if has_nul {
            return Err(vec![FieldError::new(field(), "must not contain the character NUL")]);
        }
        if seen.contains(&name) {
            return Err(vec![FieldError::new(field(), GIVEN_TWICE)]);
        }
        seen.insert(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
