//! A show's stream that the rows follow; after every command they must say what the domain says.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{
    BookingId, Money, Price, RowName, SeatId, SectionName, ShowId, TicketTypeId, TicketTypeName, UserId,
    show::{
        ChangeShow, CreateShow, CreatedShow, DetailsChange, OfferedTicketType, PlannedSection, SeatingPlan,
        Show, ShowCommand, ShowStatus, TakeTickets, Wanted,
    },
};
use event_store::StreamId;
use uuid::Uuid;

use crate::{Databases, a_show, details};

/// A show, its stream, and what time it is.
pub(crate) struct Stream<'a> {
    databases: &'a Databases,
    pub(crate) id: ShowId,
    show: Show,
    pub(crate) sequence: i64,
    pub(crate) now: DateTime<Utc>,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(databases: &'a Databases) -> Self {
        // As precise as the rows.
        let now = DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap();
        Self { databases, id: a_show(), show: Show::default(), sequence: 0, now }
    }

    pub(crate) async fn create(&mut self, plan: Option<SeatingPlan>, draft: bool) {
        let (ticket_types, seating) = match plan {
            Some(plan) => plan.first_offer(),
            None => (vec![], vec![]),
        };
        let host_id = UserId::new(Uuid::now_v7());
        let create = CreateShow {
            show_id: self.id,
            host_id,
            details: details("Engines"),
            ticket_types: if seating.is_empty() {
                vec![offered("Floor", 0), offered("Balcony", 2_500)]
            } else {
                ticket_types
            },
            seating,
            draft,
            at: self.now,
        };
        self.run(ShowCommand::Create(Box::new(create))).await;
    }

    /// Decides and appends; the rows follow.
    pub(crate) async fn run(&mut self, command: ShowCommand) -> usize {
        let events = self.show.decide(command).unwrap();
        self.databases.append(self.id, self.sequence, &events).await;
        self.sequence += i64::try_from(events.len()).unwrap();
        let count = events.len();
        events.into_iter().for_each(|event| self.show.evolve(event));
        self.databases.until_applied("events", &StreamId::new("event", self.id), self.sequence).await;
        self.rows_say_the_same().await;
        count
    }

    pub(crate) async fn take(&mut self, wanted: Wanted) -> BookingId {
        let booking_id = BookingId::new(Uuid::now_v7());
        let attendee_id = attendee_of(booking_id);
        self.run(ShowCommand::TakeTickets(TakeTickets { booking_id, attendee_id, wanted, at: self.now }))
            .await;
        booking_id
    }

    pub(crate) async fn change(&mut self, of: impl FnOnce(&mut ChangeShow)) {
        let mut change = ChangeShow {
            expected_version: None,
            details: DetailsChange::default(),
            capacity: None,
            ticket_types: None,
            seating: None,
            at: self.now,
        };
        of(&mut change);
        self.run(ShowCommand::Change(Box::new(change))).await;
    }

    fn created(&self) -> &CreatedShow {
        self.show.created().unwrap()
    }

    pub(crate) fn ticket_type(&self, name: &str) -> TicketTypeId {
        self.created().ticket_types.iter().find(|t| t.name.as_str() == name).unwrap().id
    }

    pub(crate) fn seat(&self, index: u32) -> SeatId {
        SeatId::of(self.id, index)
    }

    async fn rows_say_the_same(&self) {
        let (show, read) = (self.created(), &self.databases.read);
        let (title, status, published, deleted, version): (String, String, bool, bool, i64) =
            sqlx::query_as("select title, status, published, deleted, version from events where id = $1")
                .bind(self.id.uuid())
                .fetch_one(read)
                .await
                .unwrap();
        assert_eq!(title, show.details.title.as_str());
        let expected_status = match show.status {
            ShowStatus::Draft => "draft",
            ShowStatus::Published => "published",
            ShowStatus::Cancelled => "cancelled",
        };
        assert_eq!((status.as_str(), deleted), (expected_status, show.deleted));
        assert!(published || show.status != ShowStatus::Published);
        assert_eq!(version, i64::try_from(show.details_version).unwrap());

        let types: Vec<(Uuid, String, i64, i64, i64, i64)> = sqlx::query_as(
            "select t.id, t.name, t.amount, t.capacity, t.sold,
                    (select coalesce(sum(quantity), 0)::bigint from event_holds h
                     where h.event_id = t.event_id and h.ticket_type_id = t.id)
             from event_ticket_types t where t.event_id = $1 order by t.place",
        )
        .bind(self.id.uuid())
        .fetch_all(read)
        .await
        .unwrap();
        let expected: Vec<_> = show
            .ticket_types
            .iter()
            .map(|t| {
                let (id, name) = (t.id.uuid(), t.name.as_str().to_owned());
                (id, name, t.price.amount, t.capacity.into(), t.sold.into(), t.held.into())
            })
            .collect();
        assert_eq!(types, expected);

        let seats: Vec<(i64, Uuid)> = sqlx::query_as(
            "select seat_index, booking_id from event_seats where event_id = $1 and booking_id is not null",
        )
        .bind(self.id.uuid())
        .fetch_all(read)
        .await
        .unwrap();
        let seats: BTreeMap<u32, Uuid> =
            seats.into_iter().map(|(index, owner)| (u32::try_from(index).unwrap(), owner)).collect();
        let expected: BTreeMap<u32, Uuid> =
            (0..200).filter_map(|index| Some((index, show.owner_of(self.seat(index))?.uuid()))).collect();
        assert_eq!(seats, expected);
    }

    /// When a booking's hold lapses, by its tickets and by its seats.
    pub(crate) async fn held_until(&self, booking: BookingId) -> Vec<DateTime<Utc>> {
        sqlx::query_scalar(
            "select distinct held_until from event_holds where booking_id = $1
             union select distinct held_until from event_seats where booking_id = $1",
        )
        .bind(booking.uuid())
        .fetch_all(&self.databases.read)
        .await
        .unwrap()
    }

    /// The sequences at which details, seats and status last became others.
    pub(crate) async fn sequences(&self) -> (i64, Option<i64>, Option<i64>) {
        sqlx::query_as(
            "select details_sequence, seating_sequence, cancelled_sequence from events where id = $1",
        )
        .bind(self.id.uuid())
        .fetch_one(&self.databases.read)
        .await
        .unwrap()
    }
}

pub(crate) fn eur(amount: i64) -> Money {
    Price::parse(amount, "EUR").unwrap().money()
}

pub(crate) fn offered(name: &str, amount: i64) -> OfferedTicketType {
    let name = TicketTypeName::parse(name).unwrap();
    let id = TicketTypeId::new(Uuid::now_v7());
    OfferedTicketType { id, name, price: eur(amount), capacity: 20 }
}

pub(crate) fn hall(rows: u32, seats: u32, amount: i64) -> SeatingPlan {
    SeatingPlan(vec![PlannedSection {
        name: SectionName::parse("Stalls").unwrap(),
        ticket_type: TicketTypeName::parse("Stalls").unwrap(),
        price: eur(amount),
        ticket_type_id: TicketTypeId::new(Uuid::now_v7()),
        rows: (0..rows).map(|row| (RowName::parse(&format!("R{row}")).unwrap(), seats)).collect(),
    }])
}

/// Every booking here is another attendee's.
pub(crate) fn attendee_of(booking_id: BookingId) -> UserId {
    UserId::new(booking_id.uuid())
}
