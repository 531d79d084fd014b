//! Whatever many attendees and the host ask, in whatever order, however time moves: the show does what the simple
//! [model](crate::show_model) says, and the bookings follow it.
//!
//! After every step sold + held + available = capacity for each ticket type, no seat has two owners, and every booking
//! says what the show says. Folding the stored events to any prefix gives the same state and breaks no invariant.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    BookingId, RowName, SeatId, SectionName, TicketTypeId, TicketTypeName, UserId,
    booking::{
        Booking, BookingCommand, BookingEvent, BookingStatus, PlaceBooking, PlacedBooking, RefundCause,
    },
    show::{
        ChangeShow, CreateShow, DetailsChange, Keep, OfferedTicketType, Part, PlannedSection, Schedule,
        SeatingPlan, Show, ShowCommand, ShowDetails, ShowError, ShowEvent, SoldTickets, TakeTickets, Taken,
        TicketTypeChange, Wanted,
    },
};
use proptest::{prelude::*, sample::Index};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    attendee, booking, early,
    facts::{change, changing, details, eur},
    host_id, show_id,
    show_model::{Model, Stands},
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn general_admission_never_sells_more_than_there_is(
        draft in draft(),
        types in types(),
        steps in proptest::collection::vec(step(of_general_admission()), 1..60),
        cut in any::<Index>(),
    ) {
        run(draft, offered(&types), None, steps, cut)?;
    }

    #[test]
    fn no_seat_has_two_owners(
        draft in draft(),
        hall in hall(),
        steps in proptest::collection::vec(step(of_numbered_seats()), 1..60),
        cut in any::<Index>(),
    ) {
        run(draft, vec![], Some(hall), steps, cut)?;
    }
}

// What is asked.

#[derive(Debug, Clone)]
struct Step {
    wait_seconds: i64,
    ask: Ask,
}

#[derive(Debug, Clone)]
enum Ask {
    BookOne {
        attendee: u128,
    },
    Book {
        attendee: u128,
        tickets: Vec<(TypePick, u32)>,
    },
    BookSeats {
        attendee: u128,
        seats: Vec<SeatPick>,
    },
    /// A booking's first command comes again.
    Repeat(Index),
    Extend(Index),
    Release(Index),
    ReleaseUnused(Index),
    Keep {
        which: Index,
        minutes: i64,
        why: Keep,
    },
    /// What is or was held is paid.
    Sell(Index),
    Expire {
        limit: usize,
    },
    ReleaseCancelled {
        limit: usize,
    },
    StartSales,
    Publish,
    Cancel,
    CancelComing,
    Delete,
    HoldSeconds(u32),
    Capacity(u32),
    Types(Types),
    /// The types keep everything but their prices.
    Prices(i64),
    Seating(Hall),
}

#[derive(Debug, Clone)]
enum TypePick {
    Offered(Index),
    /// Perhaps gone.
    Ever(Index),
}

#[derive(Debug, Clone)]
enum SeatPick {
    There(Index),
    /// Perhaps gone, perhaps never there.
    Numbered(u32),
}

/// Price and capacity of the types called 0, 1 and 2.
type Types = [Option<(i64, u32)>; 3];

/// Two sections with two rows, perhaps without seats; and prices of three types.
#[derive(Debug, Clone)]
struct Hall {
    rows: [[u32; 2]; 2],
    type_of_section: [usize; 2],
    prices: [i64; 3],
}

const ATTENDEES: u128 = 10;

fn draft() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.1)
}

fn price() -> impl Strategy<Value = i64> {
    prop_oneof![2 => 1..3_000_i64, 1 => Just(0)]
}

fn types() -> impl Strategy<Value = Types> {
    let one = || proptest::option::of((price(), 1..8_u32));
    let types = [one(), one(), one()];
    types.prop_map(|types| if types == [None; 3] { [Some((700, 3)), None, None] } else { types })
}

