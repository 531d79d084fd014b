//! Who has what: the holds, and the tickets that are sold.
//!
//! Holds are few and always here. What is sold may be much, and one attendee's tickets matter to that attendee alone: it
//! is kept in *parts*, by attendee. A show that is loaded from a snapshot begins without them; a command is decided
//! once the parts that it needs were brought (see [`super::ShowError::PartsMissing`]). Events are folded in without them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Taken, TicketLine};
use crate::{BookingId, SeatId, UserId};

/// Some attendees' sold tickets: those whose id ends in one of 256 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Part(u8);

impl Part {
    /// The part that an attendee's tickets are in.
    #[must_use]
    pub const fn of(attendee_id: UserId) -> Self {
        let [.., last] = *attendee_id.uuid().as_bytes();
        Self(last)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl From<u8> for Part {
    fn from(number: u8) -> Self {
        Self(number)
    }
}

/// One attendee's sold tickets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoldTickets {
    attendee_id: UserId,
    booking_id: BookingId,
    tickets: Vec<TicketLine>,
    seats: Vec<SeatId>,
}

impl SoldTickets {
    pub(super) const fn booking_id(&self) -> BookingId {
        self.booking_id
    }

    fn taken(&self) -> Taken {
        Taken {
            booking_id: self.booking_id,
            attendee_id: self.attendee_id,
            tickets: self.tickets.clone(),
            seats: self.seats.clone(),
        }
    }
}

impl From<Taken> for SoldTickets {
    fn from(taken: Taken) -> Self {
        let Taken { booking_id, attendee_id, tickets, seats } = taken;
        Self { attendee_id, booking_id, tickets, seats }
    }
}

/// From when until when tickets are held.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Hold {
    pub(super) since: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
}

impl Hold {
    /// Whether it blocks nobody any more.
    pub(super) fn has_lapsed(self, at: DateTime<Utc>) -> bool {
        self.until <= at
    }
}

/// One attendee's held tickets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct HeldTickets {
    pub(super) taken: Taken,
    pub(super) hold: Hold,
}

/// An attendee's open booking.
pub(super) enum Open<'a> {
    Held(&'a HeldTickets),
    Sold(&'a SoldTickets),
}

impl Open<'_> {
    pub(super) fn booking_id(&self) -> BookingId {
        match self {
            Self::Held(held) => held.taken.booking_id,
            Self::Sold(sold) => sold.booking_id,
        }
    }

    pub(super) fn taken(&self) -> Taken {
        match self {
            Self::Held(held) => held.taken.clone(),
            Self::Sold(sold) => sold.taken(),
        }
    }
}

/// All open bookings of a show. An attendee has one at the most.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Bookings {
    held: HashMap<BookingId, HeldTickets>,
    hold_of: HashMap<UserId, BookingId>,
    /// Holds in the order in which they lapse.
    lapses: BTreeSet<(DateTime<Utc>, BookingId)>,
    /// By part first, so that a part lies together.
    sold: BTreeMap<(Part, UserId), SoldTickets>,
    /// Parts that were not brought yet, and how many bookings are left in them.
    missing: BTreeMap<Part, u32>,
    /// Bookings in missing parts whose tickets came back.
    gone: HashSet<BookingId>,
}

