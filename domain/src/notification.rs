//! What people are told: kinds, the channels that somebody wants them by, and ids that say whose they are.
//!
//! Who is told what is made of events, elsewhere; here is what the rules must know of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{NotificationId, UserId};

/// What somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotificationKind {
    /// A host whom they follow offers an event.
    NewEvent,
    /// The sale of an event that they are interested in has started.
    SaleStarted,
    /// An event that they have an open booking of is another one now.
    EventUpdated,
    /// An event that they have an open booking of will not take place.
    EventCancelled,
    /// The last ticket of an event that they host is sold.
    EventSoldOut,
    /// Their booking is confirmed.
    BookingConfirmed,
    /// Their hold has lapsed.
    BookingExpired,
    /// Their booking has ended.
    BookingCancelled,
    /// Money went back to them.
    RefundMade,
}

impl NotificationKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NewEvent,
        Self::SaleStarted,
        Self::EventUpdated,
        Self::EventCancelled,
        Self::EventSoldOut,
        Self::BookingConfirmed,
        Self::BookingExpired,
        Self::BookingCancelled,
        Self::RefundMade,
    ];

    /// The kind's name in HTTP, events and rows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewEvent => "new-event",
            Self::SaleStarted => "sale-started",
            Self::EventUpdated => "event-updated",
            Self::EventCancelled => "event-cancelled",
            Self::EventSoldOut => "event-sold-out",
            Self::BookingConfirmed => "booking-confirmed",
            Self::BookingExpired => "booking-expired",
            Self::BookingCancelled => "booking-cancelled",
            Self::RefundMade => "refund-made",
        }
    }
}

/// How somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// In the inbox alone.
    Inbox,
    /// By e-mail alone.
    Email,
    /// In the inbox and by e-mail; who has said nothing is told so.
    #[default]
    Both,
    /// Not at all.
    None,
}

impl Channel {
    /// The channel's name in HTTP, events and rows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Email => "email",
            Self::Both => "both",
            Self::None => "none",
        }
    }
}

/// By which channel somebody wants which kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Preferences(BTreeMap<NotificationKind, Channel>);

impl Preferences {
    /// How this kind is told.
    #[must_use]
    pub fn channel_of(&self, kind: NotificationKind) -> Channel {
        self.0.get(&kind).copied().unwrap_or_default()
    }

    /// Those that have been said.
    pub fn said(&self) -> impl Iterator<Item = (NotificationKind, Channel)> {
        self.0.iter().map(|(kind, channel)| (*kind, *channel))
    }

    /// What of `wanted` is not so already.
    #[must_use]
    pub(crate) fn missing(&self, wanted: &Self) -> Self {
        wanted.said().filter(|(kind, channel)| self.channel_of(*kind) != *channel).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A kind that `changed` does not mention stays.
    pub(crate) fn change(&mut self, changed: Self) {
        self.0.extend(changed.0);
    }
}

impl FromIterator<(NotificationKind, Channel)> for Preferences {
    fn from_iter<I: IntoIterator<Item = (NotificationKind, Channel)>>(said: I) -> Self {
        Self(said.into_iter().collect())
    }
}

const CHECKSUM_BITS: u128 = u32::MAX as u128;
/// The bits that a version 7 leaves free beside the time.
const FREE_BYTES: usize = 10;

/// A UUID version 7 whose last 32 bits are a checksum of all others and the person's id, so that a user's stream can
/// tell its own from others without knowing what was ever told.
///
/// It is no secret and proves nothing but that: whoever takes the trouble to compute one for themselves has marked
/// nothing.
impl NotificationId {
    /// What a person is told because of a domain event. The same at any time: the time of the event, in milliseconds,
    /// and bits of both ids.
    #[must_use]
    pub fn of(cause: Uuid, cause_millis: u64, to: UserId) -> Self {
        let hash = blake3::hash(&[*cause.as_bytes(), *to.uuid().as_bytes()].concat());
        let mut bits = [0; FREE_BYTES];
        bits.copy_from_slice(&hash.as_bytes()[..FREE_BYTES]);
        let unchecked = uuid::Builder::from_unix_timestamp_millis(cause_millis, &bits).into_uuid().as_u128();
        Self::new(Uuid::from_u128((unchecked & !CHECKSUM_BITS) | checksum(unchecked, to)))
    }

    /// Whether it is an id of what this person is told.
    #[must_use]
    pub fn is_for(self, person: UserId) -> bool {
        let id = self.uuid().as_u128();
        self.uuid().get_version_num() == 7 && id & CHECKSUM_BITS == checksum(id, person)
    }
}

/// Of all bits of an id but the checksum's own, and the person's id.
fn checksum(id: u128, person: UserId) -> u128 {
    let said = (id & !CHECKSUM_BITS).to_be_bytes();
    let hash = blake3::hash(&[said, *person.uuid().as_bytes()].concat());
    let [a, b, c, d, ..] = *hash.as_bytes();
    u128::from(u32::from_be_bytes([a, b, c, d]))
}