fn hall() -> impl Strategy<Value = Hall> {
    let rows = [[0..5_u32, 0..4_u32], [0..4_u32, 0..3_u32]];
    (rows, [0..3_usize, 0..3_usize], [price(), price(), price()]).prop_map(
        |(mut rows, type_of_section, prices)| {
            if rows == [[0; 2]; 2] {
                rows[0][0] = 3;
            }
            Hall { rows, type_of_section, prices }
        },
    )
}

fn step(ask: impl Strategy<Value = Ask>) -> impl Strategy<Value = Step> {
    let wait_seconds = prop_oneof![
        6 => Just(0_i64),
        6 => Just(60_i64),
        4 => Just(300_i64),
        2 => Just(600_i64),
        1 => Just(599_i64),
        1 => Just(900_i64),
        1 => Just(7_200_i64),
    ];
    (wait_seconds, ask).prop_map(|(wait_seconds, ask)| Step { wait_seconds, ask })
}

fn of_bookings_and_host() -> BoxedStrategy<Ask> {
    prop_oneof![
        2 => any::<Index>().prop_map(Ask::Repeat),
        6 => any::<Index>().prop_map(Ask::Extend),
        3 => any::<Index>().prop_map(Ask::Release),
        3 => any::<Index>().prop_map(Ask::ReleaseUnused),
        4 => (any::<Index>(), 0..30_i64, proptest::sample::select(vec![Keep::ToBegin, Keep::ToDecide, Keep::ToTryAgain]))
            .prop_map(|(which, minutes, why)| Ask::Keep { which, minutes, why }),
        6 => any::<Index>().prop_map(Ask::Sell),
        4 => (0..4_usize).prop_map(|limit| Ask::Expire { limit }),
        2 => (0..4_usize).prop_map(|limit| Ask::ReleaseCancelled { limit }),
        1 => Just(Ask::StartSales),
        2 => Just(Ask::Publish),
        1 => prop_oneof![3 => Just(Ask::Publish), 2 => Just(Ask::Cancel), 1 => Just(Ask::CancelComing), 1 => Just(Ask::Delete)],
        1 => prop::sample::select(vec![300, 600, 900, 3_600, 7_200]).prop_map(Ask::HoldSeconds),
    ]
    .boxed()
}

fn of_general_admission() -> impl Strategy<Value = Ask> {
    let pick = prop_oneof![
        20 => any::<Index>().prop_map(TypePick::Offered),
        1 => any::<Index>().prop_map(TypePick::Ever),
    ];
    let tickets = proptest::collection::vec((pick, 1..5_u32), 1..4);
    prop_oneof![
        26 => (0..ATTENDEES, tickets).prop_map(|(attendee, tickets)| Ask::Book { attendee, tickets }),
        3 => (0..ATTENDEES).prop_map(|attendee| Ask::BookOne { attendee }),
        24 => of_bookings_and_host(),
        3 => types().prop_map(Ask::Types),
        2 => (1..8_u32).prop_map(Ask::Capacity),
    ]
}

fn of_numbered_seats() -> impl Strategy<Value = Ask> {
    let pick = prop_oneof![
        20 => any::<Index>().prop_map(SeatPick::There),
        1 => (0..30_u32).prop_map(SeatPick::Numbered),
    ];
    let seats = proptest::collection::vec(pick, 1..4);
    prop_oneof![
        28 => (0..ATTENDEES, seats).prop_map(|(attendee, seats)| Ask::BookSeats { attendee, seats }),
        1 => (0..ATTENDEES).prop_map(|attendee| Ask::BookOne { attendee }),
        24 => of_bookings_and_host(),
        4 => hall().prop_map(Ask::Seating),
        1 => price().prop_map(Ask::Prices),
    ]
}

fn offered(types: &Types) -> Vec<OfferedTicketType> {
    let of = |(slot, offer): (usize, &Option<(i64, u32)>)| {
        let (price, capacity) = (*offer)?;
        let id = TicketTypeId::new(Uuid::from_u128(500 + slot as u128));
        Some(OfferedTicketType { id, name: type_name(slot), price: eur(price), capacity })
    };
    types.iter().enumerate().filter_map(of).collect()
}

fn type_name(slot: usize) -> TicketTypeName {
    TicketTypeName::parse(&format!("Type {slot}")).expect("a name")
}

