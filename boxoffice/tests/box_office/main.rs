//! The whole box office, from outside: real processes, real PostgreSQL, real Kafka, HTTP.
//!
//! `harness` starts it; `both_sources!` runs a scenario once with the event log as the projector's source and once with
//! Kafka.

mod architecture;
mod audit;
mod bad_input;
mod bookings;
mod crash;
mod harness;
mod idempotency;
mod kafka;
mod replay;
mod roles;
mod sold_out;
