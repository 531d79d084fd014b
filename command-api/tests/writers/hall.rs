//! A show on a database of its own, and what attendees do with it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use command_api::{OrderError, ShowOrder, ShowWriters};
use domain::{
    BookingId, Money, ShowId, TicketTypeId, TicketTypeName, TimeZone, Title, UserId,
    show::{CreateShow, OfferedTicketType, Schedule, Show, ShowCommand, ShowDetails, ShowEvent, Wanted},
};
use event_store::{
    CommandContext, CommandId, EventStore, MasterKey, Metadata, NewReceipt, NoCompanion, StoredEvent,
    StreamId,
};
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

/// The write database, and a show in it that is free of charge.
pub(crate) struct Hall {
    pub(crate) store: EventStore,
    pub(crate) show_id: ShowId,
}

/// An attendee with the booking that they will make.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buyer {
    pub(crate) attendee_id: UserId,
    pub(crate) booking_id: BookingId,
}

impl Buyer {
    pub(crate) fn new() -> Self {
        // The last byte of a fresh UUID is random, so that buyers are in different parts.
        Self { attendee_id: UserId::new(Uuid::now_v7()), booking_id: BookingId::new(Uuid::now_v7()) }
    }

    pub(crate) fn booking_again(self) -> Self {
        Self { booking_id: BookingId::new(Uuid::now_v7()), ..self }
    }

    pub(crate) fn place(self) -> ShowOrder {
        let Self { attendee_id, booking_id } = self;
        ShowOrder::Place { booking_id, attendee_id, wanted: Wanted::OneTicket }
    }

    pub(crate) fn cancel(self) -> ShowOrder {
        let Self { attendee_id, booking_id } = self;
        ShowOrder::CancelBooking { booking_id, attendee_id }
    }
}

impl Hall {
    pub(crate) async fn with(capacity: u32) -> Self {
        let database = testkit::postgres::database("writers").await;
        let pool = PgPoolOptions::new().max_connections(16).connect(database.url()).await.unwrap();
        EventStore::migrate(&pool).await.unwrap();
        let key = MasterKey::parse(&MasterKey::generate()).unwrap();
        Self::in_store(EventStore::new(pool, Arc::new(key)), capacity).await
    }

    /// Another show in the same database.
    pub(crate) async fn and_with(&self, capacity: u32) -> Self {
        Self::in_store(self.store.clone(), capacity).await
    }

    async fn in_store(store: EventStore, capacity: u32) -> Self {
        let show_id = ShowId::new(Uuid::now_v7());
        let create = ShowCommand::Create(Box::new(new_show(show_id, capacity)));
        let context = CommandContext::default();
        store.execute::<Show>(&show_id.to_string(), create, &context, &NoCompanion).await.unwrap();
        Self { store, show_id }
    }

    pub(crate) fn process(&self) -> ShowWriters {
        ShowWriters::new(self.store.clone())
    }

    pub(crate) async fn order(&self, process: &ShowWriters, order: ShowOrder) -> Result<(), OrderError> {
        process.submit(self.show_id, order, None, CommandContext::default()).await.map(drop)
    }

    /// Many at once, each of whom must get a ticket.
    pub(crate) async fn sell(&self, process: &ShowWriters, buyers: &[Buyer]) {
        let orders = buyers.iter().map(|buyer| self.order(process, buyer.place()));
        for outcome in futures::future::join_all(orders).await {
            outcome.unwrap();
        }
    }

    pub(crate) async fn stream(&self) -> Vec<StoredEvent> {
        self.store.read_stream(&StreamId::new("event", self.show_id)).await.unwrap().events
    }

    /// The show, folded from its first event on; at every prefix it has sold no more than there is.
    pub(crate) async fn folded(&self) -> Show {
        let mut show = Show::default();
        for (stored, sequence) in self.stream().await.iter().zip(1..) {
            assert_eq!(stored.sequence, sequence);
            show.evolve(stored.decode::<ShowEvent>().unwrap());
            let created = show.created().unwrap();
            assert!(created.sold() <= created.capacity());
        }
        show
    }
}

pub(crate) fn with_receipt(number: u8) -> CommandContext {
    let receipt = NewReceipt { command_id: CommandId([number; 32]), body_hash: [0; 32], lifetime: None };
    CommandContext { metadata: Metadata::default(), receipt: Some(receipt) }
}

fn new_show(show_id: ShowId, capacity: u32) -> CreateShow {
    let now: DateTime<Utc> = Utc::now();
    let start = now + TimeDelta::days(30);
    CreateShow {
        show_id,
        host_id: UserId::new(Uuid::now_v7()),
        details: ShowDetails {
            title: Title::parse("An evening of engines").unwrap(),
            description: None,
            venue: None,
            schedule: Schedule::parse(start, start + TimeDelta::hours(2), None, None).unwrap(),
            time_zone: TimeZone::UTC,
            max_tickets_per_booking: 10,
            hold_seconds: 900,
        },
        ticket_types: vec![OfferedTicketType {
            id: TicketTypeId::new(Uuid::now_v7()),
            name: TicketTypeName::parse("Standing").unwrap(),
            price: Money::FREE,
            capacity,
        }],
        seating: vec![],
        draft: false,
        at: now,
    }
}
