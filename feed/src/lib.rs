//! The way from the outbox to whoever follows the events, and the one place that knows Kafka.
//!
//! - [`Relay`]: outbox → event log → Kafka, by one leader at a time.
//! - [`Source`]: what consumers read, Kafka or the event log itself, behind one type.
//! - [`FollowerConnection`]: where a follower's batches are committed without waiting for the disk.
//! - [`reconcile`]: publishes again what Kafka has lost.
//! - [`topics`]: the topics and how an event looks in them (CloudEvents, binary mode).
//!
//! Architecture invariant: this crate knows no HTTP, no read model and no rule. It hands on what the event store holds.

mod cloud_event;
mod deliveries;
mod follower_connection;
mod group_member;
mod in_hand;
mod kafka_source;
mod log_source;
mod membership;
mod outage;
mod publisher;
pub mod reconcile;
mod relay;
mod rest;
mod shared_log;
mod source;
pub mod topics;

pub use cloud_event::MalformedRecord;
pub use follower_connection::{FollowerConnection, answered, blames_the_data, dealt_with};
pub use log_source::LogSource;
pub use publisher::PublishError;
pub use relay::{Relay, RelayState};
pub use shared_log::SharedLog;
pub use source::{Batch, Source, SourceError};
