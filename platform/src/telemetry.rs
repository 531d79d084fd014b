//! Sets up logging for the process: to standard error, as text or JSON, filtered by `BOXOFFICE_LOG`.
//!
//! Must not know who logs what. Nothing else may install a subscriber.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;

use crate::config::{Config, LogFormat};

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter of `BOXOFFICE_LOG` cannot be read.
    #[error("BOXOFFICE_LOG is not a filter")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something has installed a subscriber before.
    #[error("logging was already set up")]
    AlreadyInstalled(#[from] TryInitError),
}

/// What the server says of a statement that found nothing to do ("already exists, skipping") is no news to anybody.
const QUIETER: &str = "sqlx::postgres::notice=warn";

/// Starts logging to standard error and logs one warning for each unknown setting.
///
/// # Errors
/// When the filter cannot be read, or when a subscriber is already installed.
pub fn init(config: &Config) -> Result<(), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt;

    // The setting comes last, and so has the last word.
    let filter = EnvFilter::try_new(format!("{QUIETER},{}", config.log))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match config.log_format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).finish().try_init()?,
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init()?,
    }
    for variable in &config.unknown {
        tracing::warn!(%variable, "this setting is unknown and has no effect");
    }
    Ok(())
}
