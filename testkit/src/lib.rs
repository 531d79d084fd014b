//! The harness of Boxoffice's tests: real servers, real processes, conditions with deadlines.
//!
//! - [`postgres`] starts a PostgreSQL and hands out empty databases.
//! - [`kafka`] starts an Apache Kafka of one node.
//! - [`process`] runs a binary as a child, to be ended politely or with `kill -9`.
//! - [`stripe`] plays Stripe, and lets go wrong what can.
//! - [`eventually`] awaits a condition; tests never sleep.
//! - [`claims`] compares a table of claims with the tests that ran.
//!
//! Everything that is started here dies with the test process, however that dies, and takes its files along.
//! What cannot be started panics with a sentence that says what to do; nothing is skipped.
//!
//! The harness knows no ticketing noun and none of the other crates.

#![forbid(unsafe_code)]

pub mod claims;
mod eventually;
mod guardian;
pub mod kafka;
pub mod localstripe;
mod port;
pub mod postgres;
pub mod process;
mod small_disk;
pub mod stripe;

pub use eventually::eventually;
pub use port::free_port;
