//! Why a command to a user's stream is refused.

/// A rule refused the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// The stream already has an account.
    #[error("the account exists already")]
    AlreadyRegistered,
}
