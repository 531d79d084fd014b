//! How users want to be told what.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How somebody is told: in the inbox, by e-mail, by both, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// In the inbox alone.
    Inbox,
    /// By e-mail alone.
    Email,
    /// In the inbox and by e-mail.
    #[default]
    Both,
    /// Not at all.
    None,
}

/// By which channel each kind of notification is told; `both` where nothing was said. No mail is sent yet: until it is,
/// `both` is as good as `inbox`, and `email` as `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Preferences {
    /// A host whom the user follows offers an event.
    pub new_event: Channel,
    /// The sale of an event that the user is interested in has started.
    pub sale_started: Channel,
    /// An event that the user has an open booking of was changed.
    pub event_updated: Channel,
    /// An event that the user has an open booking of was cancelled.
    pub event_cancelled: Channel,
    /// The last ticket of an event that the user hosts is sold.
    pub event_sold_out: Channel,
    /// The user's booking is confirmed.
    pub booking_confirmed: Channel,
    /// The user's hold has expired.
    pub booking_expired: Channel,
    /// The user's booking was cancelled, by whomever.
    pub booking_cancelled: Channel,
    /// Money went back to the user.
    pub refund_made: Channel,
}
