//! A show as simple as can be, to hold the real one against: lists that are walked from end to end, no counters.
//!
//! It folds the show's events and checks the invariants as it goes; and it says, by rules of its own, which commands
//! are refused and why.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    BookingId, SeatId, TicketTypeId, TicketTypeName, UserId,
    show::{
        ChangeShow, Keep, OfferedTicketType, SeatBlock, ShowCommand, ShowDetails, ShowError, ShowEvent,
        ShowStatus, TakeTickets, Taken, Wanted,
    },
};
use proptest::prelude::*;

use crate::show_id;

/// Longest time from the first hold to its end, while it is being paid.
const LONGEST_TO_PAY: TimeDelta = TimeDelta::minutes(135);
/// The same after a decline.
const LONGEST_TO_TRY_AGAIN: TimeDelta = TimeDelta::minutes(140);
/// A hold is kept for so much longer than asked for.
const SPARE: TimeDelta = TimeDelta::seconds(30);

/// Section, row and number: what stands on a seat.
type Label = (String, String, u32);

#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) details: ShowDetails,
    pub(crate) status: ShowStatus,
    pub(crate) types: Vec<OfferedTicketType>,
    /// The seats that there are.
    pub(crate) seats: BTreeMap<SeatId, (Label, TicketTypeId)>,
    /// What stood on every seat that ever was.
    every_seat: HashMap<SeatId, Label>,
    pub(crate) every_type: Vec<TicketTypeId>,
    /// All that ever were.
    pub(crate) bookings: Vec<Record>,
    deleted: bool,
    last_at: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) taken: Taken,
    pub(crate) stands: Stands,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stands {
    Held { since: DateTime<Utc>, until: DateTime<Utc> },
    Sold,
    Expired,
    Cancelled,
}

impl Record {
    /// Whether the stream says that it has tickets.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.stands, Stands::Held { .. } | Stands::Sold)
    }

    /// Whether it has tickets at this time, noticed or not.
    pub(crate) fn blocks(&self, at: DateTime<Utc>) -> bool {
        match self.stands {
            Stands::Held { until, .. } => at < until,
            Stands::Sold => true,
            Stands::Expired | Stands::Cancelled => false,
        }
    }

    fn has_lapsed(&self, at: DateTime<Utc>) -> bool {
        self.is_open() && !self.blocks(at)
    }

    fn of_type(&self, id: TicketTypeId) -> u32 {
        self.taken.tickets.iter().filter(|line| line.ticket_type_id == id).map(|line| line.quantity).sum()
    }
}

// Folding.

impl Model {
    pub(crate) fn of_new(event: &ShowEvent) -> Result<Self, TestCaseError> {
        let ShowEvent::EventCreated { details, ticket_types, seating, draft, at, .. } = event else {
            return Err(TestCaseError::fail("the first event of a stream is EventCreated"));
        };
        let mut model = Self {
            details: ShowDetails::clone(details),
            status: if *draft { ShowStatus::Draft } else { ShowStatus::Published },
            types: vec![],
            seats: BTreeMap::new(),
            every_seat: HashMap::new(),
            every_type: vec![],
            bookings: vec![],
            deleted: false,
            last_at: *at,
        };
        model.offer(ticket_types, seating)?;
        model.check()?;
        Ok(model)
    }

