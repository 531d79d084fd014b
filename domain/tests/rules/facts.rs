//! Builders of facts and commands. They show what matters; the rest is boring and valid: everything happens `early`,
//! booking 1 is attendee 1's, a hold lasts 15 minutes.

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use domain::{
    Currency, Money, RowName, SectionName, TicketTypeId, TicketTypeName, TimeZone, Title,
    show::{
        ChangeShow, DetailsChange, OfferedTicketType, PlannedSection, Schedule, SeatBlock, SeatingPlan, Show,
        ShowCommand, ShowDetails, ShowEvent, TakeTickets, Taken, TicketLine, TicketTypeChange, Wanted,
    },
};
use uuid::Uuid;

use crate::{attendee, booking, early, host_id, minute, seat, show_id, time};

pub(crate) const HOLD_MINUTES: i64 = 15;

/// Ticket types. Their prices are always the same, unless a test says otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Type {
    Stalls,
    Balcony,
    /// Free of charge.
    Standing,
}
pub(crate) use Type::{Balcony, Stalls, Standing};

impl Type {
    pub(crate) fn id(self) -> TicketTypeId {
        TicketTypeId::new(Uuid::from_u128(100 + self as u128))
    }

    pub(crate) fn name(self) -> TicketTypeName {
        TicketTypeName::parse(&format!("{self:?}")).expect("a name")
    }

    pub(crate) fn price(self) -> Money {
        eur(match self {
            Stalls => 2_500,
            Balcony => 1_000,
            Standing => 0,
        })
    }

    pub(crate) fn line(self, quantity: u32) -> TicketLine {
        TicketLine { ticket_type_id: self.id(), quantity, price: self.price() }
    }
}

pub(crate) fn eur(cents: i64) -> Money {
    Money { amount: cents, currency: Currency::EUR }
}

pub(crate) fn given(facts: Vec<ShowEvent>) -> AggregateTestExecutor<Show> {
    TestFramework::with(()).given(facts)
}

/// What the facts fold to.
pub(crate) fn folded(facts: Vec<ShowEvent>) -> Show {
    let mut show = Show::default();
    facts.into_iter().for_each(|fact| show.evolve(fact));
    show
}

// What the host says.

pub(crate) fn details() -> ShowDetails {
    ShowDetails {
        title: Title::parse("An evening of engines").expect("a title"),
        description: None,
        venue: None,
        schedule: Schedule::parse(start(), end(), None, None).expect("a schedule"),
        time_zone: TimeZone::UTC,
        max_tickets_per_booking: 10,
        hold_seconds: 900,
    }
}

pub(crate) fn start() -> DateTime<Utc> {
    time("2027-06-01T18:00:00Z")
}

pub(crate) fn end() -> DateTime<Utc> {
    time("2027-06-01T21:00:00Z")
}

pub(crate) fn offered(of: Type, capacity: u32) -> OfferedTicketType {
    OfferedTicketType { id: of.id(), name: of.name(), price: of.price(), capacity }
}

pub(crate) fn created(ticket_types: Vec<OfferedTicketType>) -> ShowEvent {
    created_with(details(), ticket_types)
}

pub(crate) fn created_with(details: ShowDetails, ticket_types: Vec<OfferedTicketType>) -> ShowEvent {
    ShowEvent::EventCreated {
        event_id: show_id(),
        host_id: host_id(),
        details: Box::new(details),
        ticket_types,
        seating: vec![],
        draft: false,
        at: early(),
    }
}

/// A draft with ten stalls.
pub(crate) fn draft() -> ShowEvent {
    ShowEvent::EventCreated {
        event_id: show_id(),
        host_id: host_id(),
        details: Box::new(details()),
        ticket_types: vec![offered(Stalls, 10)],
        seating: vec![],
        draft: true,
        at: early(),
    }
}

/// One ticket type that costs something.
pub(crate) fn concert(capacity: u32) -> ShowEvent {
    created(vec![offered(Stalls, capacity)])
}

/// One ticket type, free of charge.
pub(crate) fn meetup(capacity: u32) -> ShowEvent {
    created(vec![offered(Standing, capacity)])
}

/// Numbered seats: 4 stalls in row A (indexes 0 to 3), 2 on the balcony in row A (4 and 5).
pub(crate) fn hall() -> ShowEvent {
    let (ticket_types, seating) = hall_plan(4, 2).first_offer();
    seated(ticket_types, seating)
}

pub(crate) fn seated(ticket_types: Vec<OfferedTicketType>, seating: Vec<SeatBlock>) -> ShowEvent {
    ShowEvent::EventCreated {
        event_id: show_id(),
        host_id: host_id(),
        details: Box::new(details()),
        ticket_types,
        seating,
        draft: false,
        at: early(),
    }
}

/// A row of stalls and one on the balcony, each with so many seats; none, no section.
pub(crate) fn hall_plan(stalls: u32, balcony: u32) -> SeatingPlan {
    let sections = [("Stalls", Stalls, stalls), ("Balcony", Balcony, balcony)];
    let sections = sections.into_iter().filter(|(_, _, seats)| *seats > 0);
    SeatingPlan(sections.map(|(name, of, seats)| section(name, of, &[("A", seats)])).collect())
}

