//! What a host sells tickets to, *event* in HTTP, Kafka and the store.
//!
//! A show's stream alone decides about its tickets. At every prefix of it, what is sold and held never exceeds the
//! capacity of a ticket type, and no seat has two owners (invariant I3).
//!
//! Read on: `tickets` takes and gives back, `changes` is what the host does, `seating` knows the numbered seats.

mod aggregate;
mod changes;
mod command;
mod details;
mod error;
mod event;
mod seating;
mod tickets;

pub use command::{ChangeShow, CreateShow, ShowCommand, TakeTickets, TicketTypeChange, Wanted};
pub use details::{Capacity, DetailsChange, Schedule, ScheduleError, ShowDetails};
pub use error::ShowError;
pub use event::{OfferedTicketType, ShowEvent, Taken, TicketLine};
pub use seating::{MAX_SEATS, PlannedSection, SeatBlock, SeatingPlan};

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{BookingId, Money, SeatId, ShowId, TicketTypeId, TicketTypeName, UserId};
use seating::Seating;

/// The fold of a show's stream.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Show {
    /// No event yet.
    #[default]
    Uncreated,
    /// A show.
    Created(Box<CreatedShow>),
}

/// Where a show stands, apart from the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShowStatus {
    /// Seen by its host alone.
    Draft,
    /// Seen by everybody.
    Published,
    /// Will not take place.
    Cancelled,
}

/// What is known of a show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreatedShow {
    /// Its id.
    pub id: ShowId,
    /// Who offers it.
    pub host_id: UserId,
    /// What the host says about it.
    pub details: ShowDetails,
    /// Counts changes to the details, not sales.
    pub details_version: u64,
    /// Where it stands.
    pub status: ShowStatus,
    /// Whether it was taken out of all lists.
    pub deleted: bool,
    /// What is sold and held, pool by pool.
    pub ticket_types: Vec<TicketType>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// The time of the newest event. Time never runs backwards in a stream.
    pub last_at: DateTime<Utc>,
    seating: Seating,
    bookings: HashMap<BookingId, Allocation>,
    open_booking_of: HashMap<UserId, BookingId>,
    /// Holds in the order in which they lapse.
    holds: BTreeSet<(DateTime<Utc>, BookingId)>,
}

/// A pool of capacity and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketType {
    /// Its id.
    pub id: TicketTypeId,
    /// What it is called.
    pub name: TicketTypeName,
    /// What one ticket costs.
    pub price: Money,
    /// Tickets in all.
    pub capacity: u32,
    /// Tickets in confirmed bookings.
    pub sold: u32,
    /// Tickets in holds, lapsed ones that nobody has noticed yet included.
    pub held: u32,
}

impl TicketType {
    /// Tickets that nobody has.
    #[must_use]
    pub const fn available(&self) -> u32 {
        self.capacity.saturating_sub(self.sold).saturating_sub(self.held)
    }

    const fn taken(&self) -> u32 {
        self.sold + self.held
    }
}