    pub(crate) fn fold(&mut self, event: &ShowEvent) -> Result<(), TestCaseError> {
        let at = match event {
            ShowEvent::EventCreated { .. } => return Err(TestCaseError::fail("created twice")),
            ShowEvent::EventPublished { at } => {
                prop_assert_eq!(self.status, ShowStatus::Draft);
                self.status = ShowStatus::Published;
                at
            }
            ShowEvent::EventChanged { details, ticket_types, seating, at } => {
                prop_assert_ne!(self.status, ShowStatus::Cancelled);
                self.details = ShowDetails::clone(details);
                self.offer(ticket_types, seating)?;
                at
            }
            ShowEvent::EventCancelled { at } => {
                prop_assert_ne!(self.status, ShowStatus::Cancelled);
                self.status = ShowStatus::Cancelled;
                at
            }
            ShowEvent::EventDeleted { at } => {
                prop_assert!(self.status == ShowStatus::Cancelled && !self.deleted);
                self.deleted = true;
                at
            }
            ShowEvent::SalesStarted { at } => {
                prop_assert_eq!(self.status, ShowStatus::Published);
                prop_assert!(self.details.schedule.sales_start.is_none_or(|start| start <= *at));
                at
            }
            ShowEvent::TicketsHeld { taken, held_until, at } => {
                prop_assert!(taken.total().amount > 0);
                self.take(taken, Stands::Held { since: *at, until: *held_until })?;
                at
            }
            ShowEvent::TicketsSold { taken, at } => {
                match self.bookings.iter_mut().find(|r| r.taken.booking_id == taken.booking_id) {
                    // What is or was held is paid.
                    Some(record) => {
                        let was_held = matches!(record.stands, Stands::Held { .. } | Stands::Expired);
                        prop_assert!(was_held && record.taken == *taken, "{:?} at {}", record, at);
                        record.stands = Stands::Sold;
                    }
                    None => {
                        prop_assert_eq!(taken.total().amount, 0);
                        self.take(taken, Stands::Sold)?;
                    }
                }
                at
            }
            ShowEvent::HoldExtended { booking_id, held_until, at } => {
                let hold = &mut self.record_mut(*booking_id)?.stands;
                let Stands::Held { since, until } = *hold else {
                    return Err(TestCaseError::fail("extended, but not held"));
                };
                prop_assert!(
                    *at < until && until < *held_until && *held_until <= since + LONGEST_TO_TRY_AGAIN
                );
                *hold = Stands::Held { since, until: *held_until };
                at
            }
            ShowEvent::HoldExpired { taken, at } => {
                let record = self.record_mut(taken.booking_id)?;
                prop_assert!(record.has_lapsed(*at) && record.taken == *taken, "{record:?} at {at}");
                record.stands = Stands::Expired;
                at
            }
            ShowEvent::TicketsReleased { taken, at } => {
                let record = self.record_mut(taken.booking_id)?;
                prop_assert!(record.is_open() && record.taken == *taken, "{record:?} at {at}");
                record.stands = Stands::Cancelled;
                at
            }
        };
        prop_assert!(self.last_at <= *at, "time runs backwards");
        self.last_at = *at;
        self.check()
    }

    fn offer(&mut self, types: &[OfferedTicketType], blocks: &[SeatBlock]) -> Result<(), TestCaseError> {
        self.types = types.to_vec();
        self.every_type.extend(types.iter().map(|t| t.id));
        let before = std::mem::take(&mut self.seats);
        for block in blocks {
            for nth in 0..block.seats {
                let id = SeatId::of(show_id(), block.first_index + nth);
                let label: Label = (
                    block.section.as_str().to_owned(),
                    block.row.as_str().to_owned(),
                    block.first_number + nth,
                );
                let was = self.every_seat.entry(id).or_insert_with(|| label.clone());
                prop_assert_eq!(&*was, &label, "an index is never given to another seat");
                let kept = before.iter().find(|(_, (known, _))| *known == label);
                prop_assert!(kept.is_none_or(|(known, _)| *known == id), "a seat keeps its id");
                let same = self.seats.insert(id, (label, block.ticket_type_id));
                prop_assert_eq!(same, None, "a seat is there once");
            }
        }
        Ok(())
    }

    fn take(&mut self, taken: &Taken, stands: Stands) -> Result<(), TestCaseError> {
        prop_assert!(self.bookings.iter().all(|record| record.taken.booking_id != taken.booking_id));
        self.bookings.push(Record { taken: taken.clone(), stands });
        Ok(())
    }

    fn record_mut(&mut self, id: BookingId) -> Result<&mut Record, TestCaseError> {
        let known = self.bookings.iter_mut().find(|record| record.taken.booking_id == id);
        known.ok_or_else(|| TestCaseError::fail("no such booking"))
    }

