//! What a host sells tickets to, *event* in HTTP, Kafka and the store.
//!
//! A show's stream alone decides about its tickets. At every prefix of it, what is sold and held never exceeds the
//! capacity of a ticket type, and no seat has two owners (invariant I3).
//!
//! Read on: `tickets` takes and gives back, `paid` is what payments want, `changes` is what the host does, `sales` notices the start of the sale,
//! `evolve` folds events in; `bookings` knows who has what, `seating` the numbered seats.

mod aggregate;
mod bookings;
mod changes;
mod command;
mod details;
mod error;
mod event;
mod evolve;
mod paid;
mod sales;
mod seating;
mod snapshot;
mod tickets;

pub use bookings::{Part, SoldTickets};
pub use command::{ChangeShow, CreateShow, Keep, ShowCommand, TakeTickets, TicketTypeChange, Wanted};
pub use details::{Capacity, DetailsChange, Schedule, ScheduleError, ShowDetails};
pub use error::ShowError;
pub use event::{OfferedTicketType, ShowEvent, Taken, TicketLine};
pub use evolve::Undo;
pub use seating::{
    MAX_HALL_BYTES, MAX_SEATS, MAX_SEATS_EVER, PlannedSection, SeatBlock, SeatingPlan, hall_bytes,
};
pub use snapshot::FOLD_VERSION;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{BookingId, Money, SeatId, ShowId, TicketTypeId, TicketTypeName, UserId};
use bookings::Bookings;
use seating::{SeatOwner, Seating};

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
    /// Whether the start of the sale has come and been noticed.
    sale_has_started: bool,
    seating: Seating,
    bookings: Bookings,
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
        let (show, command) = match (self, command) {
            (Self::Uncreated, ShowCommand::Create(create)) => return changes::create(*create),
            (Self::Uncreated, _) => return Err(ShowError::NotCreated),
            (Self::Created(show), command) => (show, command),
        };
        let parts = show.missing_parts(&command);
        if !parts.is_empty() {
            return Err(ShowError::PartsMissing { parts });
        }
        match (show, command) {
            (_, ShowCommand::Create(_)) => Err(ShowError::AlreadyCreated),
            (show, ShowCommand::Change(change)) => show.change(&change),
            (show, ShowCommand::Publish { at }) => show.publish(at),
            (show, ShowCommand::Cancel { at }) => Ok(show.cancel(at)),
            (show, ShowCommand::CancelComing { at }) => Ok(show.cancel_coming(at)),
            (show, ShowCommand::StartSales { at }) => Ok(show.start_sales(at)),
            (show, ShowCommand::Delete { at }) => Ok(show.delete(at)),
            (show, ShowCommand::TakeTickets(take)) => show.take_tickets(take),
            (show, ShowCommand::ExtendHold { booking_id, attendee_id, at }) => {
                show.extend_hold(booking_id, attendee_id, at)
            }
            (show, ShowCommand::KeepHold { booking_id, attendee_id, until, why, at }) => {
                let kept = show.keep_hold(booking_id, attendee_id, until, why, at);
                match why {
                    Keep::ToBegin => kept,
                    Keep::ToDecide | Keep::ToTryAgain => Ok(kept.unwrap_or_default()),
                }
            }
            (show, ShowCommand::SellHeld { taken, at }) => show.sell_held(taken, at),
            (show, ShowCommand::ReleaseTickets { booking_id, attendee_id, at }) => {
                Ok(show.release_tickets(booking_id, attendee_id, at))
            }
            (show, ShowCommand::ReleaseUnused { booking_id, attendee_id, at }) => {
                show.release_unused(booking_id, attendee_id, at)
            }
            (show, ShowCommand::ExpireHolds { limit, at }) => Ok(show.expire_holds(limit, at)),
            (show, ShowCommand::ReleaseCancelled { limit, at }) => Ok(show.release_cancelled(limit, at)),
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

    /// How many bookings have tickets, those with a lapsed hold included.
    #[must_use]
    pub fn open_bookings(&self) -> usize {
        self.bookings.count()
    }

    /// How many bookings, in the parts that were brought, and blocks of seats are in memory.
    #[must_use]
    pub fn in_memory(&self) -> usize {
        self.bookings.in_memory() + self.seating.block_count()
    }

    /// When the next hold lapses, or has lapsed without having been noticed.
    #[must_use]
    pub fn next_lapse(&self) -> Option<DateTime<Utc>> {
        self.bookings.by_lapse().next().map(|(until, _)| until)
    }

    /// Whose booking has a seat. Looks through all that is sold and is here.
    #[must_use]
    pub fn owner_of(&self, seat: SeatId) -> Option<BookingId> {
        match self.seating.owner_of(seat.index_in(self.id)?)? {
            SeatOwner::Hold(booking_id) => Some(booking_id),
            SeatOwner::Buyer => {
                self.bookings.all().find(|taken| taken.seats.contains(&seat)).map(|taken| taken.booking_id)
            }
        }
    }
}