impl Hall {
    fn plan(&self, mut fresh_id: impl FnMut() -> TicketTypeId) -> SeatingPlan {
        let sections =
            self.rows.iter().zip(self.type_of_section).enumerate().filter_map(|(nth, (rows, slot))| {
                let name = |row| RowName::parse(&format!("Row {row}")).expect("a row");
                let rows = rows.iter().enumerate().filter(|(_, seats)| **seats > 0);
                let rows: Vec<_> = rows.map(|(row, seats)| (name(row), *seats)).collect();
                (!rows.is_empty()).then(|| PlannedSection {
                    name: SectionName::parse(&format!("Section {nth}")).expect("a section"),
                    ticket_type: type_name(slot),
                    price: eur(self.prices[slot]),
                    ticket_type_id: fresh_id(),
                    rows,
                })
            });
        SeatingPlan(sections.collect())
    }
}

// What becomes of it.

fn run(
    draft: bool,
    ticket_types: Vec<OfferedTicketType>,
    hall: Option<Hall>,
    steps: Vec<Step>,
    cut: Index,
) -> Result<(), TestCaseError> {
    let mut office = Office::open(draft, ticket_types, hall)?;
    let cut_at = cut.index(steps.len());
    for (nth, Step { wait_seconds, ask }) in steps.into_iter().enumerate() {
        if nth == cut_at {
            office.loaded = Some(Loaded::from_snapshot_of(&office.show));
        }
        office.now += TimeDelta::seconds(wait_seconds);
        office.ask(&ask)?;
        office.check_counts()?;
        office.check_what_is_free()?;
        office.check_bookings()?;
    }
    office.check_loaded()?;
    office.check_replay()
}

struct Office {
    show: Show,
    /// The same show, from a snapshot of some moment and what came since.
    loaded: Option<Loaded>,
    model: Model,
    now: DateTime<Utc>,
    /// The show's stream, and the state after each event.
    stream: Vec<(ShowEvent, Show)>,
    /// The bookings' streams.
    bookings: BTreeMap<BookingId, (Booking, Vec<BookingEvent>)>,
    /// The command that placed each, in the order in which they were placed.
    placed: Vec<TakeTickets>,
    ids: u128,
}

impl Office {
    fn open(
        draft: bool,
        ticket_types: Vec<OfferedTicketType>,
        hall: Option<Hall>,
    ) -> Result<Self, TestCaseError> {
        let mut ids = 10_000;
        let mut fresh_id = || {
            ids += 1;
            TicketTypeId::new(Uuid::from_u128(ids))
        };
        let (ticket_types, seating) = match hall {
            None => (ticket_types, vec![]),
            Some(hall) => hall.plan(&mut fresh_id).first_offer(),
        };
        // Longer steps end after it is over, most before.
        let opening = early() + TimeDelta::hours(3);
        let schedule = Schedule::parse(opening, opening + TimeDelta::hours(3), None, None);
        let details = ShowDetails { schedule: schedule.expect("a schedule"), hold_seconds: 600, ..details() };
        let (show_id, host_id, at) = (show_id(), host_id(), early());
        let create = CreateShow { show_id, host_id, details, ticket_types, seating, draft, at };
        let mut show = Show::default();
        let created =
            show.decide(ShowCommand::Create(Box::new(create))).expect("no rule refuses it").remove(0);
        show.evolve(created.clone());
        Ok(Self {
            model: Model::of_new(&created)?,
            now: at,
            stream: vec![(created, show.clone())],
            loaded: Some(Loaded::from_snapshot_of(&show)),
            show,
            bookings: BTreeMap::new(),
            placed: vec![],
            ids,
        })
    }