    /// What holds at every prefix of every stream.
    fn check(&self) -> Result<(), TestCaseError> {
        let open = || self.bookings.iter().filter(|record| record.is_open());
        for offered in &self.types {
            let taken: u32 = open().map(|record| record.of_type(offered.id)).sum();
            prop_assert!(taken <= offered.capacity, "{} of {} are taken", taken, offered.capacity);
            let seats = self.seats.values().filter(|(_, id)| *id == offered.id).count();
            prop_assert!(
                self.seats.is_empty() || seats == offered.capacity as usize,
                "seats are the capacity"
            );
        }
        let labels: HashSet<&Label> = self.seats.values().map(|(label, _)| label).collect();
        prop_assert_eq!(labels.len(), self.seats.len(), "a place is there once");
        let (mut owned, mut attendees) = (HashSet::new(), HashSet::new());
        for Record { taken, .. } in open() {
            prop_assert!(attendees.insert(taken.attendee_id), "two open bookings of one attendee");
            for line in &taken.tickets {
                prop_assert!(self.types.iter().any(|t| t.id == line.ticket_type_id), "a type that is gone");
            }
            let mut of_types: HashMap<TicketTypeId, u32> = HashMap::new();
            for seat in &taken.seats {
                prop_assert!(owned.insert(*seat), "a seat has two owners");
                let Some((_, id)) = self.seats.get(seat) else {
                    return Err(TestCaseError::fail("a seat that is gone has an owner"));
                };
                *of_types.entry(*id).or_default() += 1;
            }
            let lines: HashMap<_, _> = taken.tickets.iter().map(|l| (l.ticket_type_id, l.quantity)).collect();
            prop_assert!(self.seats.is_empty() || of_types == lines, "lines and seats tell the same");
        }
        Ok(())
    }
}

// Asking.

impl Model {
    pub(crate) fn record(&self, id: BookingId) -> Option<&Record> {
        self.bookings.iter().find(|record| record.taken.booking_id == id)
    }

    pub(crate) fn is_on_sale(&self, at: DateTime<Utc>) -> bool {
        self.status == ShowStatus::Published && at < self.details.schedule.end_date_time
    }

    /// Sold, and held though perhaps lapsed: what the stream says.
    pub(crate) fn counts(&self, id: TicketTypeId) -> (u32, u32) {
        let of = |sold: bool| {
            let records = self.bookings.iter().filter(|r| r.is_open() && (r.stands == Stands::Sold) == sold);
            records.map(|record| record.of_type(id)).sum()
        };
        (of(true), of(false))
    }

    /// Sold and held at a time.
    pub(crate) fn taken(&self, id: TicketTypeId, at: DateTime<Utc>) -> u32 {
        self.bookings.iter().filter(|record| record.blocks(at)).map(|record| record.of_type(id)).sum()
    }

    pub(crate) fn available(&self, offered: &OfferedTicketType, at: DateTime<Utc>) -> u32 {
        offered.capacity - self.taken(offered.id, at)
    }

    pub(crate) fn is_taken(&self, seat: SeatId, at: DateTime<Utc>) -> bool {
        self.bookings.iter().any(|record| record.blocks(at) && record.taken.seats.contains(&seat))
    }

    pub(crate) fn lapsed(&self, at: DateTime<Utc>) -> usize {
        self.bookings.iter().filter(|record| record.has_lapsed(at)).count()
    }

    pub(crate) fn open(&self) -> usize {
        self.bookings.iter().filter(|record| record.is_open()).count()
    }

    pub(crate) fn open_of(&self, attendee: UserId, at: DateTime<Utc>) -> Option<BookingId> {
        let open = self.bookings.iter().find(|r| r.taken.attendee_id == attendee && r.blocks(at));
        open.map(|record| record.taken.booking_id)
    }

