//! What events mean to a show, and back.
//!
//! Who decides on events that are not stored yet folds them in and keeps what it takes to [undo](Show::undo) that, in
//! case they are never stored.

use chrono::{DateTime, Utc};

use super::{
    CreatedShow, OfferedTicketType, SeatBlock, Show, ShowDetails, ShowEvent, ShowStatus, Taken, TicketLine,
    TicketType,
    bookings::{Bookings, HeldTickets, Hold},
    seating::Seating,
};
use crate::{BookingId, UserId};

/// What it takes to unfold one event. Only good for the state right after it.
#[derive(Debug)]
#[must_use]
pub struct Undo(Before);

#[derive(Debug)]
enum Before {
    /// The event meant nothing.
    Same,
    Uncreated,
    Created {
        last_at: DateTime<Utc>,
        step: Step,
    },
}

#[derive(Debug)]
enum Step {
    /// The event meant nothing to the bookings.
    None,
    Held(BookingId),
    Sold(UserId),
    /// What was held is sold.
    HoldSold(Box<HeldTickets>),
    Extended(BookingId, DateTime<Utc>),
    HoldEnded(Box<HeldTickets>),
    Released(Taken),
    Changed(Box<Face>),
}

/// What only the host changes.
#[derive(Debug)]
struct Face {
    details: ShowDetails,
    details_version: u64,
    status: ShowStatus,
    deleted: bool,
    sale_has_started: bool,
    ticket_types: Vec<TicketType>,
    seating: Option<(Vec<SeatBlock>, u32)>,
}

impl Show {
    /// Folds one event in.
    pub fn evolve(&mut self, event: ShowEvent) {
        let Undo(_) = self.evolve_undoably(event);
    }

    /// Folds one event in, and says how to take it out again.
    pub fn evolve_undoably(&mut self, event: ShowEvent) -> Undo {
        match (&mut *self, event) {
            (
                Self::Uncreated,
                ShowEvent::EventCreated { event_id, host_id, details, ticket_types, seating, draft, at },
            ) => {
                let mut show = CreatedShow {
                    id: event_id,
                    host_id,
                    details: *details,
                    details_version: 1,
                    status: if draft { ShowStatus::Draft } else { ShowStatus::Published },
                    deleted: false,
                    ticket_types: ticket_types.into_iter().map(|offered| offered.with(0, 0)).collect(),
                    created_at: at,
                    last_at: at,
                    sale_has_started: false,
                    seating: Seating::new(seating),
                    bookings: Bookings::default(),
                };
                if !draft {
                    show.opened(at);
                }
                *self = Self::Created(Box::new(show));
                Undo(Before::Uncreated)
            }
            (Self::Created(show), event) => {
                let last_at = show.last_at;
                Undo(Before::Created { last_at, step: show.fold(event) })
            }
            // Cannot be: the first event of a stream is EventCreated.
            (Self::Uncreated, _) => Undo(Before::Same),
        }
    }

    /// The state before the event that gave this.
    pub fn undo(&mut self, Undo(before): Undo) {
        match (&mut *self, before) {
            (_, Before::Uncreated) => *self = Self::Uncreated,
            (Self::Created(show), Before::Created { last_at, step }) => {
                show.undo(step);
                show.last_at = last_at;
            }
            (Self::Uncreated, Before::Created { .. }) | (_, Before::Same) => {}
        }
    }
}

impl CreatedShow {
    pub(super) fn evolve(&mut self, event: ShowEvent) {
        self.fold(event);
    }

    fn fold(&mut self, event: ShowEvent) -> Step {
        match event {
            // Cannot be: a stream has one of it, the first.
            ShowEvent::EventCreated { .. } => Step::None,
            ShowEvent::EventPublished { at } => self.changed(at, |show| {
                show.status = ShowStatus::Published;
                show.opened(at);
            }),
            ShowEvent::EventChanged { details, ticket_types, seating, at } => {
                let arrangement = self.seating.arrangement();
                let mut step = self.changed(at, |show| {
                    show.details = *details;
                    show.rescheduled(at);
                    show.offer(ticket_types);
                    show.seating.rearrange(seating);
                });
                if let Step::Changed(face) = &mut step {
                    face.seating = Some(arrangement);
                }
                step
            }
            ShowEvent::EventCancelled { at } => self.changed(at, |show| show.status = ShowStatus::Cancelled),
            ShowEvent::EventDeleted { at } => self.changed(at, |show| show.deleted = true),
            ShowEvent::SalesStarted { at } => {
                let face = self.face();
                self.last_at = at;
                self.sale_has_started = true;
                Step::Changed(face)
            }
            ShowEvent::TicketsHeld { taken, held_until, at } => {
                self.last_at = at;
                let booking_id = taken.booking_id;
                self.hold(taken, Hold { since: at, until: held_until });
                Step::Held(booking_id)
            }
            ShowEvent::TicketsSold { taken, at } => {
                self.last_at = at;
                let attendee_id = taken.attendee_id;
                let held = self.end_hold(taken.booking_id);
                self.sell(taken);
                held.map_or(Step::Sold(attendee_id), |held| Step::HoldSold(Box::new(held)))
            }
            ShowEvent::HoldExtended { booking_id, held_until, at } => {
                self.last_at = at;
                let before = self.bookings.hold_until(booking_id, held_until);
                before.map_or(Step::None, |before| Step::Extended(booking_id, before))
            }
            ShowEvent::HoldExpired { taken, at } | ShowEvent::TicketsReleased { taken, at } => {
                self.last_at = at;
                self.free(taken)
            }
        }
    }

