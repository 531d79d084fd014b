//! Why a command to a booking's stream is refused.

/// A rule refused the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BookingError {
    /// There is no such booking.
    #[error("there is no such booking")]
    NotPlaced,
}
