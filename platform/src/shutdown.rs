//! Tells every part of a process that it is time to stop.
//!
//! Must not know the parts: each holds a clone of [`Shutdown`] and decides for itself how to end.

use std::io;
use std::process;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit status after a second signal: 128 + SIGINT, as shells report it.
const EXIT_ON_SECOND_SIGNAL: i32 = 130;

/// A handle on the process' wish to stop; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A handle that nobody has asked to stop yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every holder of this handle to stop. Asking twice is asking once.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Whether a stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until a stop is asked for; returns at once when it was already. Cancel safe.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// A handle that stops with this one, and can be stopped alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// The token beneath, for libraries that take one.
    pub fn token(&self) -> &CancellationToken {
        &self.0
    }

    /// Turns SIGINT and SIGTERM into a request to stop; a second signal ends the process at once.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn listen_for_signals(&self) -> io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    _ = interrupt.recv() => "SIGINT",
                    _ = terminate.recv() => "SIGTERM",
                };
                if shutdown.is_requested() {
                    tracing::warn!(signal = name, "second signal: ending at once");
                    process::exit(EXIT_ON_SECOND_SIGNAL);
                }
                tracing::info!(signal = name, "stopping");
                shutdown.request();
            }
        });
        Ok(())
    }
}
