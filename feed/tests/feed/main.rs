//! The feed on a real Kafka and a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic, in its helpers too")]

mod sources;
mod topics;