    /// Why the command is refused, if it is.
    pub(crate) fn refusal(&self, command: &ShowCommand) -> Option<ShowError> {
        match command {
            ShowCommand::Create(_) => Some(ShowError::AlreadyCreated),
            ShowCommand::Change(change) => self.refusal_of_change(change),
            ShowCommand::Publish { .. } => {
                (self.status == ShowStatus::Cancelled).then_some(ShowError::Cancelled)
            }
            ShowCommand::TakeTickets(take) => self.refusal_of_taking(take),
            ShowCommand::ExtendHold { booking_id, at, .. } => match self.record(*booking_id) {
                _ if self.status == ShowStatus::Cancelled => Some(ShowError::Cancelled),
                Some(record) if record.stands == Stands::Sold => Some(ShowError::NotHeld),
                Some(record) if record.blocks(*at) => None,
                Some(_) | None => Some(ShowError::HoldExpired),
            },
            ShowCommand::KeepHold { why: Keep::ToDecide | Keep::ToTryAgain, .. } => None,
            ShowCommand::KeepHold { booking_id, why: Keep::ToBegin, until, at, .. } => {
                match self.record(*booking_id).map(|record| (record.stands, record.blocks(*at))) {
                    _ if self.status == ShowStatus::Cancelled => Some(ShowError::Cancelled),
                    Some((Stands::Sold, _)) => Some(ShowError::NotHeld),
                    Some((Stands::Held { since, .. }, true)) if *until <= since + LONGEST_TO_PAY => None,
                    Some(_) | None => Some(ShowError::HoldExpired),
                }
            }
            ShowCommand::SellHeld { taken, at } => self.refusal_of_selling(taken, *at),
            ShowCommand::ReleaseUnused { booking_id, at, .. } => {
                let is_sold = self.record(*booking_id).is_some_and(|record| record.stands == Stands::Sold);
                let is_over = *at >= self.details.schedule.end_date_time;
                (is_sold && is_over && self.status == ShowStatus::Published).then_some(ShowError::Ended)
            }
            ShowCommand::Cancel { .. }
            | ShowCommand::CancelComing { .. }
            | ShowCommand::StartSales { .. }
            | ShowCommand::Delete { .. }
            | ShowCommand::ReleaseTickets { .. }
            | ShowCommand::ExpireHolds { .. }
            | ShowCommand::ReleaseCancelled { .. } => None,
        }
    }

    fn refusal_of_taking(&self, take: &TakeTickets) -> Option<ShowError> {
        let TakeTickets { booking_id, attendee_id, wanted, at } = take;
        if self.record(*booking_id).is_some_and(Record::is_open) {
            return None;
        }
        match self.status {
            ShowStatus::Draft => return Some(ShowError::NotCreated),
            ShowStatus::Cancelled => return Some(ShowError::Cancelled),
            ShowStatus::Published => {}
        }
        if !self.is_on_sale(*at) {
            return Some(ShowError::Ended);
        }
        let quantities = match (wanted, self.seats.is_empty()) {
            (Wanted::Seats(seats), _) if !seats.iter().all(|seat| self.seats.contains_key(seat)) => {
                return Some(ShowError::UnknownSeat);
            }
            (Wanted::Seats(seats), _) => seats.iter().map(|seat| (self.seats[seat].1, 1)).collect(),
            (Wanted::Quantities(_) | Wanted::OneTicket, false) => return Some(ShowError::SeatsNotNamed),
            (Wanted::Quantities(quantities), true) => quantities.clone(),
            (Wanted::OneTicket, true) if self.types.len() == 1 => vec![(self.types[0].id, 1)],
            (Wanted::OneTicket, true) => return Some(ShowError::TicketTypeNotNamed),
        };
        if quantities.iter().any(|(id, _)| !self.types.iter().any(|t| t.id == *id)) {
            return Some(ShowError::UnknownTicketType);
        }
        let max = self.details.max_tickets_per_booking;
        if quantities.iter().map(|(_, quantity)| quantity).sum::<u32>() > max {
            return Some(ShowError::LimitExceeded { max });
        }
        if let Some(booking_id) = self.open_of(*attendee_id, *at) {
            return Some(ShowError::AlreadyBooked { booking_id });
        }
        if let Wanted::Seats(seats) = wanted {
            let seats: Vec<SeatId> = seats.iter().copied().filter(|seat| self.is_taken(*seat, *at)).collect();
            return (!seats.is_empty()).then_some(ShowError::SeatTaken { seats });
        }
        let lacking = quantities.iter().find_map(|(id, quantity)| {
            let available = self.available(self.types.iter().find(|t| t.id == *id)?, *at);
            (available < *quantity).then_some(available)
        });
        lacking.map(|available| ShowError::SoldOut { available })
    }

