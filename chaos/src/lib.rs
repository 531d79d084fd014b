//! Breaks a running Boxoffice and checks what is left: `./dev chaos`.
//!
//! - `cluster`: PostgreSQL, Kafka and every role as a process of its own, started by `testkit`.
//! - `drive`: people who send commands; `journal`: what they were answered.
//! - [`faults`]: what is broken, in the order that the seed says; `monitor`: what must hold meanwhile.
//! - `settle`: waits until nothing is behind any more (I6).
//! - `evidence`, `facts`, `records`: what is in the database and in Kafka then, read by nobody's code but ours.
//! - `check`: holds it against the journal and the invariants; `report`: says what was done and found.
//!
//! It uses no crate of the product: the checker must not be wrong where the product is. Never part of the product.

mod check;
mod cluster;
mod dice;
mod drive;
mod evidence;
mod facts;
pub mod faults;
mod journal;
mod keep;
mod monitor;
mod projections;
mod records;
mod report;
mod run;
mod settle;

pub use check::{Findings, Violation};
pub use report::Report;
pub use run::{Options, run};
