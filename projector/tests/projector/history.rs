//! Histories of a few shows, their bookings and some people, as the domain makes them of whatever is asked.

mod paying;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    BookingId, Personal, SeatId, TicketTypeId, TicketTypeName, Title, UserId,
    booking::{Booking, BookingCommand, PlaceBooking, RefundCause},
    notification::{Channel, NotificationKind},
    show::{
        ChangeShow, CreateShow, DetailsChange, Show, ShowCommand, ShowEvent, TakeTickets, Taken,
        TicketTypeChange, Wanted,
    },
    user::{Role, UserEvent},
};
use event_store::{StoredEvent, StreamId, event_log::LoggedEvent};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    a_show, a_user, details,
    stream::{eur, hall, offered},
};

/// What is asked: which kind of thing, and two numbers that choose the rest.
pub(crate) type Step = (u8, u8, u8);

/// Everything that a step may ask.
pub(crate) const KINDS: u8 = 32;

const SEATS: u32 = 12;

pub(crate) struct History {
    now: DateTime<Utc>,
    /// One of general admission, one with numbered seats.
    shows: [(domain::ShowId, Show); 2],
    hosts: [UserId; 2],
    bookings: Vec<(BookingId, usize, Booking)>,
    people: [UserId; 3],
    erased: [bool; 3],
    sequences: HashMap<StreamId, i64>,
    pub(crate) log: Vec<LoggedEvent>,
}

impl History {
    /// What the steps lead to; those that a rule refuses lead to nothing.
    pub(crate) fn of(steps: &[Step]) -> Self {
        let mut history = Self {
            now: DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap(),
            shows: [(a_show(), Show::default()), (a_show(), Show::default())],
            hosts: [a_user(), a_user()],
            bookings: vec![],
            people: [a_user(), a_user(), a_user()],
            erased: [false; 3],
            sequences: HashMap::new(),
            log: vec![],
        };
        history.begin();
        for step in steps {
            history.now += TimeDelta::seconds(1);
            history.step(*step);
        }
        history
    }

    fn begin(&mut self) {
        for person in self.people {
            let (name, email) = (Personal::new(person, "Ada"), Personal::new(person, "ada@example.org"));
            let role = Role::Attendee;
            self.tell(person, UserEvent::UserRegistered { user_id: person, name, email, role, at: self.now });
        }
        for index in 0..2 {
            let (ticket_types, seating) = match index {
                0 => (vec![offered("Floor", 0), offered("Balcony", 2_500)], vec![]),
                _ => hall(2, SEATS / 2, 1_000).first_offer(),
            };
            let create = CreateShow {
                show_id: self.shows[index].0,
                host_id: self.hosts[index],
                details: details("Engines"),
                ticket_types,
                seating,
                draft: false,
                at: self.now,
            };
            self.ask(index, ShowCommand::Create(Box::new(create)));
        }
    }

    fn step(&mut self, (kind, one, other): Step) {
        let (index, at) = (usize::from(one) % 2, self.now);
        match kind % KINDS {
            0..=6 => self.take(index, other),
            7 | 8 => self.of_booking(one, |booking_id, attendee_id| ShowCommand::ExtendHold {
                booking_id,
                attendee_id,
                at,
            }),
            9..=11 => self.of_booking(one, |booking_id, attendee_id| ShowCommand::ReleaseTickets {
                booking_id,
                attendee_id,
                at,
            }),
            12 => {
                self.now += TimeDelta::seconds(600);
                self.ask(index, ShowCommand::ExpireHolds { limit: 3, at: self.now });
            }
            13 => {
                let title = Some(Title::parse(&format!("Engines {other}")).unwrap());
                self.change(index, |change| change.details.title = title);
            }
            14 => self.offer_otherwise(index, other),
            15 if other.is_multiple_of(4) => self.ask(index, ShowCommand::Cancel { at }),
            16 => self.ask(index, ShowCommand::ReleaseCancelled { limit: 2, at }),
            17 if other.is_multiple_of(4) => self.ask(index, ShowCommand::Delete { at }),
            24.. => self.pay(one, other),
            _ => self.step_of_person(kind, one, other),
        }
    }

    fn step_of_person(&mut self, kind: u8, one: u8, other: u8) {
        let place = usize::from(one) % 3;
        if self.erased[place] {
            return;
        }
        let (user_id, at) = (self.people[place], self.now);
        let host_id = self.hosts[usize::from(other) % 2];
        let event_id = self.shows[usize::from(other) % 2].0;
        let event = match kind % KINDS {
            18 => UserEvent::HostFollowed { user_id, host_id, at },
            19 => UserEvent::HostUnfollowed { user_id, host_id, at },
            20 => UserEvent::InterestShown { user_id, event_id, at },
            21 => {
                let channel = [Channel::Inbox, Channel::Email][usize::from(other) % 2];
                let preferences = [(NotificationKind::BookingConfirmed, channel)].into_iter().collect();
                UserEvent::PreferencesChanged { user_id, preferences, at }
            }
            22 => {
                let name = Some(Personal::new(user_id, format!("Ada {other}")));
                UserEvent::UserChanged { user_id, name, email: None, at }
            }
            23 if other.is_multiple_of(8) => {
                self.erased[place] = true;
                UserEvent::UserErased { user_id, role: Role::Attendee, at }
            }
            _ => return,
        };
        self.tell(user_id, event);
    }

