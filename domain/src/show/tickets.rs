//! Taking tickets, holding them, giving them back.
//!
//! A hold that has lapsed blocks nobody, whether or not anything has noticed. Who needs its tickets makes it visible
//! first: `HoldExpired` stands before `TicketsHeld`, so that no prefix of the stream has more taken than there is.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    CreatedShow, ShowError, ShowEvent, ShowStatus, TakeTickets, Taken, TicketLine, TicketType, Wanted,
    bookings::Open, seating::SeatOwner,
};
use crate::{BookingId, SeatId, TicketTypeId, UserId};

/// Longest time from the first hold to the end of the last extension.
pub(super) const LONGEST_HOLD: TimeDelta = TimeDelta::hours(2);

/// Lapsed holds that somebody's booking makes visible.
#[derive(Default)]
pub(super) struct Lapsing(BTreeMap<BookingId, Taken>);

impl Lapsing {
    pub(super) fn add(&mut self, taken: &Taken) {
        self.0.insert(taken.booking_id, taken.clone());
    }

    pub(super) fn into_events(self, at: DateTime<Utc>) -> Vec<ShowEvent> {
        let events = self.0.into_values().map(|taken| ShowEvent::HoldExpired { taken, at }).collect();
        #[cfg(feature = "planted-bugs")]
        let events = crate::planted_bugs::without_expiry(events);
        events
    }

    /// Tickets of a type that come back with them.
    fn of_type(&self, id: TicketTypeId) -> u32 {
        let lines = self.0.values().flat_map(|taken| &taken.tickets);
        lines.filter(|line| line.ticket_type_id == id).map(|line| line.quantity).sum()
    }
}

impl CreatedShow {
    pub(super) fn take_tickets(&self, take: TakeTickets) -> Result<Vec<ShowEvent>, ShowError> {
        let TakeTickets { booking_id, attendee_id, wanted, at } = take;
        let open = self.bookings.open_of(attendee_id);
        if open.as_ref().is_some_and(|open| open.booking_id() == booking_id) {
            return Ok(vec![]);
        }
        self.on_sale(at)?;
        let (tickets, seats) = self.resolve(wanted)?;
        let max = self.details.max_tickets_per_booking;
        if tickets.iter().map(|line| u64::from(line.quantity)).sum::<u64>() > u64::from(max) {
            return Err(ShowError::LimitExceeded { max });
        }
        let mut lapsing = Lapsing::default();
        if let Some(open) = open {
            let booking_id = open.booking_id();
            lapsing.add(self.lapsed(booking_id, at).ok_or(ShowError::AlreadyBooked { booking_id })?);
        }
        self.free_seats(&seats, at, &mut lapsing)?;
        for line in &tickets {
            self.free_tickets(line, at, &mut lapsing)?;
        }
        let taken = Taken { booking_id, attendee_id, tickets, seats };
        let mut events = lapsing.into_events(at);
        events.push(if taken.total().is_free() {
            ShowEvent::TicketsSold { taken, at }
        } else {
            ShowEvent::TicketsHeld { taken, held_until: at + self.hold_length(), at }
        });
        Ok(events)
    }

    pub(super) fn extend_hold(
        &self,
        booking_id: BookingId,
        attendee_id: UserId,
        at: DateTime<Utc>,
    ) -> Result<Vec<ShowEvent>, ShowError> {
        if self.status == ShowStatus::Cancelled {
            return Err(ShowError::Cancelled);
        }
        let open = self.bookings.open_booking(booking_id, attendee_id);
        let hold = match open.ok_or(ShowError::HoldExpired)? {
            Open::Held(held) => held.hold,
            Open::Sold(_) => return Err(ShowError::NotHeld),
        };
        if hold.has_lapsed(at) {
            return Err(ShowError::HoldExpired);
        }
        let held_until = (at + self.hold_length()).min(hold.since + LONGEST_HOLD);
        if held_until <= hold.until {
            return Ok(vec![]);
        }
        Ok(vec![ShowEvent::HoldExtended { booking_id, held_until, at }])
    }

    pub(super) fn release_tickets(
        &self,
        booking_id: BookingId,
        attendee_id: UserId,
        at: DateTime<Utc>,
    ) -> Vec<ShowEvent> {
        let open = self.bookings.open_booking(booking_id, attendee_id);
        open.map(|open| ShowEvent::TicketsReleased { taken: open.taken(), at }).into_iter().collect()
    }

    /// Nobody has used a hold, or tickets of a show that does not take place.
    pub(super) fn release_unused(
        &self,
        booking_id: BookingId,
        attendee_id: UserId,
        at: DateTime<Utc>,
    ) -> Result<Vec<ShowEvent>, ShowError> {
        let open = self.bookings.open_booking(booking_id, attendee_id);
        let is_over = self.status != ShowStatus::Cancelled && self.details.schedule.has_ended(at);
        if is_over && matches!(open, Some(Open::Sold(_))) {
            return Err(ShowError::Ended);
        }
        Ok(self.release_tickets(booking_id, attendee_id, at))
    }

    pub(super) fn expire_holds(&self, limit: usize, at: DateTime<Utc>) -> Vec<ShowEvent> {
        self.lapsed_holds(at)
            .take(limit)
            .map(|taken| ShowEvent::HoldExpired { taken: taken.clone(), at })
            .collect()
    }

