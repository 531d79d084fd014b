//! Identifiers. Each kind is a type of its own, so that a booking's id cannot be taken for a user's.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not an id: 36 characters, hexadecimal with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct MalformedId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID, normally a fresh version 7.
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID itself, for the edges.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                const HYPHENATED_CHARS: usize = 36;
                if text.len() != HYPHENATED_CHARS {
                    return Err(MalformedId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| MalformedId)
            }
        }
    };
}

id! {
    /// A person with an account.
    UserId
}
id! {
    /// What a host sells tickets to; *event* in HTTP and Kafka.
    ShowId
}
id! {
    /// One attendee's tickets for one show.
    BookingId
}
id! {
    /// One attempt to pay for a booking.
    PaymentId
}
id! {
    /// Money of a payment on its way back. See [`RefundId::of`].
    RefundId
}
id! {
    /// A named, priced pool of a show's capacity.
    TicketTypeId
}
id! {
    /// Something that one person is told. The id says whose it is, see [`NotificationId::is_for`].
    NotificationId
}

impl RefundId {
    /// The nth refund of a payment: the same whoever works it out, so that no command has to bring one.
    #[must_use]
    pub fn of(payment_id: PaymentId, nth: usize) -> Self {
        let hash = blake3::hash(&[payment_id.0.as_bytes().as_slice(), &nth.to_be_bytes()].concat());
        let mut free = [0; 10];
        free.copy_from_slice(&hash.as_bytes()[..10]);
        // The payment's own milliseconds, so that ids stay in the order of time.
        let millis = u64::try_from(payment_id.0.as_u128() >> 80).unwrap_or_default();
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &free).into_uuid())
    }
}

/// One numbered place in a show. Made from the show's id and the place's index in the seating, so that a hall of
/// 100,000 seats needs no list of ids: the last four bytes of the show's id, exclusive-or the index + 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeatId(Uuid);

const INDEX_BITS: u128 = u32::MAX as u128;

impl SeatId {
    /// The seat with this index.
    #[must_use]
    pub const fn of(show_id: ShowId, index: u32) -> Self {
        Self(Uuid::from_u128(show_id.0.as_u128() ^ (index as u128 + 1)))
    }

    /// Wraps what somebody calls a seat's id.
    #[must_use]
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// The UUID itself, for the edges.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// The seat's index, if it can be one of this show's.
    #[must_use]
    pub fn index_in(self, show_id: ShowId) -> Option<u32> {
        let difference = self.0.as_u128() ^ show_id.0.as_u128();
        (1..=INDEX_BITS).contains(&difference).then(|| u32::try_from(difference - 1).ok()).flatten()
    }
}

impl fmt::Display for SeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}
