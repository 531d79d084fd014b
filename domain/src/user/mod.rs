//! A person with an account: who they are and what they may do.
//!
//! Passwords and sessions are not here; they are never events (see `accounts` in `command-api`).

mod aggregate;
mod command;
mod error;
mod event;

pub use command::{RegisterUser, UserCommand};
pub use error::UserError;
pub use event::UserEvent;

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Personal, UserId};

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Books tickets.
    Attendee,
    /// Offers shows.
    Host,
    /// Sees everything; made on the command line only.
    Admin,
}

impl Role {
    /// The role's name in HTTP, tokens and events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attendee => "attendee",
            Self::Host => "host",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a role")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        [Self::Attendee, Self::Host, Self::Admin].into_iter().find(|r| r.name() == text).ok_or(UnknownRole)
    }
}

/// The fold of a user's stream.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum User {
    /// No event yet.
    #[default]
    Unregistered,
    /// An account.
    Registered(Profile),
}

/// What is known of a registered user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Their id.
    pub id: UserId,
    /// What they are called.
    pub name: Personal,
    /// Where mail reaches them.
    pub email: Personal,
    /// What they may do.
    pub role: Role,
    /// When they registered.
    pub registered_at: DateTime<Utc>,
}

impl User {
    /// The profile, if the account exists.
    #[must_use]
    pub const fn profile(&self) -> Option<&Profile> {
        match self {
            Self::Unregistered => None,
            Self::Registered(profile) => Some(profile),
        }
    }

    /// What the command leads to.
    ///
    /// # Errors
    /// A rule refuses it.
    pub fn decide(&self, command: UserCommand) -> Result<Vec<UserEvent>, UserError> {
        match command {
            UserCommand::Register(RegisterUser { user_id, name, email, role, at }) => match self {
                Self::Registered(_) => Err(UserError::AlreadyRegistered),
                Self::Unregistered => Ok(vec![UserEvent::UserRegistered {
                    user_id,
                    name: Personal::new(user_id, name.as_str()),
                    email: Personal::new(user_id, email.as_str()),
                    role,
                    at,
                }]),
            },
        }
    }

    /// Folds one event in.
    pub fn evolve(&mut self, event: UserEvent) {
        match event {
            UserEvent::UserRegistered { user_id: id, name, email, role, at } => {
                *self = Self::Registered(Profile { id, name, email, role, registered_at: at });
            }
        }
    }
}
