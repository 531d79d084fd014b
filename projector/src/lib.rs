//! From the feed to the read models.
//!
//! - [`Projection`]: what a read model makes of an event; one file each in `projections/`.
//! - [`apply`](Projector): applies batches, each event once, in the order of its stream, gaps filled, poison parked.
//! - [`rebuild`]: a read model anew from the event log, beside the live one.
//!
//! Architecture invariant: this crate only writes rows of the read database. It sends nothing, calls nobody and gives
//! no command, so a rebuild cannot have side effects.

mod apply;
mod migrate;
mod projection;
pub mod projections;
pub mod rebuild;
mod worker;

pub use apply::ProjectError;
pub use migrate::{READ_SCHEMA, migrate};
pub use projection::{ApplyError, Projection};
pub use worker::{Projector, ProjectorState};
