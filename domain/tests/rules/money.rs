//! Money and tickets agree (invariant I8): whatever attendees, the host, the time and the gateway do, in whatever order,
//! and wherever whoever drives a payment dies: once all is settled, nobody has a ticket that was not paid, and no money
//! is kept for tickets that were not given.
//!
//! The gateway is a ledger. The driver here knows nothing but events and that ledger; the real one is
//! `command-api/src/payments`.

mod agreeing;
mod driving;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    BookingId, PaymentId, RefundId,
    booking::{Booking, BookingCommand, PaymentCommand, PaymentStep, PlaceBooking, RefundCause},
    show::{Show, ShowCommand, ShowEvent, ShowStatus},
};
use proptest::{prelude::*, sample::Index};
use uuid::Uuid;

use crate::{
    attendee, early,
    facts::{Stalls, book_at, created, offered},
    show_id,
};
use driving::Driver;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn money_and_tickets_agree_once_all_is_settled(
        capacity in 1..4_u32,
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut office = Office::selling(capacity);
        for (wait_seconds, step) in steps {
            office.now += TimeDelta::seconds(wait_seconds);
            office.take(&step)?;
            office.nobody_is_confirmed_unpaid()?;
        }
        office.settle()?;
        office.money_and_tickets_agree()?;
    }
}

#[derive(Debug, Clone)]
enum Step {
    Book(u128),
    Pay(Index),
    /// What the bank says to an attempt.
    Bank(Index, Bank),
    /// Somebody drives a booking on, so many steps.
    Drive(Index, usize),
    /// Somebody asks the gateway for the next step, and dies before they can write down what came of it.
    DriveAndDie(Index),
    Cancel(Index),
    CancelShow,
    Release,
    Expire,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bank {
    Authorises,
    WantsMore,
    /// Money that was set aside is not there any more.
    TakesBack,
}

fn step() -> impl Strategy<Value = (i64, Step)> {
    let bank =
        prop_oneof![6 => Just(Bank::Authorises), 2 => Just(Bank::WantsMore), 1 => Just(Bank::TakesBack)];
    let step = prop_oneof![
        6 => (0..5_u128).prop_map(Step::Book),
        8 => any::<Index>().prop_map(Step::Pay),
        8 => (any::<Index>(), bank).prop_map(|(which, bank)| Step::Bank(which, bank)),
        12 => (any::<Index>(), 0..4_usize).prop_map(|(which, steps)| Step::Drive(which, steps)),
        6 => any::<Index>().prop_map(Step::DriveAndDie),
        3 => any::<Index>().prop_map(Step::Cancel),
        1 => Just(Step::CancelShow),
        1 => Just(Step::Release),
        3 => Just(Step::Expire),
    ];
    (prop_oneof![4 => Just(0_i64), 3 => Just(60_i64), 2 => Just(400_i64), 1 => Just(1_000_i64)], step)
}

/// What the gateway knows of a payment.
#[derive(Debug, Clone, Copy, PartialEq)]
enum AtGateway {
    Open,
    WantsMore,
    Authorised,
    Captured,
    Cancelled,
}

struct Office {
    show: Show,
    bookings: BTreeMap<BookingId, Booking>,
    gateway: BTreeMap<PaymentId, (AtGateway, i64)>,
    refunds: BTreeMap<RefundId, (PaymentId, i64)>,
    /// Whoever cancelled them wants nothing any more.
    cancelled: BTreeSet<BookingId>,
    now: DateTime<Utc>,
    ids: u128,
}

impl Office {
    fn selling(capacity: u32) -> Self {
        let mut show = Show::default();
        show.evolve(created(vec![offered(Stalls, capacity)]));
        let (gateway, refunds, cancelled) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { show, bookings: BTreeMap::new(), gateway, refunds, cancelled, now: early(), ids: 0 }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Book(number) => {
                self.ids += 1;
                let wanted = domain::show::Wanted::OneTicket;
                let ShowCommand::TakeTickets(take) = book_at(self.ids, wanted, self.now) else {
                    unreachable!("it books")
                };
                let take = domain::show::TakeTickets { attendee_id: attendee(*number), ..take };
                self.order(ShowCommand::TakeTickets(take))?;
            }
            Step::Pay(which) => {
                if let Some(booking_id) = self.which(which) {
                    self.ids += 1;
                    let payment_id = PaymentId::new(Uuid::from_u128(self.ids));
                    self.pay(booking_id, PaymentStep::Start { payment_id })?;
                }
            }
            Step::Bank(which, bank) => self.bank(which, *bank),
            Step::Drive(which, steps) => {
                if let Some(booking_id) = self.which(which) {
                    for _ in 0..*steps {
                        self.drive(booking_id, Driver::Patient)?;
                    }
                }
            }
            Step::DriveAndDie(which) => {
                if let Some(booking_id) = self.which(which) {
                    self.drive(booking_id, Driver::Dying)?;
                }
            }
            Step::Cancel(which) => {
                if let Some(booking_id) = self.which(which) {
                    self.cancel(booking_id)?;
                }
            }
            Step::CancelShow => self.order(ShowCommand::Cancel { at: self.now })?,
            Step::Release => self.order(ShowCommand::ReleaseCancelled { limit: 2, at: self.now })?,
            Step::Expire => self.order(ShowCommand::ExpireHolds { limit: 2, at: self.now })?,
        }
        Ok(())
    }

