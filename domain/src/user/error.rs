//! Why a command to a user's stream is refused.

/// A rule refused the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// The stream already has an account.
    #[error("the account exists already")]
    AlreadyRegistered,
    /// The stream has no account.
    #[error("there is no such account")]
    NotRegistered,
    /// The profile has another version than the caller knows.
    #[error("the profile has version {current}")]
    VersionConflict {
        /// The version that it has.
        current: u64,
    },
    /// Nobody follows oneself.
    #[error("nobody follows oneself")]
    FollowsOneself,
    /// They follow as many hosts as anybody may.
    #[error("nobody follows more than {max} hosts")]
    FollowsTooMany {
        /// As many as anybody may.
        max: usize,
    },
}
