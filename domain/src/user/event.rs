//! What happened to a user. Stored for ever: add a version and an upcaster, never change one.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::Role;
use crate::{Personal, UserId};

/// A fact in a user's stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum UserEvent {
    /// An account was opened.
    UserRegistered {
        /// Whose.
        user_id: UserId,
        /// What they are called.
        name: Personal,
        /// Where mail reaches them.
        email: Personal,
        /// What they may do.
        role: Role,
        /// When.
        at: DateTime<Utc>,
    },
    /// The user has another name or address. What is not there stayed.
    UserChanged {
        /// Whose.
        user_id: UserId,
        /// What they are called from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Personal>,
        /// Where mail reaches them from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<Personal>,
        /// When.
        at: DateTime<Utc>,
    },
    /// The account was closed for good. The person's data key was destroyed in the same transaction, so what earlier
    /// events say about them can be read no more.
    UserErased {
        /// Whose.
        user_id: UserId,
        /// What they were.
        role: Role,
        /// When.
        at: DateTime<Utc>,
    },
    /// The user follows a host.
    HostFollowed {
        /// Who follows.
        user_id: UserId,
        /// Whom.
        host_id: UserId,
        /// When.
        at: DateTime<Utc>,
    },
    /// The user follows a host no longer.
    HostUnfollowed {
        /// Who followed.
        user_id: UserId,
        /// Whom.
        host_id: UserId,
        /// When.
        at: DateTime<Utc>,
    },
}

impl DomainEvent for UserEvent {
    fn event_type(&self) -> String {
        match self {
            Self::UserRegistered { .. } => "UserRegistered",
            Self::UserChanged { .. } => "UserChanged",
            Self::UserErased { .. } => "UserErased",
            Self::HostFollowed { .. } => "HostFollowed",
            Self::HostUnfollowed { .. } => "HostUnfollowed",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
