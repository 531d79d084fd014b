//! The writers of shows on a real PostgreSQL. Each `ShowWriters` stands for a process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic, in its helpers too")]

mod batches;
mod hall;
mod snapshots;
