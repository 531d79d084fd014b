//! The HTTP edge: what every request passes, and extractors that refuse bad input with the contract's problems.
//!
//! Must not know any route or resource. Where to read on: [`edge`] for what holds for every request, [`Body`] for
//! JSON, [`Params`] for query strings.

mod body;
mod edge;
mod field_errors;
mod headers;
mod json;
mod params;
mod path_id;
mod request_id;

pub use body::{BODY_READ_DEADLINE, Body, MAX_BODY_BYTES, RawBody};
pub use edge::edge;
pub use headers::{IdempotencyKey, IfMatch, MAX_IDEMPOTENCY_KEY_CHARS};
pub use params::Params;
pub use path_id::PathId;
pub use request_id::{MAX_REQUEST_ID_CHARS, REQUEST_ID, RequestId};