    fn which(&self, which: &Index) -> Option<BookingId> {
        (!self.bookings.is_empty()).then(|| *which.get(&self.bookings.keys().copied().collect::<Vec<_>>()))
    }

    fn bank(&mut self, which: &Index, bank: Bank) {
        if self.gateway.is_empty() {
            return;
        }
        let nth = which.index(self.gateway.len());
        let (state, _) = self.gateway.values_mut().nth(nth).expect("there are so many");
        *state = match (*state, bank) {
            (AtGateway::Open | AtGateway::WantsMore, Bank::Authorises) => AtGateway::Authorised,
            (AtGateway::Open, Bank::WantsMore) => AtGateway::WantsMore,
            (AtGateway::Authorised, Bank::TakesBack) => AtGateway::Cancelled,
            (same, _) => same,
        };
    }

    // As the command side does it, see `show_batch.rs` there.

    fn order(&mut self, command: ShowCommand) -> Result<(), TestCaseError> {
        let Ok(events) = self.show.decide(command) else { return Ok(()) };
        self.follow(events)
    }

    /// A booking whose show has nothing to release is told all the same: its bank may still say yes.
    fn cancel(&mut self, booking_id: BookingId) -> Result<(), TestCaseError> {
        self.cancelled.insert(booking_id);
        let attendee_id = self.bookings[&booking_id].placed().expect("placed").user_id;
        self.order(ShowCommand::ReleaseTickets { booking_id, attendee_id, at: self.now })?;
        self.tell(booking_id, BookingCommand::Cancel { cause: RefundCause::BookingCancelled, at: self.now })
    }

    fn follow(&mut self, events: Vec<ShowEvent>) -> Result<(), TestCaseError> {
        for event in events {
            let is_cancelled = self.show.created().expect("created").status == ShowStatus::Cancelled;
            let cause =
                if is_cancelled { RefundCause::EventCancelled } else { RefundCause::BookingCancelled };
            let follows = match &event {
                ShowEvent::TicketsHeld { taken, held_until, at } => Some((
                    taken.booking_id,
                    BookingCommand::Place(PlaceBooking {
                        event_id: show_id(),
                        taken: taken.clone(),
                        held_until: Some(*held_until),
                        at: *at,
                    }),
                )),
                ShowEvent::HoldExtended { booking_id, held_until, at } => {
                    Some((*booking_id, BookingCommand::Extend { held_until: *held_until, at: *at }))
                }
                ShowEvent::HoldExpired { taken, at } => {
                    Some((taken.booking_id, BookingCommand::Expire { at: *at }))
                }
                ShowEvent::TicketsReleased { taken, at } => {
                    Some((taken.booking_id, BookingCommand::Cancel { cause, at: *at }))
                }
                ShowEvent::EventCreated { .. }
                | ShowEvent::EventPublished { .. }
                | ShowEvent::EventChanged { .. }
                | ShowEvent::EventCancelled { .. }
                | ShowEvent::EventDeleted { .. }
                | ShowEvent::SalesStarted { .. }
                | ShowEvent::TicketsSold { .. } => None,
            };
            self.show.evolve(event);
            if let Some((booking_id, command)) = follows {
                self.tell(booking_id, command)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, booking_id: BookingId, command: BookingCommand) -> Result<(), TestCaseError> {
        let booking = self.bookings.entry(booking_id).or_default();
        let events = booking.decide(command).map_err(|error| TestCaseError::fail(error.to_string()))?;
        events.into_iter().for_each(|event| booking.evolve(event));
        Ok(())
    }

    /// Both agree, or nothing happens. Says whether they agree.
    fn pay(&mut self, booking_id: BookingId, step: PaymentStep) -> Result<bool, TestCaseError> {
        let command = PaymentCommand { step, at: self.now };
        let placed = self.bookings[&booking_id].placed().expect("placed").clone();
        match self.bookings[&booking_id].decide(BookingCommand::Pay(command.clone())) {
            Err(_) => return Ok(false),
            Ok(events) if events.is_empty() => return Ok(true),
            Ok(_) => {}
        }
        let of_show = match command.of_show(&placed) {
            None => vec![],
            Some(of_show) => match self.show.decide(of_show) {
                Ok(events) => events,
                Err(_) => return Ok(false),
            },
        };
        self.tell(booking_id, BookingCommand::Pay(command))?;
        self.follow(of_show)?;
        Ok(true)
    }
}