    fn ask(&mut self, ask: &Ask) -> Result<(), TestCaseError> {
        let Some(command) = self.command(ask) else { return Ok(()) };
        let before = self.model.clone();
        if let Some(loaded) = &mut self.loaded {
            prop_assert_eq!(loaded.decide(&command), self.show.decide(command.clone()), "from a snapshot");
        }
        let events = match (self.show.decide(command.clone()), self.model.refusal(&command)) {
            (Ok(events), None) => events,
            (Err(ShowError::DoesNotFit(_)), Some(ShowError::DoesNotFit(_))) => return Ok(()),
            (Err(error), Some(expected)) if error == expected => return Ok(()),
            (decided, expected) => {
                return Err(TestCaseError::fail(format!(
                    "{command:?}: {decided:?}, but expected {expected:?}"
                )));
            }
        };
        for event in events {
            for show in
                [&mut self.show].into_iter().chain(self.loaded.as_mut().map(|loaded| &mut loaded.show))
            {
                let before = show.clone();
                let undo = show.evolve_undoably(event.clone());
                show.undo(undo);
                prop_assert_eq!(&*show, &before, "{:?} can be undone", event);
                show.evolve(event.clone());
            }
            self.model.fold(&event)?;
            self.follow(&event)?;
            self.stream.push((event, self.show.clone()));
            self.check_counts()?;
        }
        self.model.check_effect(&before, &command)?;
        if let ShowCommand::TakeTickets(take) = &command
            && before.record(take.booking_id).is_none()
        {
            self.placed.push(take.clone());
        }
        if !matches!(command, ShowCommand::ExpireHolds { .. } | ShowCommand::ReleaseCancelled { .. }) {
            prop_assert_eq!(self.show.decide(command), Ok(vec![]), "the same again does nothing");
        }
        Ok(())
    }

    /// As the command side does it, see `show_batch.rs` there: each event of the show moves one booking.
    fn follow(&mut self, event: &ShowEvent) -> Result<(), TestCaseError> {
        let Some((booking_id, command)) = booking_command(event) else { return Ok(()) };
        let (booking, stream) = self.bookings.entry(booking_id).or_default();
        let events = match (booking.placed(), event) {
            // What the booking says of the money is shown elsewhere, see `payments`.
            (Some(placed), ShowEvent::TicketsSold { .. }) => vec![paid(placed)],
            _ => booking.decide(command).expect("a booking can follow"),
        };
        prop_assert_eq!(events.len(), 1, "{:?} moves its booking: {:?}", event, booking);
        for event in events {
            booking.evolve(event.clone());
            stream.push(event);
        }
        Ok(())
    }

