//! Shows as the domain decides about them, and their rows as the projector writes them.

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::DomainEvent;
use domain::{
    BookingId, Price, RowName, SeatId, SectionName, ShowId, TicketTypeId, TicketTypeName, TimeZone, Title,
    UserId,
    show::{
        ChangeShow, CreateShow, DetailsChange, OfferedTicketType, PlannedSection, Schedule, SeatingPlan,
        Show, ShowCommand, ShowDetails, ShowEvent, TakeTickets, Wanted,
    },
};
use event_store::{StoredEvent, StreamId};
use projector::{Projection, projections::Events};
use uuid::Uuid;

use crate::{
    app::{App, Person},
    rows::set_applied,
};

/// How long holds of these shows last.
pub(crate) const HOLD: TimeDelta = TimeDelta::seconds(900);

/// A show and the rows of its events.
pub(crate) struct Staged<'a> {
    app: &'a App,
    pub(crate) id: Uuid,
    show: Show,
    sequence: i64,
}

impl<'a> Staged<'a> {
    /// 20 tickets at 25 EUR.
    pub(crate) async fn general_admission(app: &'a App) -> Self {
        let name = TicketTypeName::parse("Floor").unwrap();
        let id = TicketTypeId::new(Uuid::now_v7());
        let offered = OfferedTicketType { id, name, price: eur(2_500), capacity: 20 };
        Self::create(app, vec![offered], None, None).await
    }

    /// Rows of so many seats at 25 EUR each.
    pub(crate) async fn hall(app: &'a App, rows: u32, seats: u32) -> Self {
        Self::create(app, vec![], Some(hall(rows, seats)), None).await
    }

    /// A hall that its host alone sees.
    pub(crate) async fn draft(app: &'a App, host: &Person) -> Self {
        Self::create(app, vec![], Some(hall(1, 2)), Some(host)).await
    }

    async fn create(
        app: &'a App,
        mut ticket_types: Vec<OfferedTicketType>,
        plan: Option<SeatingPlan>,
        draft_of: Option<&Person>,
    ) -> Self {
        let id = Uuid::now_v7();
        let mut staged = Self { app, id, show: Show::default(), sequence: 0 };
        let mut seating = vec![];
        if let Some(plan) = plan {
            (ticket_types, seating) = plan.first_offer();
        }
        let create = CreateShow {
            show_id: ShowId::new(id),
            host_id: UserId::new(draft_of.map_or_else(Uuid::now_v7, |host| host.id)),
            details: details(),
            ticket_types,
            seating,
            draft: draft_of.is_some(),
            at: Utc::now() - HOLD * 2,
        };
        staged.run(ShowCommand::Create(Box::new(create))).await;
        staged
    }

    pub(crate) async fn run(&mut self, command: ShowCommand) {
        let events = self.show.decide(command).unwrap();
        let mut tx = self.app.rows.begin().await.unwrap();
        for event in &events {
            self.sequence += 1;
            Events.apply_in_tx(&mut tx, std::slice::from_ref(&self.stored(event))).await.unwrap();
        }
        sqlx::query(
            "insert into events_applied values ('event', $1, $2)
             on conflict (stream_type, stream_id) do update set sequence = excluded.sequence",
        )
        .bind(self.id.to_string())
        .bind(self.sequence)
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
        events.into_iter().for_each(|event| self.show.evolve(event));
    }

    fn stored(&self, event: &ShowEvent) -> StoredEvent {
        StoredEvent {
            stream: StreamId::new("event", self.id),
            sequence: self.sequence,
            event_id: Uuid::now_v7(),
            event_type: event.event_type(),
            event_version: event.event_version(),
            payload: serde_json::to_string(event).unwrap(),
            metadata: "{}".to_owned(),
            recorded_at: Utc::now(),
        }
    }

    /// Holds a ticket, as if that had been at another time.
    pub(crate) async fn hold_one(&mut self, at: DateTime<Utc>) -> BookingId {
        self.take(Wanted::OneTicket, at).await
    }

    /// Holds seats, as if that had been at another time.
    pub(crate) async fn hold_seats(&mut self, indexes: &[u32], at: DateTime<Utc>) -> BookingId {
        let seats = indexes.iter().map(|index| SeatId::of(ShowId::new(self.id), *index)).collect();
        self.take(Wanted::Seats(seats), at).await
    }

    async fn take(&mut self, wanted: Wanted, at: DateTime<Utc>) -> BookingId {
        let booking_id = BookingId::new(Uuid::now_v7());
        let attendee_id = attendee_of(booking_id);
        self.run(ShowCommand::TakeTickets(TakeTickets { booking_id, attendee_id, wanted, at })).await;
        booking_id
    }

    pub(crate) async fn release(&mut self, booking_id: BookingId) {
        self.run(ShowCommand::ReleaseTickets {
            booking_id,
            attendee_id: attendee_of(booking_id),
            at: Utc::now(),
        })
        .await;
    }

    /// Another title, and other seats if these are given.
    pub(crate) async fn change(&mut self, title: &str, seating: Option<SeatingPlan>) {
        let details = DetailsChange { title: Some(Title::parse(title).unwrap()), ..DetailsChange::default() };
        let (capacity, ticket_types, expected_version, at) = (None, None, None, Utc::now());
        let change = ChangeShow { expected_version, details, capacity, ticket_types, seating, at };
        self.run(ShowCommand::Change(Box::new(change))).await;
    }

    /// The sale starts at this time.
    pub(crate) async fn sell_from(&mut self, start: DateTime<Utc>) {
        let details = DetailsChange { sales_start: Some(Some(start)), ..DetailsChange::default() };
        let (capacity, ticket_types, expected_version, at) = (None, None, None, Utc::now());
        let change = ChangeShow { expected_version, details, capacity, ticket_types, seating: None, at };
        self.run(ShowCommand::Change(Box::new(change))).await;
    }

    /// As if the rows had been lost and made anew, as far as an earlier place.
    pub(crate) async fn forget_sequence(&self) {
        set_applied(&self.app.rows, "events", "event", self.id, 1).await;
    }

    pub(crate) fn path(&self, of_event: &str) -> String {
        format!("/api/v1/events/{}/{of_event}", self.id)
    }
}

fn eur(amount: i64) -> domain::Money {
    Price::parse(amount, "EUR").unwrap().money()
}

fn details() -> ShowDetails {
    let start = Utc::now() + TimeDelta::days(1);
    ShowDetails {
        title: Title::parse("Engines").unwrap(),
        description: None,
        venue: None,
        schedule: Schedule::parse(start, start + TimeDelta::hours(1), None, None).unwrap(),
        time_zone: TimeZone::UTC,
        max_tickets_per_booking: 100,
        hold_seconds: u32::try_from(HOLD.num_seconds()).unwrap(),
    }
}

/// Rows of so many seats, all in the stalls.
pub(crate) fn hall(rows: u32, seats: u32) -> SeatingPlan {
    SeatingPlan(vec![PlannedSection {
        name: SectionName::parse("Stalls").unwrap(),
        ticket_type: TicketTypeName::parse("Stalls").unwrap(),
        price: eur(2_500),
        ticket_type_id: TicketTypeId::new(Uuid::now_v7()),
        rows: (0..rows).map(|row| (RowName::parse(&format!("R{row}")).unwrap(), seats)).collect(),
    }])
}

/// Every booking here is another attendee's.
pub(crate) fn attendee_of(booking_id: BookingId) -> UserId {
    UserId::new(booking_id.uuid())
}