/// What one booking has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Allocation {
    taken: Taken,
    /// Nothing once it is sold.
    hold: Option<Hold>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Hold {
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Hold {
    /// Whether it blocks nobody any more.
    fn has_lapsed(self, at: DateTime<Utc>) -> bool {
        self.until <= at
    }
}

impl Show {
    /// The show, if it was created.
    #[must_use]
    pub fn created(&self) -> Option<&CreatedShow> {
        match self {
            Self::Uncreated => None,
            Self::Created(show) => Some(show),
        }
    }

    /// What the command leads to; a repeated one leads to nothing.
    ///
    /// # Errors
    /// A rule refuses it.
    pub fn decide(&self, command: ShowCommand) -> Result<Vec<ShowEvent>, ShowError> {
        let show = match (self, command) {
            (Self::Uncreated, ShowCommand::Create(create)) => return changes::create(*create),
            (Self::Uncreated, _) => return Err(ShowError::NotCreated),
            (Self::Created(show), command) => (show, command),
        };
        match show {
            (_, ShowCommand::Create(_)) => Err(ShowError::AlreadyCreated),
            (show, ShowCommand::Change(change)) => show.change(&change),
            (show, ShowCommand::Publish { at }) => show.publish(at),
            (show, ShowCommand::Cancel { at }) => Ok(show.cancel(at)),
            (show, ShowCommand::CancelComing { at }) => Ok(show.cancel_coming(at)),
            (show, ShowCommand::Delete { at }) => Ok(show.delete(at)),
            (show, ShowCommand::TakeTickets(take)) => show.take_tickets(take),
            (show, ShowCommand::ExtendHold { booking_id, at }) => show.extend_hold(booking_id, at),
            (show, ShowCommand::ReleaseTickets { booking_id, at }) => {
                Ok(show.release_tickets(booking_id, at))
            }
            (show, ShowCommand::ExpireHolds { limit, at }) => Ok(show.expire_holds(limit, at)),
            (show, ShowCommand::ReleaseCancelled { limit, at }) => Ok(show.release_cancelled(limit, at)),
        }
    }

    /// Folds one event in.
    pub fn evolve(&mut self, event: ShowEvent) {
        match (&mut *self, event) {
            (
                Self::Uncreated,
                ShowEvent::EventCreated { event_id, host_id, details, ticket_types, seating, draft, at },
            ) => {
                *self = Self::Created(Box::new(CreatedShow {
                    id: event_id,
                    host_id,
                    details: *details,
                    details_version: 1,
                    status: if draft { ShowStatus::Draft } else { ShowStatus::Published },
                    deleted: false,
                    ticket_types: ticket_types.into_iter().map(|offered| offered.with(0, 0)).collect(),
                    created_at: at,
                    last_at: at,
                    seating: Seating::new(seating),
                    bookings: HashMap::new(),
                    open_booking_of: HashMap::new(),
                    holds: BTreeSet::new(),
                }));
            }
            (Self::Created(show), event) => show.evolve(event),
            // Cannot be: the first event of a stream is EventCreated.
            (Self::Uncreated, _) => {}
        }
    }
}

impl CreatedShow {
    /// Tickets in all.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.ticket_types.iter().map(|t| t.capacity).sum()
    }

    /// Tickets in confirmed bookings.
    #[must_use]
    pub fn sold(&self) -> u32 {
        self.ticket_types.iter().map(|t| t.sold).sum()
    }

    /// Tickets of a type in holds that have not lapsed.
    #[must_use]
    pub fn held_at(&self, ticket_type: &TicketType, at: DateTime<Utc>) -> u32 {
        let lapsed = self.lapsed_holds(at).flat_map(|taken| &taken.tickets);
        let lapsed = lapsed.filter(|line| line.ticket_type_id == ticket_type.id).map(|line| line.quantity);
        ticket_type.held.saturating_sub(lapsed.sum())
    }

    /// Whether any booking has tickets.
    #[must_use]
    pub fn has_bookings(&self) -> bool {
        !self.bookings.is_empty()
    }

    /// When the next hold lapses, or has lapsed without having been noticed.
    #[must_use]
    pub fn next_lapse(&self) -> Option<DateTime<Utc>> {
        self.holds.first().map(|(until, _)| *until)
    }

    /// Who has a seat.
    #[must_use]
    pub fn owner_of(&self, seat: SeatId) -> Option<BookingId> {
        self.seating.holder_of(seat.index_in(self.id)?)
    }

    fn evolve(&mut self, event: ShowEvent) {
        match event {
            // Cannot be: a stream has one of it, the first.
            ShowEvent::EventCreated { .. } => {}
            ShowEvent::EventPublished { at } => {
                self.changed(at);
                self.status = ShowStatus::Published;
            }
            ShowEvent::EventChanged { details, ticket_types, seating, at } => {
                self.changed(at);
                self.details = *details;
                self.offer(ticket_types);
                self.seating.rearrange(seating);
            }
            ShowEvent::EventCancelled { at } => {
                self.changed(at);
                self.status = ShowStatus::Cancelled;
            }
            ShowEvent::EventDeleted { at } => {
                self.changed(at);
                self.deleted = true;
            }
            ShowEvent::TicketsHeld { taken, held_until, at } => {
                self.last_at = at;
                self.allocate(taken, Some(Hold { since: at, until: held_until }));
            }
            ShowEvent::TicketsSold { taken, at } => {
                self.last_at = at;
                self.allocate(taken, None);
            }
            ShowEvent::HoldExtended { booking_id, held_until, at } => {
                self.last_at = at;
                self.hold_until(booking_id, held_until);
            }
            ShowEvent::HoldExpired { taken, at } | ShowEvent::TicketsReleased { taken, at } => {
                self.last_at = at;
                self.free(taken.booking_id);
            }
        }
    }

    fn changed(&mut self, at: DateTime<Utc>) {
        self.last_at = at;
        self.details_version += 1;
    }

    fn offer(&mut self, offered: Vec<OfferedTicketType>) {
        let before = std::mem::take(&mut self.ticket_types);
        let taken_of = |id| {
            let known = before.iter().find(|t: &&TicketType| t.id == id);
            known.map_or((0, 0), |t| (t.sold, t.held))
        };
        self.ticket_types = offered
            .into_iter()
            .map(|offered| {
                let (sold, held) = taken_of(offered.id);
                offered.with(sold, held)
            })
            .collect();
    }

    fn allocate(&mut self, taken: Taken, hold: Option<Hold>) {
        let booking_id = taken.booking_id;
        for line in &taken.tickets {
            if let Some(t) = self.ticket_types.iter_mut().find(|t| t.id == line.ticket_type_id) {
                *(if hold.is_some() { &mut t.held } else { &mut t.sold }) += line.quantity;
            }
        }
        self.seating.take(self.id, &taken.seats, booking_id);
        self.open_booking_of.insert(taken.attendee_id, booking_id);
        if let Some(hold) = hold {
            self.holds.insert((hold.until, booking_id));
        }
        self.bookings.insert(booking_id, Allocation { taken, hold });
    }

    fn hold_until(&mut self, booking_id: BookingId, until: DateTime<Utc>) {
        let hold = self.bookings.get_mut(&booking_id).and_then(|allocation| allocation.hold.as_mut());
        if let Some(hold) = hold {
            self.holds.remove(&(hold.until, booking_id));
            hold.until = until;
            self.holds.insert((until, booking_id));
        }
    }

    fn free(&mut self, booking_id: BookingId) {
        let Some(Allocation { taken, hold }) = self.bookings.remove(&booking_id) else { return };
        for line in &taken.tickets {
            if let Some(t) = self.ticket_types.iter_mut().find(|t| t.id == line.ticket_type_id) {
                *(if hold.is_some() { &mut t.held } else { &mut t.sold }) -= line.quantity;
            }
        }
        self.seating.give_back(self.id, &taken.seats);
        if self.open_booking_of.get(&taken.attendee_id) == Some(&booking_id) {
            self.open_booking_of.remove(&taken.attendee_id);
        }
        if let Some(hold) = hold {
            self.holds.remove(&(hold.until, booking_id));
        }
    }
}

impl OfferedTicketType {
    fn with(self, sold: u32, held: u32) -> TicketType {
        let Self { id, name, price, capacity } = self;
        TicketType { id, name, price, capacity, sold, held }
    }
}