    /// What is asked, of what there is; nothing if there is nothing to ask it of.
    fn command(&mut self, ask: &Ask) -> Option<ShowCommand> {
        let at = self.now;
        Some(match ask {
            Ask::BookOne { attendee } => self.book(*attendee, Wanted::OneTicket),
            Ask::Book { attendee, tickets } => {
                let tickets: BTreeMap<TicketTypeId, u32> =
                    tickets.iter().map(|(pick, quantity)| (self.ticket_type(pick), *quantity)).collect();
                self.book(*attendee, Wanted::Quantities(tickets.into_iter().collect()))
            }
            Ask::BookSeats { attendee, seats } => {
                let seats: BTreeSet<SeatId> = seats.iter().map(|pick| self.seat(pick)).collect();
                self.book(*attendee, Wanted::Seats(seats.into_iter().collect()))
            }
            Ask::Repeat(which) => {
                let again = self.placed.get(self.which(which)?)?;
                // A booking that has ended is never placed again: ids are fresh.
                self.model.record(again.booking_id).filter(|record| record.is_open())?;
                ShowCommand::TakeTickets(TakeTickets { at, ..again.clone() })
            }
            Ask::Extend(which) => {
                let (booking_id, attendee_id) = self.booking(which)?;
                ShowCommand::ExtendHold { booking_id, attendee_id, at }
            }
            Ask::Release(which) => {
                let (booking_id, attendee_id) = self.booking(which)?;
                ShowCommand::ReleaseTickets { booking_id, attendee_id, at }
            }
            Ask::ReleaseUnused(which) => {
                let (booking_id, attendee_id) = self.booking(which)?;
                ShowCommand::ReleaseUnused { booking_id, attendee_id, at }
            }
            Ask::Keep { which, minutes, why } => {
                let (booking_id, attendee_id) = self.booking(which)?;
                let until = at + TimeDelta::minutes(*minutes);
                ShowCommand::KeepHold { booking_id, attendee_id, until, why: *why, at }
            }
            Ask::Sell(which) => {
                let (booking_id, _) = self.booking(which)?;
                let record = self.model.record(booking_id).expect("placed");
                // A cancelled booking is never paid: the booking itself refuses it.
                (record.stands != Stands::Cancelled).then_some(())?;
                ShowCommand::SellHeld { taken: record.taken.clone(), at }
            }
            Ask::Expire { limit } => ShowCommand::ExpireHolds { limit: *limit, at },
            Ask::ReleaseCancelled { limit } => ShowCommand::ReleaseCancelled { limit: *limit, at },
            Ask::StartSales => ShowCommand::StartSales { at },
            Ask::Publish => {
                let is_late = self.model.details.schedule.start_date_time < at;
                (!is_late).then_some(ShowCommand::Publish { at })?
            }
            Ask::Cancel => ShowCommand::Cancel { at },
            Ask::CancelComing => ShowCommand::CancelComing { at },
            Ask::Delete => ShowCommand::Delete { at },
            Ask::HoldSeconds(seconds) => {
                let details = DetailsChange { hold_seconds: Some(*seconds), ..Default::default() };
                changing(ChangeShow { details, at, ..change() })
            }
            Ask::Capacity(capacity) => changing(ChangeShow { capacity: Some(*capacity), at, ..change() }),
            Ask::Types(types) => {
                let types = offered(types).into_iter().map(|offered| self.kept_or_new(offered)).collect();
                changing(ChangeShow { ticket_types: Some(types), at, ..change() })
            }
            Ask::Prices(price) => {
                let dearer = |t: &OfferedTicketType| OfferedTicketType { price: eur(*price), ..t.clone() };
                let types: Vec<_> = self.model.types.iter().map(dearer).collect();
                let types = types.into_iter().map(|offered| self.kept_or_new(offered)).collect();
                changing(ChangeShow { ticket_types: Some(types), at, ..change() })
            }
            Ask::Seating(hall) => {
                let plan = hall.plan(|| self.fresh_type());
                changing(ChangeShow { seating: Some(plan), at, ..change() })
            }
        })
    }

    fn book(&mut self, number: u128, wanted: Wanted) -> ShowCommand {
        self.ids += 1;
        let (booking_id, attendee_id) = (booking(self.ids), attendee(number));
        ShowCommand::TakeTickets(TakeTickets { booking_id, attendee_id, wanted, at: self.now })
    }

    fn which(&self, which: &Index) -> Option<usize> {
        (!self.placed.is_empty()).then(|| which.index(self.placed.len()))
    }

    fn booking(&self, which: &Index) -> Option<(BookingId, UserId)> {
        let placed = &self.placed[self.which(which)?];
        Some((placed.booking_id, placed.attendee_id))
    }

    fn ticket_type(&self, pick: &TypePick) -> TicketTypeId {
        match pick {
            TypePick::Offered(which) => which.get(&self.model.types).id,
            TypePick::Ever(which) => *which.get(&self.model.every_type),
        }
    }

    fn seat(&self, pick: &SeatPick) -> SeatId {
        match pick {
            SeatPick::There(which) => {
                let nth = which.index(self.model.seats.len());
                *self.model.seats.keys().nth(nth).expect("there are so many")
            }
            SeatPick::Numbered(index) => SeatId::of(show_id(), *index),
        }
    }

    fn fresh_type(&mut self) -> TicketTypeId {
        self.ids += 1;
        TicketTypeId::new(Uuid::from_u128(self.ids))
    }

    /// A type that is there keeps its id.
    fn kept_or_new(&mut self, offered: OfferedTicketType) -> TicketTypeChange {
        let OfferedTicketType { name, price, capacity, .. } = offered;
        let known = self.model.types.iter().find(|t| t.name == name).map(|t| t.id);
        let id = known.unwrap_or_else(|| self.fresh_type());
        TicketTypeChange { id, is_new: known.is_none(), name, price, capacity }
    }
}

// What holds.