    fn take(&mut self, index: usize, other: u8) {
        let (id, show) = &self.shows[index];
        let Some(created) = show.created() else { return };
        let wanted = if index == 0 {
            let types = &created.ticket_types;
            let of = types[usize::from(other) % types.len()].id;
            Wanted::Quantities(vec![(of, 1 + u32::from(other) % 3)])
        } else {
            Wanted::Seats(vec![SeatId::of(*id, u32::from(other) % SEATS)])
        };
        let booking_id = BookingId::new(Uuid::now_v7());
        let attendee_id = self.people[usize::from(other) % 3];
        self.ask(
            index,
            ShowCommand::TakeTickets(TakeTickets { booking_id, attendee_id, wanted, at: self.now }),
        );
    }

    fn of_booking(&mut self, one: u8, command: impl FnOnce(BookingId, UserId) -> ShowCommand) {
        if let Some(place) = usize::from(one).checked_rem(self.bookings.len()) {
            let (id, index, booking) = &self.bookings[place];
            let attendee = booking.placed().unwrap().user_id;
            self.ask(*index, command(*id, attendee));
        }
    }

    /// Other ticket types, or another hall.
    fn offer_otherwise(&mut self, index: usize, other: u8) {
        if index == 1 {
            let plan = hall(2 + u32::from(other) % 2, SEATS / 2, 1_000);
            return self.change(index, |change| change.seating = Some(plan));
        }
        let Some(created) = self.shows[index].1.created() else { return };
        let kept = created.ticket_types.iter().map(|t| TicketTypeChange {
            id: t.id,
            is_new: false,
            name: TicketTypeName::parse(&format!("{} {other}", &t.name.as_str()[..3])).unwrap(),
            price: t.price,
            capacity: t.capacity + 1,
        });
        let new = TicketTypeChange {
            id: TicketTypeId::new(Uuid::now_v7()),
            is_new: true,
            name: TicketTypeName::parse(&format!("Pit {}", self.log.len())).unwrap(),
            price: eur(100),
            capacity: 3,
        };
        // The last one is left out; a rule refuses that while somebody has tickets of it.
        let mut types: Vec<TicketTypeChange> = kept.collect();
        types.truncate(types.len().max(2) - usize::from(other % 2));
        types.push(new);
        self.change(index, |change| change.ticket_types = Some(types));
    }

    fn change(&mut self, index: usize, of: impl FnOnce(&mut ChangeShow)) {
        let mut change = ChangeShow {
            expected_version: None,
            details: DetailsChange::default(),
            capacity: None,
            ticket_types: None,
            seating: None,
            at: self.now,
        };
        of(&mut change);
        self.ask(index, ShowCommand::Change(Box::new(change)));
    }

    fn ask(&mut self, index: usize, command: ShowCommand) {
        for event in self.shows[index].1.decide(command).unwrap_or_default() {
            self.shows[index].1.evolve(event.clone());
            self.store(&StreamId::new("event", self.shows[index].0), &event);
            self.follow(index, &event);
        }
    }

    /// What the show's event means for a booking.
    fn follow(&mut self, index: usize, event: &ShowEvent) {
        let event_id = self.shows[index].0;
        let place = |taken: &Taken, held_until, at| {
            let place = PlaceBooking { event_id, taken: taken.clone(), held_until, at };
            (taken.booking_id, BookingCommand::Place(place))
        };
        let (id, command) = match event {
            ShowEvent::TicketsHeld { taken, held_until, at } => place(taken, Some(*held_until), *at),
            ShowEvent::TicketsSold { taken, at } => place(taken, None, *at),
            &ShowEvent::HoldExtended { booking_id, held_until, at } => {
                (booking_id, BookingCommand::Extend { held_until, at })
            }
            ShowEvent::HoldExpired { taken, at } => (taken.booking_id, BookingCommand::Expire { at: *at }),
            ShowEvent::TicketsReleased { taken, at } => {
                (taken.booking_id, BookingCommand::Cancel { cause: RefundCause::BookingCancelled, at: *at })
            }
            ShowEvent::EventCreated { .. }
            | ShowEvent::EventPublished { .. }
            | ShowEvent::EventChanged { .. }
            | ShowEvent::EventCancelled { .. }
            | ShowEvent::EventDeleted { .. }
            | ShowEvent::SalesStarted { .. } => return,
        };
        let known = self.bookings.iter().position(|(known, ..)| *known == id);
        let known = known.unwrap_or_else(|| {
            self.bookings.push((id, index, Booking::default()));
            self.bookings.len() - 1
        });
        self.tell_booking(known, command);
    }

    fn tell_booking(&mut self, place: usize, command: BookingCommand) {
        let stream = StreamId::new("booking", self.bookings[place].0);
        for event in self.bookings[place].2.decide(command).unwrap() {
            self.bookings[place].2.evolve(event.clone());
            self.store(&stream, &event);
        }
    }

    fn tell(&mut self, user: UserId, event: UserEvent) {
        self.store(&StreamId::new("user", user), &event);
    }

    fn store(&mut self, stream: &StreamId, event: &impl Serialize) {
        let sequence = self.sequences.entry(stream.clone()).or_default();
        *sequence += 1;
        let event = StoredEvent {
            stream: stream.clone(),
            sequence: *sequence,
            event_id: Uuid::now_v7(),
            event_type: String::new(),
            event_version: "1".to_owned(),
            payload: serde_json::to_string(event).unwrap(),
            metadata: "{}".to_owned(),
            recorded_at: self.now,
        };
        let global_position = i64::try_from(self.log.len()).unwrap() + 1;
        self.log.push(LoggedEvent { global_position, event });
    }
}
