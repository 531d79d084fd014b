//! What can be asked of a show's stream.

use chrono::{DateTime, Utc};

use super::{DetailsChange, OfferedTicketType, SeatBlock, SeatingPlan, ShowDetails, Taken};
use crate::{BookingId, Money, SeatId, ShowId, TicketTypeId, TicketTypeName, UserId};

/// An order to a show's stream.
#[derive(Debug, Clone)]
pub enum ShowCommand {
    /// Sets it up.
    Create(Box<CreateShow>),
    /// Changes what the host says, or what is sold.
    Change(Box<ChangeShow>),
    /// Makes a draft public.
    Publish {
        /// Now.
        at: DateTime<Utc>,
    },
    /// Ends it for good. Its bookings end after it, see [`ShowCommand::ReleaseCancelled`].
    Cancel {
        /// Now.
        at: DateTime<Utc>,
    },
    /// The same, unless it is over: then nothing.
    CancelComing {
        /// Now.
        at: DateTime<Utc>,
    },
    /// Makes it visible that the sale has started, once.
    StartSales {
        /// Now.
        at: DateTime<Utc>,
    },
    /// Cancels it and takes it out of all lists.
    Delete {
        /// Now.
        at: DateTime<Utc>,
    },
    /// Takes tickets for an attendee: all or nothing.
    TakeTickets(TakeTickets),
    /// Makes a hold last longer.
    ExtendHold {
        /// Which booking.
        booking_id: BookingId,
        /// Whose it is.
        attendee_id: UserId,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Sees to it that a hold lasts until a time at least, while it is being paid.
    KeepHold {
        /// Which booking.
        booking_id: BookingId,
        /// Whose it is.
        attendee_id: UserId,
        /// Until when.
        until: DateTime<Utc>,
        /// What for.
        why: Keep,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Gives what was held to the attendee for good, because it is paid. Takes the tickets again, if they are free, where
    /// the hold has lapsed.
    SellHeld {
        /// What the booking holds or held.
        taken: Taken,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Gives a booking's tickets back.
    ReleaseTickets {
        /// Which booking.
        booking_id: BookingId,
        /// Whose it is.
        attendee_id: UserId,
        /// Now.
        at: DateTime<Utc>,
    },
    /// The same for tickets that cannot have been used: sold ones of a show that is over are not given back.
    ReleaseUnused {
        /// Which booking.
        booking_id: BookingId,
        /// Whose it is.
        attendee_id: UserId,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Makes it visible that holds have lapsed.
    ExpireHolds {
        /// Most of them.
        limit: usize,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Gives the tickets of a cancelled show's bookings back.
    ReleaseCancelled {
        /// Most bookings.
        limit: usize,
        /// Now.
        at: DateTime<Utc>,
    },
}

/// What a hold is kept for, while it is being paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// A payment begins: refused where the hold does not last so long.
    ToBegin,
    /// It is being found out what became of one: as long as it may be, and nothing where there is no hold.
    ToDecide,
    /// One was declined: the same, and beyond what it may be otherwise, so that there is time for another.
    ToTryAgain,
}

/// Sets a show up.
#[derive(Debug, Clone)]
pub struct CreateShow {
    /// The new show.
    pub show_id: ShowId,
    /// Who offers it.
    pub host_id: UserId,
    /// What the host says about it.
    pub details: ShowDetails,
    /// What is sold, all in one currency.
    pub ticket_types: Vec<OfferedTicketType>,
    /// Which numbered seats there are.
    pub seating: Vec<SeatBlock>,
    /// Whether its host alone sees it for now.
    pub draft: bool,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Changes a show; what is left out keeps its value.
#[derive(Debug, Clone)]
pub struct ChangeShow {
    /// The version of the details that the host saw, if they said so.
    pub expected_version: Option<u64>,
    /// What the host says about it.
    pub details: DetailsChange,
    /// Another capacity, for a show with one ticket type.
    pub capacity: Option<u32>,
    /// All ticket types anew.
    pub ticket_types: Option<Vec<TicketTypeChange>>,
    /// All seats anew.
    pub seating: Option<SeatingPlan>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// A ticket type, kept or new.
#[derive(Debug, Clone)]
pub struct TicketTypeChange {
    /// The id of the type that is kept, or a fresh one.
    pub id: TicketTypeId,
    /// Whether the id is fresh.
    pub is_new: bool,
    /// What it is called.
    pub name: TicketTypeName,
    /// What one ticket costs.
    pub price: Money,
    /// Tickets in all.
    pub capacity: u32,
}

/// Takes tickets.
#[derive(Debug, Clone)]
pub struct TakeTickets {
    /// The new booking.
    pub booking_id: BookingId,
    /// For whom.
    pub attendee_id: UserId,
    /// What.
    pub wanted: Wanted,
    /// Now.
    pub at: DateTime<Utc>,
}

/// What an attendee asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// One ticket of the only type.
    OneTicket,
    /// So many of each of these types; each named once, each at least one.
    Quantities(Vec<(TicketTypeId, u32)>),
    /// These seats; each named once.
    Seats(Vec<SeatId>),
}