impl Office {
    /// At every prefix: what is sold and held is what the model says, and not more than there is.
    fn check_counts(&self) -> Result<(), TestCaseError> {
        let show = self.show.created().expect("created");
        prop_assert_eq!(show.ticket_types.len(), self.model.types.len());
        for (t, offered) in show.ticket_types.iter().zip(&self.model.types) {
            prop_assert_eq!((t.id, t.capacity, t.price), (offered.id, offered.capacity, offered.price));
            prop_assert_eq!((t.sold, t.held), self.model.counts(t.id));
            prop_assert!(t.sold + t.held <= t.capacity);
            let (held, available) = (show.held_at(t, self.now), self.model.available(offered, self.now));
            prop_assert_eq!(t.sold + held + available, t.capacity);
        }
        prop_assert_eq!(show.has_bookings(), self.model.open() > 0);
        let lapses = self.model.bookings.iter().filter_map(|record| match record.stands {
            Stands::Held { until, .. } => Some(until),
            Stands::Sold | Stands::Expired | Stands::Cancelled => None,
        });
        prop_assert_eq!(show.next_lapse(), lapses.min());
        Ok(())
    }

    /// What the model says is available can be booked, and not one ticket more; each seat that it says is free, and no other.
    fn check_what_is_free(&self) -> Result<(), TestCaseError> {
        let show = self.show.created().expect("created");
        for seat in self.model.seats.keys() {
            let owner = self.model.bookings.iter().find(|r| r.is_open() && r.taken.seats.contains(seat));
            prop_assert_eq!(show.owner_of(*seat), owner.map(|record| record.taken.booking_id));
        }
        if !self.model.is_on_sale(self.now) {
            return Ok(());
        }
        let stranger = |wanted| {
            self.show.decide(ShowCommand::TakeTickets(TakeTickets {
                booking_id: booking(0),
                attendee_id: attendee(ATTENDEES),
                wanted,
                at: self.now,
            }))
        };
        for seat in self.model.seats.keys() {
            let refusal = stranger(Wanted::Seats(vec![*seat])).err();
            let is_taken = self.model.is_taken(*seat, self.now);
            prop_assert_eq!(refusal, is_taken.then(|| ShowError::SeatTaken { seats: vec![*seat] }));
        }
        if self.model.seats.is_empty() {
            for offered in &self.model.types {
                let available = self.model.available(offered, self.now);
                let one_more = stranger(Wanted::Quantities(vec![(offered.id, available + 1)]));
                prop_assert_eq!(one_more, Err(ShowError::SoldOut { available }));
                if available > 0 {
                    prop_assert!(stranger(Wanted::Quantities(vec![(offered.id, available)])).is_ok());
                }
            }
        }
        Ok(())
    }

    /// Every booking says what the model says, and what the show would take back from it.
    fn check_bookings(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.bookings.len(), self.model.bookings.len());
        for record in &self.model.bookings {
            let booking_id = record.taken.booking_id;
            let placed = self.bookings[&booking_id].0.placed().expect("placed");
            let taken = Taken {
                booking_id: placed.id,
                attendee_id: placed.user_id,
                tickets: placed.tickets.clone(),
                seats: placed.seats.clone(),
            };
            prop_assert_eq!(&taken, &record.taken);
            prop_assert_eq!((placed.event_id, placed.total), (show_id(), taken.total()));
            let expected = match record.stands {
                Stands::Held { until, .. } => (BookingStatus::Held, Some(until)),
                Stands::Sold => (BookingStatus::Confirmed, None),
                Stands::Expired => (BookingStatus::Expired, None),
                Stands::Cancelled => (BookingStatus::Cancelled, None),
            };
            prop_assert_eq!((placed.status, placed.held_until), expected);
            let has_tickets =
                matches!(placed.status_at(self.now), BookingStatus::Held | BookingStatus::Confirmed);
            prop_assert_eq!(has_tickets, record.blocks(self.now));
            let (attendee_id, at) = (placed.user_id, self.now);
            let released = self.show.decide(ShowCommand::ReleaseTickets { booking_id, attendee_id, at });
            let expected = record.is_open().then_some(ShowEvent::TicketsReleased { taken, at: self.now });
            prop_assert_eq!(released, Ok(expected.into_iter().collect::<Vec<_>>()));
        }
        Ok(())
    }

    /// What was loaded from a snapshot is the same once all of it is there.
    fn check_loaded(&mut self) -> Result<(), TestCaseError> {
        let Some(loaded) = &mut self.loaded else { return Ok(()) };
        loaded.bring(loaded.show.missing_of(Part::all()));
        prop_assert_eq!(&loaded.show, &self.show);
        Ok(())
    }

    /// The stored events, folded from nothing, give the same state at every prefix.
    fn check_replay(&self) -> Result<(), TestCaseError> {
        let mut refolded = Show::default();
        for (nth, (event, state)) in self.stream.iter().enumerate() {
            refolded.evolve(stored(event));
            prop_assert_eq!(&refolded, state, "the prefix of {} events", nth + 1);
        }
        for (booking, stream) in self.bookings.values() {
            let mut refolded = Booking::default();
            stream.iter().for_each(|event| refolded.evolve(stored(event)));
            prop_assert_eq!(&refolded, booking);
            prop_assert_eq!(&stored(booking), booking, "a snapshot is the state");
        }
        Ok(())
    }
}

