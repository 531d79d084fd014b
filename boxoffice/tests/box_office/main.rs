//! The whole box office, from outside: real processes, real PostgreSQL, real Kafka, HTTP.
//!
//! `harness` starts it; `both_sources!` runs a scenario once with the event log as the projector's source and once with
//! Kafka.

mod accounts;
mod answers;
mod architecture;
mod audit;
mod bad_input;
mod bookings;
mod cancelled_events;
mod contract_table;
mod crash;
mod dry_run;
mod ended_events;
mod erasure;
mod events;
mod examples;
mod forms;
mod harness;
mod holds;
mod idempotency;
mod inbox;
mod kafka;
mod limits;
mod localstripe;
mod login_limits;
mod long_log;
mod notifications;
mod openapi;
mod paid_bookings;
mod parked;
mod paused_replay;
mod payments;
mod reconcile;
mod relays;
mod replay;
mod replay_under_load;
mod roles;
mod seats;
mod secrets;
mod sessions;
mod signing_keys;
mod sold_out;
mod stripe;