    /// What has its tickets keeps them; otherwise all of it must be there, and free.
    fn refusal_of_selling(&self, taken: &Taken, at: DateTime<Utc>) -> Option<ShowError> {
        let stands = self.record(taken.booking_id).map(|record| record.stands);
        match (stands, self.status) {
            (Some(Stands::Sold), _) => return None,
            (_, ShowStatus::Cancelled) => return Some(ShowError::Cancelled),
            (Some(Stands::Held { .. }), _) => return None,
            (Some(Stands::Expired | Stands::Cancelled) | None, _) => {}
        }
        if !self.is_on_sale(at) {
            return Some(ShowError::Ended);
        }
        if let Some(booking_id) = self.open_of(taken.attendee_id, at) {
            return Some(ShowError::AlreadyBooked { booking_id });
        }
        let mut of_types: HashMap<TicketTypeId, u32> = HashMap::new();
        for seat in &taken.seats {
            let Some((_, id)) = self.seats.get(seat) else { return Some(ShowError::UnknownSeat) };
            *of_types.entry(*id).or_default() += 1;
        }
        let lines: HashMap<_, _> = taken.tickets.iter().map(|l| (l.ticket_type_id, l.quantity)).collect();
        if taken.seats.is_empty() != self.seats.is_empty() || (!self.seats.is_empty() && of_types != lines) {
            return Some(ShowError::UnknownSeat);
        }
        let seats: Vec<SeatId> =
            taken.seats.iter().copied().filter(|seat| self.is_taken(*seat, at)).collect();
        if !seats.is_empty() {
            return Some(ShowError::SeatTaken { seats });
        }
        taken.tickets.iter().find_map(|line| {
            let Some(offered) = self.types.iter().find(|t| t.id == line.ticket_type_id) else {
                return Some(ShowError::UnknownTicketType);
            };
            let available = self.available(offered, at);
            (available < line.quantity).then_some(ShowError::SoldOut { available })
        })
    }

    fn refusal_of_change(&self, change: &ChangeShow) -> Option<ShowError> {
        let at = change.at;
        if self.status == ShowStatus::Cancelled {
            return Some(ShowError::Cancelled);
        }
        if at >= self.details.schedule.end_date_time {
            return Some(ShowError::Ended);
        }
        if let Some(lost) = self.lost_seats(change) {
            return (!lost.is_empty()).then_some(ShowError::SeatsInUse { seats: lost });
        }
        if change.capacity.is_some() && self.types.len() != 1 {
            return Some(ShowError::DoesNotFit(""));
        }
        let wanted: Vec<(TicketTypeId, u32)> = match (&change.ticket_types, change.capacity) {
            (Some(types), _) => types.iter().map(|t| (t.id, t.capacity)).collect(),
            (None, Some(capacity)) => vec![(self.types[0].id, capacity)],
            (None, None) => return None,
        };
        let is_lost =
            |t: &&OfferedTicketType| self.taken(t.id, at) > 0 && !wanted.iter().any(|(id, _)| *id == t.id);
        if self.types.iter().any(|t| is_lost(&t)) {
            return Some(ShowError::TicketTypeInUse);
        }
        let mut taken = wanted.iter().map(|(id, capacity)| (self.taken(*id, at), capacity));
        let below = taken.find(|(taken, capacity)| taken > *capacity);
        below.map(|(taken, _)| ShowError::CapacityBelowSold { taken })
    }