/// A show that was loaded from a snapshot: parts come when a command needs them, as on the command side.
struct Loaded {
    show: Show,
    parts: BTreeMap<Part, Vec<SoldTickets>>,
}

impl Loaded {
    fn from_snapshot_of(show: &Show) -> Self {
        let parts = Part::all().map(|part| (part, show.part(part).into_iter().map(stored).collect()));
        Self { show: stored(show), parts: parts.collect() }
    }

    fn decide(&mut self, command: &ShowCommand) -> Result<Vec<ShowEvent>, ShowError> {
        match self.show.decide(command.clone()) {
            Err(ShowError::PartsMissing { parts }) => self.bring(parts),
            decided => return decided,
        }
        self.show.decide(command.clone())
    }

    fn bring(&mut self, parts: BTreeSet<Part>) {
        for part in parts {
            assert!(self.show.bring(part, self.parts[&part].clone()), "all of it is there");
        }
    }
}

fn paid(placed: &PlacedBooking) -> BookingEvent {
    let PlacedBooking { id, event_id, user_id, tickets, seats, total, placed_at, .. } = placed.clone();
    BookingEvent::BookingConfirmed { booking_id: id, event_id, user_id, tickets, seats, total, at: placed_at }
}

/// There and back again.
fn stored<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let json = serde_json::to_string(value).expect("serializes");
    serde_json::from_str(&json).expect("deserializes")
}

/// What an event of the show means to a booking: the same as in the command side's `show_batch.rs`.
fn booking_command(event: &ShowEvent) -> Option<(BookingId, BookingCommand)> {
    let place = |taken: &Taken, held_until, at| {
        let place = PlaceBooking { event_id: show_id(), taken: taken.clone(), held_until, at };
        (taken.booking_id, BookingCommand::Place(place))
    };
    match event {
        ShowEvent::TicketsHeld { taken, held_until, at } => Some(place(taken, Some(*held_until), *at)),
        ShowEvent::TicketsSold { taken, at } => Some(place(taken, None, *at)),
        ShowEvent::HoldExtended { booking_id, held_until, at } => {
            Some((*booking_id, BookingCommand::Extend { held_until: *held_until, at: *at }))
        }
        ShowEvent::HoldExpired { taken, at } => Some((taken.booking_id, BookingCommand::Expire { at: *at })),
        ShowEvent::TicketsReleased { taken, at } => {
            Some((taken.booking_id, BookingCommand::Cancel { cause: RefundCause::BookingCancelled, at: *at }))
        }
        ShowEvent::EventCreated { .. }
        | ShowEvent::EventPublished { .. }
        | ShowEvent::EventChanged { .. }
        | ShowEvent::EventCancelled { .. }
        | ShowEvent::EventDeleted { .. }
        | ShowEvent::SalesStarted { .. } => None,
    }
}