pub(crate) fn section(name: &str, of: Type, rows: &[(&str, u32)]) -> PlannedSection {
    let row = |(name, seats): &(&str, u32)| (RowName::parse(name).expect("a row"), *seats);
    PlannedSection {
        name: SectionName::parse(name).expect("a section"),
        ticket_type: of.name(),
        price: of.price(),
        ticket_type_id: of.id(),
        rows: rows.iter().map(row).collect(),
    }
}

pub(crate) fn block(
    section: &str,
    row: &str,
    of: Type,
    first_number: u32,
    seats: u32,
    first_index: u32,
) -> SeatBlock {
    SeatBlock {
        section: SectionName::parse(section).expect("a section"),
        row: RowName::parse(row).expect("a row"),
        ticket_type_id: of.id(),
        first_number,
        seats,
        first_index,
    }
}

pub(crate) fn cancelled() -> ShowEvent {
    ShowEvent::EventCancelled { at: early() }
}

// What became of tickets.

/// What booking `number` took.
pub(crate) fn took(number: u128, tickets: &[(Type, u32)]) -> Taken {
    let tickets = tickets.iter().map(|(of, quantity)| of.line(*quantity)).collect();
    Taken { booking_id: booking(number), attendee_id: attendee(number), tickets, seats: vec![] }
}

/// What booking `number` took of the [`hall`].
pub(crate) fn took_seats(number: u128, seats: &[u32]) -> Taken {
    let lines = [(Stalls, 0..4), (Balcony, 4..6)].map(|(of, indexes)| {
        let quantity = seats.iter().filter(|seat| indexes.contains(*seat)).count();
        (of, u32::try_from(quantity).expect("few"))
    });
    let lines: Vec<(Type, u32)> = lines.into_iter().filter(|(_, quantity)| *quantity > 0).collect();
    Taken { seats: seats.iter().map(|index| seat(*index)).collect(), ..took(number, &lines) }
}

/// Held from `early` on.
pub(crate) fn held(taken: Taken) -> ShowEvent {
    held_from(0, taken)
}

/// Held from so many minutes later on.
pub(crate) fn held_from(minutes: i64, taken: Taken) -> ShowEvent {
    let at = minute(minutes);
    ShowEvent::TicketsHeld { taken, held_until: at + TimeDelta::minutes(HOLD_MINUTES), at }
}

pub(crate) fn sold(taken: Taken) -> ShowEvent {
    ShowEvent::TicketsSold { taken, at: early() }
}

pub(crate) fn released(taken: Taken) -> ShowEvent {
    ShowEvent::TicketsReleased { taken, at: early() }
}

pub(crate) fn lapsed(minutes: i64, taken: Taken) -> ShowEvent {
    ShowEvent::HoldExpired { taken, at: minute(minutes) }
}

// Commands.

/// Booking `number` wants one ticket of the only type.
pub(crate) fn book(number: u128) -> ShowCommand {
    book_at(number, Wanted::OneTicket, early())
}

pub(crate) fn book_tickets(number: u128, minutes: i64, tickets: &[(Type, u32)]) -> ShowCommand {
    let quantities = tickets.iter().map(|(of, quantity)| (of.id(), *quantity)).collect();
    book_at(number, Wanted::Quantities(quantities), minute(minutes))
}

pub(crate) fn book_seats(number: u128, minutes: i64, seats: &[u32]) -> ShowCommand {
    let seats = seats.iter().map(|index| seat(*index)).collect();
    book_at(number, Wanted::Seats(seats), minute(minutes))
}

pub(crate) fn book_at(number: u128, wanted: Wanted, at: DateTime<Utc>) -> ShowCommand {
    let (booking_id, attendee_id) = (booking(number), attendee(number));
    ShowCommand::TakeTickets(TakeTickets { booking_id, attendee_id, wanted, at })
}

/// The attendee books again, as booking `number`.
pub(crate) fn book_again(attendee_number: u128, number: u128, minutes: i64) -> ShowCommand {
    ShowCommand::TakeTickets(TakeTickets {
        booking_id: booking(number),
        attendee_id: attendee(attendee_number),
        wanted: Wanted::OneTicket,
        at: minute(minutes),
    })
}

pub(crate) fn release(number: u128) -> ShowCommand {
    ShowCommand::ReleaseTickets { booking_id: booking(number), attendee_id: attendee(number), at: early() }
}

/// A change of nothing, to be filled in.
pub(crate) fn change() -> ChangeShow {
    ChangeShow {
        expected_version: None,
        details: DetailsChange::default(),
        capacity: None,
        ticket_types: None,
        seating: None,
        at: early(),
    }
}

pub(crate) fn changing(change: ChangeShow) -> ShowCommand {
    ShowCommand::Change(Box::new(change))
}

pub(crate) fn kept(of: Type, capacity: u32) -> TicketTypeChange {
    TicketTypeChange { id: of.id(), is_new: false, name: of.name(), price: of.price(), capacity }
}

pub(crate) fn changed(
    details: ShowDetails,
    ticket_types: Vec<OfferedTicketType>,
    seating: Vec<SeatBlock>,
) -> ShowEvent {
    changed_at(0, details, ticket_types, seating)
}

pub(crate) fn changed_at(
    minutes: i64,
    details: ShowDetails,
    ticket_types: Vec<OfferedTicketType>,
    seating: Vec<SeatBlock>,
) -> ShowEvent {
    ShowEvent::EventChanged { details: Box::new(details), ticket_types, seating, at: minute(minutes) }
}
