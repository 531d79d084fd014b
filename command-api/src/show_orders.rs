//! What may be wanted of a show, and what comes of it.

use chrono::{DateTime, Utc};
use domain::{
    BookingId, UserId,
    booking::{BookingError, PaymentCommand, PaymentStep, PlacedBooking, TIME_TO_PAY},
    show::{ChangeShow, Keep, ShowCommand, ShowError, TakeTickets, Wanted},
};
use event_store::StreamPosition;

/// What somebody wants of a show.
#[derive(Debug, Clone)]
pub enum ShowOrder {
    /// Tickets, in a new booking.
    Place {
        /// The new booking.
        booking_id: BookingId,
        /// For whom.
        attendee_id: UserId,
        /// What.
        wanted: Wanted,
    },
    /// A hold that lasts longer.
    Extend {
        /// Which booking.
        booking_id: BookingId,
        /// Whose it is.
        attendee_id: UserId,
    },
    /// The end of a booking.
    CancelBooking {
        /// Which booking.
        booking_id: BookingId,
        /// Whose it is.
        attendee_id: UserId,
    },
    /// The same, unless its tickets may have been used: not once they are sold and the show is over.
    CancelUnused {
        /// Which booking.
        booking_id: BookingId,
        /// Whose it is.
        attendee_id: UserId,
    },
    /// A step of paying, or of giving money back.
    Pay {
        /// Which booking.
        booking_id: BookingId,
        /// What has come of its money.
        step: PaymentStep,
    },
    /// A hold that lasts a little longer, because it is being paid; nothing where there is none.
    KeepHold {
        /// Which booking.
        booking_id: BookingId,
        /// Whose it is.
        attendee_id: UserId,
    },
    /// The visible end of holds that have lapsed.
    ExpireHolds {
        /// Most of them.
        limit: usize,
    },
    /// The visible start of the sale, if it has come.
    StartSales,
    /// The end of bookings of a cancelled show.
    ReleaseCancelled {
        /// Most of them.
        limit: usize,
    },
    /// Something that only the show's host may want, or nobody but the box office itself.
    OfHost {
        /// The host; nothing if the box office itself orders.
        host_id: Option<UserId>,
        /// What.
        order: HostOrder,
    },
}

/// What a host wants of a show.
#[derive(Debug, Clone)]
pub enum HostOrder {
    /// Other details, ticket types or seats.
    Change(Box<ChangeShow>),
    /// Everybody may see it.
    Publish,
    /// It will not take place.
    Cancel,
    /// The same, unless it is over: then it stays as it was.
    CancelComing,
    /// It will not take place and is in no list.
    Delete,
}

/// What an order led to.
#[derive(Debug, Clone)]
pub struct Done {
    /// What the order was about, as it is now.
    pub(crate) subject: Subject,
    /// How many events it led to; none if there was nothing left to do.
    pub events: usize,
    /// What is to be awaited by a reader.
    pub(crate) written: Vec<StreamPosition>,
}

/// What an order is about.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    /// A booking, and the place of its stream.
    Booking(Box<PlacedBooking>, i64),
    /// The show.
    Show(Box<contract::Event>),
}

/// Why an order led to nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OrderError {
    /// The show refuses.
    #[error("the show refuses")]
    Show(#[from] ShowError),
    /// The booking refuses.
    #[error("the booking refuses")]
    Booking(#[from] BookingError),
    /// The show is somebody else's.
    #[error("the show is somebody else's")]
    NotYours,
    /// The account of who orders is gone.
    #[error("the account is gone")]
    Gone,
    /// Too many wait already.
    #[error("too many orders are waiting")]
    Busy,
    /// The database failed; the order may have taken effect.
    #[error("the write database failed")]
    Unavailable,
    /// Another process has dealt with the same command meanwhile.
    #[error("the command took effect elsewhere")]
    Repeated,
}

impl ShowOrder {
    /// What it wants of the show; of a step of paying the booking is asked first, see [`Self::payment`].
    pub(crate) fn command(&self, at: DateTime<Utc>) -> Option<ShowCommand> {
        Some(match self {
            Self::Pay { .. } => return None,
            Self::KeepHold { booking_id, attendee_id } => ShowCommand::KeepHold {
                booking_id: *booking_id,
                attendee_id: *attendee_id,
                until: at + TIME_TO_PAY,
                why: Keep::ToDecide,
                at,
            },
            Self::Place { booking_id, attendee_id, wanted } => ShowCommand::TakeTickets(TakeTickets {
                booking_id: *booking_id,
                attendee_id: *attendee_id,
                wanted: wanted.clone(),
                at,
            }),
            Self::Extend { booking_id, attendee_id } => {
                ShowCommand::ExtendHold { booking_id: *booking_id, attendee_id: *attendee_id, at }
            }
            Self::CancelBooking { booking_id, attendee_id } => {
                ShowCommand::ReleaseTickets { booking_id: *booking_id, attendee_id: *attendee_id, at }
            }
            Self::CancelUnused { booking_id, attendee_id } => {
                ShowCommand::ReleaseUnused { booking_id: *booking_id, attendee_id: *attendee_id, at }
            }
            Self::ExpireHolds { limit } => ShowCommand::ExpireHolds { limit: *limit, at },
            Self::StartSales => ShowCommand::StartSales { at },
            Self::ReleaseCancelled { limit } => ShowCommand::ReleaseCancelled { limit: *limit, at },
            Self::OfHost { order, .. } => match order {
                HostOrder::Change(change) => {
                    ShowCommand::Change(Box::new(ChangeShow { at, ..ChangeShow::clone(change) }))
                }
                HostOrder::Publish => ShowCommand::Publish { at },
                HostOrder::Cancel => ShowCommand::Cancel { at },
                HostOrder::CancelComing => ShowCommand::CancelComing { at },
                HostOrder::Delete => ShowCommand::Delete { at },
            },
        })
    }

    /// The booking and what it is told of its money, if that is what the order is about.
    pub(crate) fn payment(&self, at: DateTime<Utc>) -> Option<(BookingId, PaymentCommand)> {
        match self {
            Self::Pay { booking_id, step } => Some((*booking_id, PaymentCommand { step: step.clone(), at })),
            Self::Place { .. }
            | Self::Extend { .. }
            | Self::CancelBooking { .. }
            | Self::CancelUnused { .. }
            | Self::KeepHold { .. }
            | Self::ExpireHolds { .. }
            | Self::StartSales
            | Self::ReleaseCancelled { .. }
            | Self::OfHost { .. } => None,
        }
    }

    /// The booking that it is about.
    pub(crate) fn booking(&self) -> Option<BookingId> {
        match self {
            Self::Place { booking_id, .. }
            | Self::Extend { booking_id, .. }
            | Self::CancelBooking { booking_id, .. }
            | Self::CancelUnused { booking_id, .. }
            | Self::Pay { booking_id, .. }
            | Self::KeepHold { booking_id, .. } => Some(*booking_id),
            Self::ExpireHolds { .. }
            | Self::StartSales
            | Self::ReleaseCancelled { .. }
            | Self::OfHost { .. } => None,
        }
    }

    /// The same, if its stream may be there already.
    pub(crate) fn known_booking(&self) -> Option<BookingId> {
        self.booking().filter(|_| !matches!(self, Self::Place { .. }))
    }
}
