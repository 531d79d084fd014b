//! A person with an account: who they are and what they may do.
//!
//! Passwords and sessions are not here; they are never events (see `accounts` in `command-api`).

mod aggregate;
mod command;
mod error;
mod event;
mod following;
mod inbox;
mod interest;

pub use command::{
    ChangePreferences, ChangeUser, FollowHost, ReadNotification, RegisterUser, ShowInterest, UnfollowHost,
    UserCommand, WithdrawInterest,
};
pub use error::UserError;
pub use event::UserEvent;
pub use following::MAX_FOLLOWED_HOSTS;
pub use interest::MAX_INTERESTS;

use std::{collections::BTreeSet, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{NotificationId, Personal, ShowId, UserId, notification::Preferences};

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
    Registered(Box<Profile>),
    /// Closed for good.
    Erased,
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
    /// Counts changes of name and address, from 1; whom they follow is not counted.
    pub version: u64,
    /// The hosts that they follow.
    pub following: BTreeSet<UserId>,
    /// The shows that they are interested in.
    pub interests: BTreeSet<ShowId>,
    /// How they want to be told what.
    pub preferences: Preferences,
    /// Counts changes of the preferences, from 1.
    pub preferences_version: u64,
    /// The notifications that they have read.
    read: BTreeSet<NotificationId>,
}

impl User {
    /// The profile, if the account exists.
    #[must_use]
    pub fn profile(&self) -> Option<&Profile> {
        match self {
            Self::Unregistered | Self::Erased => None,
            Self::Registered(profile) => Some(profile),
        }
    }

    /// What the command leads to.
    ///
    /// # Errors
    /// A rule refuses it.
    pub fn decide(&self, command: UserCommand) -> Result<Vec<UserEvent>, UserError> {
        match (command, self) {
            (UserCommand::Register(_), Self::Registered(_) | Self::Erased) => {
                Err(UserError::AlreadyRegistered)
            }
            (UserCommand::Register(command), Self::Unregistered) => Ok(vec![register(&command)]),
            (UserCommand::Change(command), Self::Registered(profile)) => profile.change(&command),
            (UserCommand::Follow(command), Self::Registered(profile)) => profile.follow(command),
            (UserCommand::Unfollow(command), Self::Registered(profile)) => Ok(profile.unfollow(command)),
            (UserCommand::ShowInterest(command), Self::Registered(profile)) => profile.show_interest(command),
            (UserCommand::WithdrawInterest(command), Self::Registered(profile)) => {
                Ok(profile.withdraw_interest(command))
            }
            (UserCommand::ChangePreferences(command), Self::Registered(profile)) => {
                profile.change_preferences(&command)
            }
            (UserCommand::ReadNotification(command), Self::Registered(profile)) => {
                profile.read_notification(command)
            }
            (UserCommand::Erase { at }, Self::Registered(profile)) => {
                Ok(vec![UserEvent::UserErased { user_id: profile.id, role: profile.role, at }])
            }
            (UserCommand::Erase { .. }, Self::Erased) => Ok(vec![]),
            (UserCommand::Erase { .. }, Self::Unregistered)
            | (
                UserCommand::Change(_)
                | UserCommand::Follow(_)
                | UserCommand::Unfollow(_)
                | UserCommand::ShowInterest(_)
                | UserCommand::WithdrawInterest(_)
                | UserCommand::ChangePreferences(_)
                | UserCommand::ReadNotification(_),
                Self::Unregistered | Self::Erased,
            ) => Err(UserError::NotRegistered),
        }
    }

    /// Folds one event in.
    pub fn evolve(&mut self, event: UserEvent) {
        match (event, self) {
            (UserEvent::UserRegistered { user_id: id, name, email, role, at }, user) => {
                *user = Self::Registered(Box::new(Profile {
                    id,
                    name,
                    email,
                    role,
                    registered_at: at,
                    version: 1,
                    following: BTreeSet::new(),
                    interests: BTreeSet::new(),
                    preferences: Preferences::default(),
                    preferences_version: 1,
                    read: BTreeSet::new(),
                }));
            }
            (UserEvent::UserChanged { name, email, .. }, Self::Registered(profile)) => {
                profile.name = name.unwrap_or_else(|| profile.name.clone());
                profile.email = email.unwrap_or_else(|| profile.email.clone());
                profile.version += 1;
            }
            (UserEvent::HostFollowed { host_id, .. }, Self::Registered(profile)) => {
                profile.following.insert(host_id);
            }
            (UserEvent::HostUnfollowed { host_id, .. }, Self::Registered(profile)) => {
                profile.following.remove(&host_id);
            }
            (UserEvent::InterestShown { event_id, .. }, Self::Registered(profile)) => {
                profile.interests.insert(event_id);
            }
            (UserEvent::InterestWithdrawn { event_id, .. }, Self::Registered(profile)) => {
                profile.interests.remove(&event_id);
            }
            (UserEvent::PreferencesChanged { preferences, .. }, Self::Registered(profile)) => {
                profile.preferences.change(preferences);
                profile.preferences_version += 1;
            }
            (UserEvent::NotificationRead { notification_id, .. }, Self::Registered(profile)) => {
                profile.read.insert(notification_id);
            }
            (UserEvent::UserErased { .. }, user) => *user = Self::Erased,
            (
                UserEvent::UserChanged { .. }
                | UserEvent::HostFollowed { .. }
                | UserEvent::HostUnfollowed { .. }
                | UserEvent::InterestShown { .. }
                | UserEvent::InterestWithdrawn { .. }
                | UserEvent::PreferencesChanged { .. }
                | UserEvent::NotificationRead { .. },
                Self::Unregistered | Self::Erased,
            ) => {}
        }
    }
}

fn register(command: &RegisterUser) -> UserEvent {
    let RegisterUser { user_id, name, email, role, at } = command;
    UserEvent::UserRegistered {
        user_id: *user_id,
        name: Personal::new(*user_id, name.as_str()),
        email: Personal::new(*user_id, email.as_str()),
        role: *role,
        at: *at,
    }
}

impl Profile {
    fn change(&self, command: &ChangeUser) -> Result<Vec<UserEvent>, UserError> {
        if command.expected_version.is_some_and(|expected| expected != self.version) {
            return Err(UserError::VersionConflict { current: self.version });
        }
        let changed = |now: &Personal, wanted: Option<&str>| {
            wanted.filter(|wanted| now.clear() != Some(wanted)).map(|wanted| Personal::new(self.id, wanted))
        };
        let name = changed(&self.name, command.name.as_ref().map(|name| name.as_str()));
        let email = changed(&self.email, command.email.as_ref().map(|email| email.as_str()));
        if name.is_none() && email.is_none() {
            return Ok(vec![]);
        }
        Ok(vec![UserEvent::UserChanged { user_id: self.id, name, email, at: command.at }])
    }
}
