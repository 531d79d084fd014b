//! The feed on a real Kafka and a real PostgreSQL.

mod sources;
mod topics;
