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
}

impl DomainEvent for UserEvent {
    fn event_type(&self) -> String {
        match self {
            Self::UserRegistered { .. } => "UserRegistered",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
