//! What a host sells tickets to, *event* in HTTP, Kafka and the store.
//!
//! A show's stream alone decides about its tickets. At every prefix of it, what is sold never exceeds the
//! capacity (invariant I3).

mod aggregate;
mod command;
mod details;
mod error;
mod event;

pub use command::{BookTickets, CreateShow, ReleaseTickets, ShowCommand};
pub use details::{Capacity, Schedule, ScheduleError, ShowDetails};
pub use error::ShowError;
pub use event::{NewTicketType, ShowEvent, TicketLine};

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{BookingId, Money, ShowId, TicketTypeId, TicketTypeName, UserId};

/// The fold of a show's stream.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Show {
    /// No event yet.
    #[default]
    Uncreated,
    /// A show that people can book.
    Created(Box<CreatedShow>),
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
    /// What is sold, pool by pool.
    pub ticket_types: Vec<TicketType>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// The time of the newest event. Time never runs backwards in a stream.
    pub last_at: DateTime<Utc>,
    bookings: HashMap<BookingId, Taken>,
    open_booking_of: HashMap<UserId, BookingId>,
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
}

impl TicketType {
    /// Tickets that can be booked now.
    #[must_use]
    pub const fn available(&self) -> u32 {
        self.capacity.saturating_sub(self.sold)
    }
}

/// What one booking took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Taken {
    attendee_id: UserId,
    tickets: Vec<TicketLine>,
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
        match (self, command) {
            (Self::Uncreated, ShowCommand::Create(create)) => create_show(create),
            (Self::Created(_), ShowCommand::Create(_)) => Err(ShowError::AlreadyCreated),
            (Self::Uncreated, ShowCommand::BookTickets(_) | ShowCommand::ReleaseTickets(_)) => {
                Err(ShowError::NotCreated)
            }
            (Self::Created(show), ShowCommand::BookTickets(book)) => show.book_tickets(book),
            (Self::Created(show), ShowCommand::ReleaseTickets(release)) => Ok(show.release_tickets(release)),
        }
    }

    /// Folds one event in.
    pub fn evolve(&mut self, event: ShowEvent) {
        match (&mut *self, event) {
            (
                Self::Uncreated,
                ShowEvent::EventCreated { event_id: id, host_id, details, ticket_types, at },
            ) => {
                *self = Self::Created(Box::new(CreatedShow {
                    id,
                    host_id,
                    details: *details,
                    details_version: 1,
                    ticket_types: ticket_types.into_iter().map(NewTicketType::unsold).collect(),
                    created_at: at,
                    last_at: at,
                    bookings: HashMap::new(),
                    open_booking_of: HashMap::new(),
                }));
            }
            (Self::Created(show), ShowEvent::TicketsSold { booking_id, attendee_id, tickets, at }) => {
                show.last_at = at;
                show.tickets_sold(booking_id, Taken { attendee_id, tickets });
            }
            (Self::Created(show), ShowEvent::TicketsReleased { booking_id, at, .. }) => {
                show.last_at = at;
                show.tickets_released(booking_id);
            }
            // Cannot be: the first event of a stream is EventCreated, and it is the only one of its kind.
            (Self::Created(_), ShowEvent::EventCreated { .. })
            | (Self::Uncreated, ShowEvent::TicketsSold { .. } | ShowEvent::TicketsReleased { .. }) => {}
        }
    }
}

fn create_show(create: CreateShow) -> Result<Vec<ShowEvent>, ShowError> {
    let CreateShow { show_id, host_id, details, ticket_types, at } = create;
    if details.schedule.start_date_time < at {
        return Err(ShowError::StartsInThePast);
    }
    Ok(vec![ShowEvent::EventCreated {
        event_id: show_id,
        host_id,
        details: Box::new(details),
        ticket_types,
        at,
    }])
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

    /// Where its sale and the show itself stand at a time.
    fn open_for_sale(&self, at: DateTime<Utc>) -> Result<(), ShowError> {
        let schedule = &self.details.schedule;
        if at >= schedule.end_date_time {
            return Err(ShowError::Ended);
        }
        let not_yet = schedule.sales_start.is_some_and(|start| at < start);
        let no_more = schedule.sales_end.is_some_and(|end| at >= end);
        if not_yet || no_more { Err(ShowError::SalesNotOpen) } else { Ok(()) }
    }

    fn book_tickets(&self, book: BookTickets) -> Result<Vec<ShowEvent>, ShowError> {
        let BookTickets { booking_id, attendee_id, at } = book;
        if self.bookings.contains_key(&booking_id) {
            return Ok(vec![]);
        }
        self.open_for_sale(at)?;
        if let Some(open) = self.open_booking_of.get(&attendee_id) {
            return Err(ShowError::AlreadyBooked { booking_id: *open });
        }
        let [ticket_type] = self.ticket_types.as_slice() else {
            return Err(ShowError::TicketTypeNotNamed);
        };
        if ticket_type.available() == 0 {
            return Err(ShowError::SoldOut { available: 0 });
        }
        let tickets =
            vec![TicketLine { ticket_type_id: ticket_type.id, quantity: 1, price: ticket_type.price }];
        Ok(vec![ShowEvent::TicketsSold { booking_id, attendee_id, tickets, at }])
    }

    fn release_tickets(&self, release: ReleaseTickets) -> Vec<ShowEvent> {
        let ReleaseTickets { booking_id, at } = release;
        self.bookings
            .get(&booking_id)
            .map(|taken| ShowEvent::TicketsReleased {
                booking_id,
                attendee_id: taken.attendee_id,
                tickets: taken.tickets.clone(),
                at,
            })
            .into_iter()
            .collect()
    }

    fn tickets_sold(&mut self, booking_id: BookingId, taken: Taken) {
        for line in &taken.tickets {
            if let Some(t) = self.ticket_types.iter_mut().find(|t| t.id == line.ticket_type_id) {
                t.sold += line.quantity;
            }
        }
        self.open_booking_of.insert(taken.attendee_id, booking_id);
        self.bookings.insert(booking_id, taken);
    }

    fn tickets_released(&mut self, booking_id: BookingId) {
        let Some(taken) = self.bookings.remove(&booking_id) else { return };
        for line in &taken.tickets {
            if let Some(t) = self.ticket_types.iter_mut().find(|t| t.id == line.ticket_type_id) {
                t.sold -= line.quantity;
            }
        }
        self.open_booking_of.remove(&taken.attendee_id);
    }
}
