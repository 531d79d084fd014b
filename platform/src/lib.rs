//! Process plumbing that every role of Boxoffice shares: settings, logs, shutdown, the HTTP edge, tokens,
//! health, metrics, database pools and the embedded PostgreSQL.
//!
//! Architecture invariant: nothing here knows a ticketing noun, and this crate imports no other crate of the
//! workspace. What an event or a booking is belongs to `domain`.

pub mod config;
pub mod embedded_postgres;
pub mod health;
pub mod http;
pub mod metrics;
pub mod postgres;
pub mod problem;
pub mod serve;
pub mod shutdown;
pub mod telemetry;
pub mod tokens;
pub mod trusted_proxies;

pub use config::Config;
pub use problem::{FieldError, Problem};
pub use shutdown::Shutdown;
pub use trusted_proxies::TrustedProxies;
