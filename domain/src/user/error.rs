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
    /// The profile, or the preferences, have another version than the caller knows.
    #[error("the version is {current}")]
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
    /// They are interested in as many shows as anybody may be.
    #[error("nobody is interested in more than {max} events")]
    InterestedInTooMany {
        /// As many as anybody may be.
        max: usize,
    },
    /// They were never told that.
    #[error("there is no such notification")]
    NoSuchNotification,
}
