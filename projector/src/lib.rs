//! From the feed to the read models.
//!
//! - [`Projection`]: what a read model makes of an event; one file each in `projections/`.
//! - [`lag`]: how far a read model is behind, for metrics.
//! - [`parked`]: what could not be applied, to look at and to try again.
//! - [`apply_batch`]: applies batches, each event once, in the order of its stream, gaps filled, poison parked.
//! - [`Projector`]: does so for as long as it runs.
//! - [`rebuild`]: a read model anew from the event log, beside the live one.
//!
//! Architecture invariant: this crate only writes rows of the read database. It sends nothing, calls nobody and gives
//! no command, so a rebuild cannot have side effects.

mod applied;
mod apply;
pub mod lag;
mod migrate;
pub mod parked;
mod projection;
pub mod projections;
pub mod rebuild;
mod streams;
mod worker;

pub use apply::{ProjectError, apply_batch};
pub use migrate::{READ_SCHEMA, migrate};
pub use projection::{ApplyError, Projection};
pub use worker::{Projector, ProjectorState};