    fn undo(&mut self, step: Step) {
        match step {
            Step::None => {}
            Step::Held(booking_id) => drop(self.end_hold(booking_id)),
            Step::Sold(attendee_id) => {
                if let Some(open) = self.bookings.open_of(attendee_id) {
                    let taken = open.taken();
                    self.unsell(&taken);
                }
            }
            Step::HoldSold(held) => {
                self.unsell(&held.taken);
                self.hold(held.taken, held.hold);
            }
            Step::Extended(booking_id, before) => drop(self.bookings.hold_until(booking_id, before)),
            Step::HoldEnded(held) => self.hold(held.taken, held.hold),
            Step::Released(taken) => {
                self.count_sold(&taken.tickets, u32::wrapping_add);
                self.seating.sell(self.id, &taken.seats);
                self.bookings.sell_again(taken);
            }
            Step::Changed(face) => {
                let Face {
                    details,
                    details_version,
                    status,
                    deleted,
                    sale_has_started,
                    ticket_types,
                    seating,
                } = *face;
                self.details = details;
                self.details_version = details_version;
                self.status = status;
                self.deleted = deleted;
                self.sale_has_started = sale_has_started;
                self.ticket_types = ticket_types;
                if let Some((blocks, next_index)) = seating {
                    self.seating.restore(blocks, next_index);
                }
            }
        }
    }

    fn changed(&mut self, at: DateTime<Utc>, change: impl FnOnce(&mut Self)) -> Step {
        let face = self.face();
        self.last_at = at;
        self.details_version += 1;
        change(self);
        Step::Changed(face)
    }

    fn face(&self) -> Box<Face> {
        Box::new(Face {
            details: self.details.clone(),
            details_version: self.details_version,
            status: self.status,
            deleted: self.deleted,
            sale_has_started: self.sale_has_started,
            ticket_types: self.ticket_types.clone(),
            seating: None,
        })
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

    fn hold(&mut self, taken: Taken, hold: Hold) {
        self.count_held(&taken.tickets, u32::wrapping_add);
        self.seating.hold(self.id, &taken.seats, taken.booking_id);
        self.bookings.hold(taken, hold);
    }

    fn end_hold(&mut self, booking_id: BookingId) -> Option<HeldTickets> {
        let held = self.bookings.end_hold(booking_id)?;
        self.count_held(&held.taken.tickets, u32::wrapping_sub);
        self.seating.end_hold(self.id, &held.taken.seats);
        Some(held)
    }

    fn sell(&mut self, taken: Taken) {
        self.count_sold(&taken.tickets, u32::wrapping_add);
        self.seating.sell(self.id, &taken.seats);
        self.bookings.sell(taken);
    }

    fn unsell(&mut self, taken: &Taken) -> bool {
        let was_sold = self.bookings.unsell(taken);
        if was_sold {
            self.count_sold(&taken.tickets, u32::wrapping_sub);
            self.seating.unsell(self.id, &taken.seats);
        }
        was_sold
    }

    fn free(&mut self, taken: Taken) -> Step {
        if let Some(held) = self.end_hold(taken.booking_id) {
            return Step::HoldEnded(Box::new(held));
        }
        if self.unsell(&taken) { Step::Released(taken) } else { Step::None }
    }

    // Every event carries the tickets that it counts, so that a count never falls below nothing.

    fn count_held(&mut self, tickets: &[TicketLine], count: fn(u32, u32) -> u32) {
        for line in tickets {
            if let Some(t) = self.ticket_types.iter_mut().find(|t| t.id == line.ticket_type_id) {
                t.held = count(t.held, line.quantity);
            }
        }
    }

    fn count_sold(&mut self, tickets: &[TicketLine], count: fn(u32, u32) -> u32) {
        for line in tickets {
            if let Some(t) = self.ticket_types.iter_mut().find(|t| t.id == line.ticket_type_id) {
                t.sold = count(t.sold, line.quantity);
            }
        }
    }
}

impl OfferedTicketType {
    fn with(self, sold: u32, held: u32) -> TicketType {
        let Self { id, name, price, capacity } = self;
        TicketType { id, name, price, capacity, sold, held }
    }
}
