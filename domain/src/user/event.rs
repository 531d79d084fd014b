//! What happened to a user. Stored for ever: add a version and an upcaster, never change one.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::Role;
use crate::{NotificationId, Personal, ShowId, UserId, notification::Preferences};

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
    /// The user wants to be told when the sale of a show starts.
    InterestShown {
        /// Who.
        user_id: UserId,
        /// In which show.
        event_id: ShowId,
        /// When.
        at: DateTime<Utc>,
    },
    /// The user wants that no longer.
    InterestWithdrawn {
        /// Who.
        user_id: UserId,
        /// In which show.
        event_id: ShowId,
        /// When.
        at: DateTime<Utc>,
    },
    /// From now on the user is told by other channels.
    PreferencesChanged {
        /// Who.
        user_id: UserId,
        /// The kinds whose channel is another one now; all others stay.
        preferences: Preferences,
        /// When.
        at: DateTime<Utc>,
    },
    /// The user has read a notification.
    NotificationRead {
        /// Who.
        user_id: UserId,
        /// Which.
        notification_id: NotificationId,
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
            Self::InterestShown { .. } => "InterestShown",
            Self::InterestWithdrawn { .. } => "InterestWithdrawn",
            Self::PreferencesChanged { .. } => "PreferencesChanged",
            Self::NotificationRead { .. } => "NotificationRead",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