    pub(super) fn release_cancelled(&self, limit: usize, at: DateTime<Utc>) -> Vec<ShowEvent> {
        if self.status != ShowStatus::Cancelled {
            return vec![];
        }
        self.bookings.all().take(limit).map(|taken| ShowEvent::TicketsReleased { taken, at }).collect()
    }

    /// What lapsed holds took, in the order in which they lapsed.
    pub(super) fn lapsed_holds(&self, at: DateTime<Utc>) -> impl Iterator<Item = &Taken> {
        self.bookings.by_lapse().take_while(move |(until, _)| *until <= at).map(|(_, taken)| taken)
    }

    fn hold_length(&self) -> TimeDelta {
        TimeDelta::seconds(self.details.hold_seconds.into())
    }

    pub(super) fn on_sale(&self, at: DateTime<Utc>) -> Result<(), ShowError> {
        match self.status {
            ShowStatus::Draft => return Err(ShowError::NotCreated),
            ShowStatus::Cancelled => return Err(ShowError::Cancelled),
            ShowStatus::Published => {}
        }
        let schedule = &self.details.schedule;
        if schedule.has_ended(at) {
            return Err(ShowError::Ended);
        }
        let not_yet = schedule.sales_start.is_some_and(|start| at < start);
        let no_more = schedule.sales_end.is_some_and(|end| at >= end);
        if not_yet || no_more { Err(ShowError::SalesNotOpen) } else { Ok(()) }
    }

    /// What was taken, if it is a hold and has lapsed.
    pub(super) fn lapsed(&self, booking_id: BookingId, at: DateTime<Utc>) -> Option<&Taken> {
        self.bookings.held(booking_id).filter(|held| held.hold.has_lapsed(at)).map(|held| &held.taken)
    }

    /// What is asked for, as lines at today's prices and seats.
    fn resolve(&self, wanted: Wanted) -> Result<(Vec<TicketLine>, Vec<SeatId>), ShowError> {
        let quantities = match wanted {
            Wanted::Seats(seats) => {
                let mut quantities: BTreeMap<TicketTypeId, u32> = BTreeMap::new();
                for seat in &seats {
                    let index = seat.index_in(self.id).ok_or(ShowError::UnknownSeat)?;
                    let id = self.seating.ticket_type_of(index).ok_or(ShowError::UnknownSeat)?;
                    *quantities.entry(id).or_default() += 1;
                }
                return Ok((self.lines(quantities)?, seats));
            }
            _ if self.seating.is_numbered() => return Err(ShowError::SeatsNotNamed),
            Wanted::Quantities(quantities) => quantities,
            Wanted::OneTicket => match self.ticket_types.as_slice() {
                [only] => vec![(only.id, 1)],
                _ => return Err(ShowError::TicketTypeNotNamed),
            },
        };
        Ok((self.lines(quantities)?, vec![]))
    }

    fn lines(
        &self,
        quantities: impl IntoIterator<Item = (TicketTypeId, u32)>,
    ) -> Result<Vec<TicketLine>, ShowError> {
        let line = |(id, quantity)| {
            let ticket_type = self.ticket_type(id)?;
            Ok(TicketLine { ticket_type_id: id, quantity, price: ticket_type.price })
        };
        quantities.into_iter().map(line).collect()
    }

    pub(super) fn ticket_type(&self, id: TicketTypeId) -> Result<&TicketType, ShowError> {
        self.ticket_types.iter().find(|t| t.id == id).ok_or(ShowError::UnknownTicketType)
    }

    /// All of the seats must be free, or in holds that have lapsed.
    pub(super) fn free_seats(
        &self,
        seats: &[SeatId],
        at: DateTime<Utc>,
        lapsing: &mut Lapsing,
    ) -> Result<(), ShowError> {
        let mut taken = Vec::new();
        for seat in seats {
            let owner = seat.index_in(self.id).and_then(|index| self.seating.owner_of(index));
            match owner {
                None => {}
                Some(SeatOwner::Buyer) => taken.push(*seat),
                Some(SeatOwner::Hold(booking_id)) => match self.lapsed(booking_id, at) {
                    Some(lapsed) => lapsing.add(lapsed),
                    None => taken.push(*seat),
                },
            }
        }
        if taken.is_empty() { Ok(()) } else { Err(ShowError::SeatTaken { seats: taken }) }
    }

    /// There must be enough tickets of the type, with those in as many lapsed holds as it takes.
    pub(super) fn free_tickets(
        &self,
        line: &TicketLine,
        at: DateTime<Utc>,
        lapsing: &mut Lapsing,
    ) -> Result<(), ShowError> {
        let id = line.ticket_type_id;
        let never_taken = self.ticket_type(id)?.available();
        let mut lapsed =
            self.lapsed_holds(at).filter(|taken| taken.tickets.iter().any(|l| l.ticket_type_id == id));
        loop {
            let available = never_taken + lapsing.of_type(id);
            if available >= line.quantity {
                return Ok(());
            }
            match lapsed.next() {
                Some(taken) => lapsing.add(taken),
                None => return Err(ShowError::SoldOut { available }),
            }
        }
    }
}
