//! What can be asked of a user's stream.

use chrono::{DateTime, Utc};

use super::Role;
use crate::{EmailAddress, PersonName, UserId};

/// An order to a user's stream.
#[derive(Debug, Clone)]
pub enum UserCommand {
    /// Opens the account.
    Register(RegisterUser),
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