    /// Seats that somebody has, and that the plan has not, or calls something else.
    fn lost_seats(&self, change: &ChangeShow) -> Option<Vec<SeatId>> {
        let planned = planned_seats(change)?;
        let is_lost = |(seat, (label, id)): &(&SeatId, &(Label, TicketTypeId))| {
            let name = self.types.iter().find(|t| t.id == *id).map(|t| &t.name);
            self.is_taken(**seat, change.at) && planned.get(label) != name
        };
        let mut lost: Vec<SeatId> = self.seats.iter().filter(is_lost).map(|(seat, _)| *seat).collect();
        lost.sort_by_key(|seat| seat.index_in(show_id()));
        Some(lost)
    }

    /// Whether the command, which was not refused, has done what it should.
    pub(crate) fn check_effect(&self, before: &Self, command: &ShowCommand) -> Result<(), TestCaseError> {
        match command {
            ShowCommand::Create(_) => {}
            ShowCommand::Publish { .. } => prop_assert_eq!(self.status, ShowStatus::Published),
            ShowCommand::Cancel { .. } => prop_assert_eq!(self.status, ShowStatus::Cancelled),
            ShowCommand::CancelComing { at } if *at >= before.details.schedule.end_date_time => {
                prop_assert_eq!(self.status, before.status);
            }
            ShowCommand::CancelComing { .. } => prop_assert_eq!(self.status, ShowStatus::Cancelled),
            ShowCommand::StartSales { .. } => prop_assert_eq!(self.status, before.status),
            ShowCommand::Delete { .. } => prop_assert!(self.status == ShowStatus::Cancelled && self.deleted),
            ShowCommand::Change(change) => self.check_change(before, change)?,
            ShowCommand::TakeTickets(take) => self.check_taking(before, take)?,
            ShowCommand::ExtendHold { booking_id, at, .. } => {
                let stands = |model: &Self| model.record(*booking_id).map(|record| record.stands);
                let (Some(Stands::Held { since, until }), Some(Stands::Held { until: now, .. })) =
                    (stands(before), stands(self))
                else {
                    return Err(TestCaseError::fail("extended what is not held"));
                };
                let anew = *at + TimeDelta::seconds(self.details.hold_seconds.into());
                prop_assert_eq!(now, until.max(anew.min(since + TimeDelta::hours(2))));
            }
            ShowCommand::KeepHold { booking_id, until, why, .. } => {
                let longest = match why {
                    Keep::ToBegin | Keep::ToDecide => LONGEST_TO_PAY,
                    Keep::ToTryAgain => LONGEST_TO_TRY_AGAIN,
                };
                let stands = |model: &Self| model.record(*booking_id).map(|record| record.stands);
                match (stands(before), stands(self)) {
                    (Some(Stands::Held { since, until: was }), Some(Stands::Held { until: is, .. })) => {
                        prop_assert!(is == was || is == (*until + SPARE).min(since + longest));
                        prop_assert!(is >= was);
                    }
                    (was, is) => prop_assert_eq!(was, is),
                }
            }
            ShowCommand::SellHeld { taken, .. } => {
                prop_assert_eq!(
                    self.record(taken.booking_id).map(|record| record.stands),
                    Some(Stands::Sold)
                );
            }
            ShowCommand::ReleaseTickets { booking_id, .. }
            | ShowCommand::ReleaseUnused { booking_id, .. } => {
                prop_assert!(!self.record(*booking_id).is_some_and(Record::is_open));
            }
            ShowCommand::ExpireHolds { limit, at } => {
                prop_assert_eq!(self.lapsed(*at), before.lapsed(*at).saturating_sub(*limit));
            }
            ShowCommand::ReleaseCancelled { limit, .. } => {
                let released = if self.status == ShowStatus::Cancelled { *limit } else { 0 };
                prop_assert_eq!(self.open(), before.open().saturating_sub(released));
            }
        }
        Ok(())
    }

