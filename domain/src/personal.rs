//! Personal data inside events.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::UserId;

/// A piece of text about a person, readable while that person's key exists.
///
/// In memory it is [`Personal::Clear`]. The event store replaces the JSON form `{"subject", "clear"}` by
/// `{"subject", "sealed"}` before anything is written, and back when it reads with the person's key. After the
/// person was erased it stays [`Personal::Sealed`], for ever.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Personal {
    /// The text itself.
    Clear {
        /// The person it is about.
        subject: UserId,
        /// The text.
        clear: String,
    },
    /// Ciphertext whose key is not at hand, or was destroyed.
    Sealed {
        /// The person it was about.
        subject: UserId,
        /// What the event store wrote.
        sealed: String,
    },
}

impl Personal {
    /// A text about `subject`.
    pub fn new(subject: UserId, text: impl Into<String>) -> Self {
        Self::Clear { subject, clear: text.into() }
    }

    /// The text, unless it was erased.
    #[must_use]
    pub fn clear(&self) -> Option<&str> {
        match self {
            Self::Clear { clear, .. } => Some(clear),
            Self::Sealed { .. } => None,
        }
    }
}

/// Never prints the text: events end up in logs and panics.
impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear { subject, .. } => write!(f, "Personal(about {subject})"),
            Self::Sealed { subject, .. } => write!(f, "Personal(sealed, about {subject})"),
        }
    }
}
