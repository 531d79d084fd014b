//! What can be asked of a user's stream.

use chrono::{DateTime, Utc};

use super::Role;
use crate::{EmailAddress, NotificationId, PersonName, ShowId, UserId, notification::Preferences};

/// An order to a user's stream.
#[derive(Debug, Clone)]
pub enum UserCommand {
    /// Closes the account for good.
    Erase {
        /// Now.
        at: DateTime<Utc>,
    },
    /// Opens the account.
    Register(RegisterUser),
    /// Gives the user another name or address.
    Change(ChangeUser),
    /// Follows a host.
    Follow(FollowHost),
    /// Follows a host no longer.
    Unfollow(UnfollowHost),
    /// Wants to be told when the sale of a show starts.
    ShowInterest(ShowInterest),
    /// Wants that no longer.
    WithdrawInterest(WithdrawInterest),
    /// Wants to be told by other channels.
    ChangePreferences(ChangePreferences),
    /// Has read a notification.
    ReadNotification(ReadNotification),
}

/// Opens an account. That no other account has the address is the append's business, not the aggregate's.
#[derive(Debug, Clone)]
pub struct RegisterUser {
    /// The new user.
    pub user_id: UserId,
    /// What they are called.
    pub name: PersonName,
    /// Where mail reaches them.
    pub email: EmailAddress,
    /// What they may do.
    pub role: Role,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Gives the user another name or address; what is left out, or is the same, stays. That no other account has the
/// address is the append's business, not the aggregate's.
#[derive(Debug, Clone)]
pub struct ChangeUser {
    /// What they are called from now on.
    pub name: Option<PersonName>,
    /// Where mail reaches them from now on.
    pub email: Option<EmailAddress>,
    /// Only if the profile has this version still.
    pub expected_version: Option<u64>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Follows a host. That there is such a host is for the caller to know: it stands in another stream.
#[derive(Debug, Clone, Copy)]
pub struct FollowHost {
    /// Whom.
    pub host_id: UserId,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Follows a host no longer.
#[derive(Debug, Clone, Copy)]
pub struct UnfollowHost {
    /// Whom.
    pub host_id: UserId,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Wants to be told when the sale of a show starts. That there is such a show is for the caller to know: it stands in
/// another stream.
#[derive(Debug, Clone, Copy)]
pub struct ShowInterest {
    /// In which show.
    pub event_id: ShowId,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Wants to be told no longer when the sale of a show starts.
#[derive(Debug, Clone, Copy)]
pub struct WithdrawInterest {
    /// In which show.
    pub event_id: ShowId,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Wants to be told by other channels; a kind that is left out, or is the same, stays.
#[derive(Debug, Clone)]
pub struct ChangePreferences {
    /// From now on.
    pub preferences: Preferences,
    /// Only if the preferences have this version still.
    pub expected_version: Option<u64>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Has read a notification.
#[derive(Debug, Clone, Copy)]
pub struct ReadNotification {
    /// Which.
    pub notification_id: NotificationId,
    /// Now.
    pub at: DateTime<Utc>,
}