    fn check_taking(&self, before: &Self, take: &TakeTickets) -> Result<(), TestCaseError> {
        if before.record(take.booking_id).is_some() {
            prop_assert_eq!(self.bookings.len(), before.bookings.len(), "a repeated booking does nothing");
            return Ok(());
        }
        let Some(Record { taken, stands }) = self.record(take.booking_id) else {
            return Err(TestCaseError::fail("nothing was taken"));
        };
        prop_assert_eq!(taken.attendee_id, take.attendee_id);
        self.check_expired(before, taken)?;
        let quantities: Vec<_> =
            taken.tickets.iter().map(|line| (line.ticket_type_id, line.quantity)).collect();
        match &take.wanted {
            Wanted::OneTicket => prop_assert_eq!(quantities, vec![(self.types[0].id, 1)]),
            Wanted::Quantities(wanted) => prop_assert_eq!(&quantities, wanted),
            Wanted::Seats(wanted) => prop_assert_eq!(&taken.seats, wanted),
        }
        for line in &taken.tickets {
            let price = self.types.iter().find(|t| t.id == line.ticket_type_id).map(|t| t.price);
            prop_assert_eq!(Some(line.price), price, "the price of the moment");
        }
        let until = take.at + TimeDelta::seconds(self.details.hold_seconds.into());
        let held = Stands::Held { since: take.at, until };
        prop_assert_eq!(*stands, if taken.total().is_free() { Stands::Sold } else { held });
        Ok(())
    }

    /// Lapsed holds were made visible where somebody needed what they have, and nowhere else.
    fn check_expired(&self, before: &Self, taken: &Taken) -> Result<(), TestCaseError> {
        let is_lacking = |id: TicketTypeId| {
            let never_taken = before.types.iter().find(|t| t.id == id).map(|t| {
                let (sold, held) = before.counts(id);
                t.capacity - sold - held
            });
            taken.tickets.iter().any(|line| line.ticket_type_id == id && never_taken < Some(line.quantity))
        };
        for (was, is) in before.bookings.iter().zip(&self.bookings) {
            if was.stands != is.stands {
                let is_own = was.taken.attendee_id == taken.attendee_id;
                let has_seats = was.taken.seats.iter().any(|seat| taken.seats.contains(seat));
                let has_tickets = was.taken.tickets.iter().any(|line| is_lacking(line.ticket_type_id));
                let is_needed = has_seats || (taken.seats.is_empty() && has_tickets);
                prop_assert!(is_own || is_needed, "{:?} was not in the way of {:?}", was, taken);
            }
        }
        Ok(())
    }

    fn check_change(&self, before: &Self, change: &ChangeShow) -> Result<(), TestCaseError> {
        let hold_seconds = change.details.hold_seconds.unwrap_or(before.details.hold_seconds);
        prop_assert_eq!(self.details.hold_seconds, hold_seconds);
        let name_of = |id: &TicketTypeId| self.types.iter().find(|t| t.id == *id).map(|t| t.name.clone());
        match (&change.ticket_types, change.capacity, planned_seats(change)) {
            (Some(types), _, _) => {
                let (of, wanted): (Vec<_>, Vec<_>) = self
                    .types
                    .iter()
                    .zip(types)
                    .map(|(a, b)| {
                        ((a.id, &a.name, a.price, a.capacity), (b.id, &b.name, b.price, b.capacity))
                    })
                    .unzip();
                prop_assert!(of == wanted && self.types.len() == types.len());
            }
            (None, Some(capacity), _) => prop_assert_eq!(self.types[0].capacity, capacity),
            (None, None, Some(planned)) => {
                let seats = self.seats.values().map(|(label, id)| (label.clone(), name_of(id)));
                let planned: BTreeMap<_, _> = planned.into_iter().map(|(l, name)| (l, Some(name))).collect();
                prop_assert!(seats.collect::<BTreeMap<_, _>>() == planned, "the seats of the plan");
            }
            (None, None, None) => prop_assert_eq!(&self.types, &before.types),
        }
        Ok(())
    }
}

/// All seats of the new plan, with the name of their type.
fn planned_seats(change: &ChangeShow) -> Option<HashMap<Label, TicketTypeName>> {
    let sections = &change.seating.as_ref()?.0;
    let mut planned = HashMap::new();
    for section in sections {
        for (row, seats) in &section.rows {
            for number in 1..=*seats {
                let label = (section.name.as_str().to_owned(), row.as_str().to_owned(), number);
                planned.insert(label, section.ticket_type.clone());
            }
        }
    }
    Some(planned)
}