impl Bookings {
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.sold.is_empty() && self.missing.values().all(|left| *left == 0)
    }

    pub(super) fn count(&self) -> usize {
        self.in_memory() + self.missing.values().map(|left| *left as usize).sum::<usize>()
    }

    /// An attendee's open booking; a sold one only if its part is here.
    pub(super) fn open_of(&self, attendee_id: UserId) -> Option<Open<'_>> {
        let held = self.hold_of.get(&attendee_id).and_then(|booking_id| self.held.get(booking_id));
        held.map(Open::Held).or_else(|| self.sold.get(&(Part::of(attendee_id), attendee_id)).map(Open::Sold))
    }

    /// The same, if it is this one.
    pub(super) fn open_booking(&self, booking_id: BookingId, attendee_id: UserId) -> Option<Open<'_>> {
        self.open_of(attendee_id).filter(|open| open.booking_id() == booking_id)
    }

    pub(super) fn held(&self, booking_id: BookingId) -> Option<&HeldTickets> {
        self.held.get(&booking_id)
    }

    /// Who has what that is sold, part by part; only of parts that are here.
    pub(super) fn sold(&self) -> impl Iterator<Item = &SoldTickets> {
        self.sold.values()
    }

    /// Holds in the order in which they lapse.
    pub(super) fn by_lapse(&self) -> impl Iterator<Item = (DateTime<Utc>, &Taken)> {
        let held = |(until, booking_id): &(DateTime<Utc>, BookingId)| {
            self.held.get(booking_id).map(|held| (*until, &held.taken))
        };
        self.lapses.iter().filter_map(held)
    }

    /// Holds first, then what is sold, part by part.
    pub(super) fn all(&self) -> impl Iterator<Item = Taken> {
        let held = self.by_lapse().map(|(_, taken)| taken.clone());
        held.chain(self.sold().map(SoldTickets::taken))
    }

    pub(super) fn hold(&mut self, taken: Taken, hold: Hold) {
        self.hold_of.insert(taken.attendee_id, taken.booking_id);
        self.lapses.insert((hold.until, taken.booking_id));
        self.held.insert(taken.booking_id, HeldTickets { taken, hold });
    }

    /// Answers with the time until which it was held before.
    pub(super) fn hold_until(
        &mut self,
        booking_id: BookingId,
        until: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let hold = &mut self.held.get_mut(&booking_id)?.hold;
        let before = std::mem::replace(&mut hold.until, until);
        self.lapses.remove(&(before, booking_id));
        self.lapses.insert((until, booking_id));
        Some(before)
    }

    pub(super) fn sell(&mut self, taken: Taken) {
        let key = (Part::of(taken.attendee_id), taken.attendee_id);
        self.sold.insert(key, taken.into());
    }

    /// Ends a hold; answers with it, if there was one.
    pub(super) fn end_hold(&mut self, booking_id: BookingId) -> Option<HeldTickets> {
        let held = self.held.remove(&booking_id)?;
        self.lapses.remove(&(held.hold.until, booking_id));
        if self.hold_of.get(&held.taken.attendee_id) == Some(&booking_id) {
            self.hold_of.remove(&held.taken.attendee_id);
        }
        Some(held)
    }

    /// Takes sold tickets back; answers whether they were sold.
    pub(super) fn unsell(&mut self, taken: &Taken) -> bool {
        let key = (Part::of(taken.attendee_id), taken.attendee_id);
        if self.sold.get(&key).is_some_and(|sold| sold.booking_id == taken.booking_id) {
            self.sold.remove(&key);
            return true;
        }
        match self.missing.get_mut(&key.0) {
            Some(left) if *left > 0 && self.gone.insert(taken.booking_id) => {
                *left -= 1;
                true
            }
            Some(_) | None => false,
        }
    }

    /// The reverse of [`Self::unsell`].
    pub(super) fn sell_again(&mut self, taken: Taken) {
        if !self.gone.remove(&taken.booking_id) {
            return self.sell(taken);
        }
        if let Some(left) = self.missing.get_mut(&Part::of(taken.attendee_id)) {
            *left += 1;
        }
    }

    // Parts.

    pub(super) fn is_missing(&self, part: Part) -> bool {
        self.missing.contains_key(&part)
    }

    /// The parts, of those that are missing, without which the first so many bookings cannot be named.
    pub(super) fn missing_among_first(&self, bookings: usize) -> BTreeSet<Part> {
        let mut left = bookings.saturating_sub(self.held.len());
        let mut missing = BTreeSet::new();
        for (part, sold) in self.sold_by_part() {
            if left == 0 {
                break;
            }
            left = left.saturating_sub(sold as usize);
            missing.extend(self.is_missing(part).then_some(part));
        }
        missing
    }

    /// How many bookings are in each part, missing ones included.
    fn sold_by_part(&self) -> BTreeMap<Part, u32> {
        let mut sold = self.missing.clone();
        self.sold.keys().for_each(|(part, _)| *sold.entry(*part).or_default() += 1);
        sold.retain(|_, bookings| *bookings > 0);
        sold
    }

    /// What is sold in a part that is here.
    pub(super) fn part(&self, part: Part) -> Vec<&SoldTickets> {
        let first = UserId::new(uuid::Uuid::nil());
        let last = UserId::new(uuid::Uuid::max());
        self.sold.range((part, first)..=(part, last)).map(|(_, sold)| sold).collect()
    }

    /// A part as it was when the snapshot was taken; what came since is here already. Answers whether it was all of it.
    pub(super) fn bring(&mut self, part: Part, sold: Vec<SoldTickets>) -> bool {
        let Some(left) = self.missing.remove(&part) else { return true };
        let mut brought = 0;
        for tickets in sold {
            if !self.gone.remove(&tickets.booking_id) {
                brought += 1;
                self.sold.entry((part, tickets.attendee_id)).or_insert(tickets);
            }
        }
        brought == left
    }

    /// How many bookings are in memory.
    pub(super) fn in_memory(&self) -> usize {
        self.held.len() + self.sold.len()
    }
}

/// What a snapshot says of the bookings by itself; the parts are beside it.
#[derive(Serialize, Deserialize)]
struct Head<H> {
    held: Vec<H>,
    sold: BTreeMap<Part, u32>,
}

impl Serialize for Bookings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut held: Vec<&HeldTickets> = self.held.values().collect();
        held.sort_unstable_by_key(|held| held.taken.booking_id);
        Head { held, sold: self.sold_by_part() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bookings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Head { held, sold } = Head::<HeldTickets>::deserialize(deserializer)?;
        let mut bookings = Self { missing: sold, ..Self::default() };
        held.into_iter().for_each(|HeldTickets { taken, hold }| bookings.hold(taken, hold));
        Ok(bookings)
    }
}
