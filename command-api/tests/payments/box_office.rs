//! A show with one ticket, a booking that holds it, and what may happen to both.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use command_api::{HostOrder, NotPaid, OrderError, Paid, Payments, Progress, ShowOrder, ShowWriters};
use domain::{
    BookingId, Currency, Money, PaymentId, ShowId, TicketTypeId, TicketTypeName, TimeZone, Title, UserId,
    booking::{
        Booking, BookingCommand, BookingEvent, BookingStatus, PaymentCommand, PaymentState, PaymentStep,
        PlacedBooking, RefundState,
    },
    show::{CreateShow, OfferedTicketType, Schedule, Show, ShowCommand, ShowDetails, ShowEvent, Wanted},
};
use event_store::{
    Append, CommandContext, EventStore, MasterKey, Metadata, NewEvent, NoCompanion, StreamAppend, StreamId,
};
use payments::{
    About, Gateway, MemoryLedger, NewPayment, NewRefund, PaymentMethod, PaymentStanding, RefundStanding,
    TestGateway,
};
use sqlx::postgres::PgPoolOptions;
use tokio::{sync::OnceCell, task::JoinHandle};
use uuid::Uuid;

use crate::gate::Gate;

pub(crate) const PRICE: i64 = 2_500;

const HOLD_SECONDS: u32 = 900;

/// More steps than any interleaving takes.
const MAX_DRIVES: usize = 20;

pub(crate) struct BoxOffice {
    store: EventStore,
    pub(crate) ledger: MemoryLedger,
    show_id: ShowId,
    pub(crate) booking_id: BookingId,
    attendee_id: UserId,
}

/// One database for all of them; each has a show of its own.
async fn store() -> EventStore {
    static URL: OnceCell<String> = OnceCell::const_new();
    let make = || async {
        let database = testkit::postgres::database("payments").await;
        let url = database.url().to_owned();
        let pool = PgPoolOptions::new().connect(&url).await.unwrap();
        EventStore::migrate(&pool).await.unwrap();
        // It lasts as long as the tests do.
        std::mem::forget(database);
        url
    };
    let url = URL.get_or_init(make).await;
    let pool = PgPoolOptions::new().max_connections(8).connect(url).await.unwrap();
    let key = MasterKey::parse("dGVzdCB0ZXN0IHRlc3QgdGVzdCB0ZXN0IHRlc3QgISE=").unwrap();
    EventStore::new(pool, Arc::new(key))
}

impl BoxOffice {
    pub(crate) async fn open() -> Self {
        Self::holding_for(HOLD_SECONDS).await
    }

    /// One whose holds are as long as this.
    pub(crate) async fn holding_for(hold_seconds: u32) -> Self {
        Self::in_store(store().await, hold_seconds).await
    }

    /// Another show of the same box office.
    pub(crate) async fn another(&self) -> Self {
        Self::in_store(self.store.clone(), HOLD_SECONDS).await
    }

    async fn in_store(store: EventStore, hold_seconds: u32) -> Self {
        let office = Self::before_the_booking(store, hold_seconds).await;
        office.place().await;
        office
    }

    /// One, and writers that knew its show before the booking, which they had no part in.
    pub(crate) async fn known_before() -> (Self, ShowWriters) {
        let office = Self::before_the_booking(store().await, HOLD_SECONDS).await;
        let writers = ShowWriters::new(office.store.clone());
        let look = ShowOrder::ExpireHolds { limit: 1 };
        writers.submit(office.show_id, look, None, CommandContext::default()).await.unwrap();
        office.place().await;
        (office, writers)
    }

    async fn before_the_booking(store: EventStore, hold_seconds: u32) -> Self {
        let show_id = ShowId::new(Uuid::now_v7());
        let create = ShowCommand::Create(Box::new(new_show(show_id, hold_seconds)));
        let context = CommandContext::default();
        store.execute::<Show>(&show_id.to_string(), create, &context, &NoCompanion).await.unwrap();
        let (booking_id, attendee_id) = (BookingId::new(Uuid::now_v7()), UserId::new(Uuid::now_v7()));
        Self { store, ledger: MemoryLedger::default(), show_id, booking_id, attendee_id }
    }

    async fn place(&self) {
        let (booking_id, attendee_id) = (self.booking_id, self.attendee_id);
        self.order(ShowOrder::Place { booking_id, attendee_id, wanted: Wanted::OneTicket }).await.unwrap();
    }

    /// Another process that knows nothing but the database and the gateway.
    pub(crate) fn process(&self, gateway: Arc<dyn Gateway>) -> Payments {
        self.process_with(ShowWriters::new(self.store.clone()), gateway)
    }

    fn process_with(&self, writers: ShowWriters, gateway: Arc<dyn Gateway>) -> Payments {
        Payments::new(self.store.clone(), writers, gateway)
    }

    pub(crate) fn ungated(&self) -> Arc<TestGateway<MemoryLedger>> {
        Arc::new(TestGateway::on(self.ledger.clone()))
    }

    pub(crate) async fn now(&self) -> DateTime<Utc> {
        self.store.now().await.unwrap()
    }

    pub(crate) async fn order(&self, order: ShowOrder) -> Result<(), OrderError> {
        let writers = ShowWriters::new(self.store.clone());
        writers.submit(self.show_id, order, None, CommandContext::default()).await.map(drop)
    }

    // What may happen.

    /// In a process of its own, which may die. Whose accounts exist does not matter here.
    pub(crate) async fn pay(&self, gate: &Arc<Gate>, card: &str) -> JoinHandle<Result<Paid, NotPaid>> {
        self.register().await;
        let payments = self.process(gate.clone());
        let (booking, method) = (self.booking().await, PaymentMethod::parse(card).unwrap());
        tokio::spawn(async move {
            let payment_id = PaymentId::new(Uuid::now_v7());
            payments.pay(&booking, payment_id, method, CommandContext::default()).await
        })
    }

    /// The same through another gateway, to the end.
    pub(crate) async fn pay_through(&self, gateway: Arc<dyn Gateway>, card: &str) -> Result<Paid, NotPaid> {
        self.register().await;
        let (booking, method) = (self.booking().await, PaymentMethod::parse(card).unwrap());
        let payment_id = PaymentId::new(Uuid::now_v7());
        self.process(gateway).pay(&booking, payment_id, method, CommandContext::default()).await
    }

    async fn register(&self) {
        sqlx::query(
            "insert into accounts (user_id, email_hash, password_hash) values ($1, $2, '') on conflict do nothing",
        )
        .bind(self.attendee_id.uuid())
        .bind(self.attendee_id.uuid().as_bytes().to_vec())
        .execute(self.store.pool())
        .await
        .unwrap();
    }

    pub(crate) async fn cancel(&self) {
        let (booking_id, attendee_id) = (self.booking_id, self.attendee_id);
        self.order(ShowOrder::CancelBooking { booking_id, attendee_id }).await.unwrap();
    }

    pub(crate) async fn cancel_event(&self) {
        let order = ShowOrder::OfHost { host_id: None, order: HostOrder::Cancel };
        self.order(order).await.unwrap();
    }

    /// What follows the end of an event, a little later.
    pub(crate) async fn release(&self) {
        self.order(ShowOrder::ReleaseCancelled { limit: 10 }).await.unwrap();
    }

    /// As if the time had passed: the hold and the booking have expired. Nothing if nothing is held any more.
    pub(crate) async fn expire(&self) {
        let at = self.store.now().await.unwrap();
        let (show, _) = self.store.load::<Show>(&self.show_id.to_string()).await.unwrap();
        let (booking, _) = self.store.load::<Booking>(&self.booking_id.to_string()).await.unwrap();
        let placed = booking.placed().unwrap();
        if placed.status != BookingStatus::Held || show.created().unwrap().sold() > 0 {
            return;
        }
        let lapsed = ShowEvent::HoldExpired { taken: placed.taken(), at };
        let expired = booking.decide(BookingCommand::Expire { at }).unwrap();
        self.append(&expired, &[lapsed]).await;
    }

    /// As if this had been written down at another time, by somebody who died then; and with it what the show did.
    pub(crate) async fn write_down(&self, step: PaymentStep, at: DateTime<Utc>) {
        let (booking, _) = self.store.load::<Booking>(&self.booking_id.to_string()).await.unwrap();
        let (show, _) = self.store.load::<Show>(&self.show_id.to_string()).await.unwrap();
        let command = PaymentCommand { step, at };
        let of_show = command.of_show(booking.placed().unwrap());
        let of_show = of_show.map(|of_show| show.decide(of_show).unwrap()).unwrap_or_default();
        let of_booking = booking.decide(BookingCommand::Pay(command)).unwrap();
        self.append(&of_booking, &of_show).await;
    }

    async fn append(&self, of_booking: &[BookingEvent], of_show: &[ShowEvent]) {
        let (_, booking) = self.store.load::<Booking>(&self.booking_id.to_string()).await.unwrap();
        let (_, show) = self.store.load::<Show>(&self.show_id.to_string()).await.unwrap();
        let metadata = Metadata::default();
        let of_booking = StreamAppend {
            stream: StreamId::new("booking", self.booking_id),
            expected_sequence: booking,
            events: of_booking.iter().map(|event| NewEvent::from_domain(event, &metadata)).collect(),
        };
        let of_show = StreamAppend {
            stream: StreamId::new("event", self.show_id),
            expected_sequence: show,
            events: of_show.iter().map(|event| NewEvent::from_domain(event, &metadata)).collect(),
        };
        let mut streams = vec![of_booking, of_show];
        streams.retain(|stream| !stream.events.is_empty());
        self.store.append(&[Append { streams, receipt: None }]).await.unwrap();
    }

    /// Somebody else takes the ticket; whether it was free.
    pub(crate) async fn somebody_else_books(&self) -> bool {
        let (booking_id, attendee_id) = (BookingId::new(Uuid::now_v7()), UserId::new(Uuid::now_v7()));
        let place = ShowOrder::Place { booking_id, attendee_id, wanted: Wanted::OneTicket };
        self.order(place).await.is_ok()
    }

    /// What a webhook, or the process manager, does.
    pub(crate) async fn hear(&self) {
        self.process(self.ungated()).drive(self.booking_id).await.unwrap();
    }

    /// Everything that is left is driven to its end, as if a long time had passed.
    pub(crate) async fn settle(&self) {
        self.settle_with(ShowWriters::new(self.store.clone())).await;
    }

    /// The same by a process that has these writers.
    pub(crate) async fn settle_with(&self, writers: ShowWriters) {
        let payments = self.process_with(writers, self.ungated()).abandoning_after(TimeDelta::zero());
        for _ in 0..MAX_DRIVES {
            if payments.drive(self.booking_id).await.unwrap() == Progress::Settled {
                return;
            }
        }
        panic!("it does not settle: {:?}", self.booking().await);
    }

    // What has come of it.

    pub(crate) async fn booking(&self) -> PlacedBooking {
        let (booking, _) = self.store.load::<Booking>(&self.booking_id.to_string()).await.unwrap();
        booking.placed().unwrap().clone()
    }

    /// Invariant I8, by the gateway's ledger and the streams.
    pub(crate) async fn money_and_tickets_agree(&self) {
        let booking = self.booking().await;
        let gateway = self.ungated();
        let mut kept = 0;
        for payment in &booking.payments {
            let Some(found) = gateway.find_payment(payment.id.uuid()).await.unwrap() else { continue };
            assert_ne!(found.standing, PaymentStanding::Authorised, "money stays set aside: {payment:?}");
            let is_captured = found.standing == PaymentStanding::Captured;
            assert_eq!(payment.state == PaymentState::Captured, is_captured, "{payment:?}");
            kept += if is_captured { payment.amount.amount } else { 0 };
            for refund in booking.refunds.iter().filter(|refund| refund.payment_id == payment.id) {
                let asked_for = NewRefund {
                    refund_id: refund.id.uuid(),
                    resumed: refund.resumed,
                    reference: found.reference.clone(),
                    about: About { booking_id: self.booking_id.uuid(), event_id: self.show_id.uuid() },
                    amount: refund.amount.amount,
                    currency: refund.amount.currency.code().to_owned(),
                };
                let made = gateway.find_refund(&asked_for).await.unwrap();
                let is_made = made.is_some_and(|made| made.standing == RefundStanding::Made);
                assert_eq!(refund.state == RefundState::Made, is_made, "{refund:?}");
                kept -= if is_made { refund.amount.amount } else { 0 };
            }
        }
        let is_confirmed = booking.status == BookingStatus::Confirmed;
        assert_eq!(kept, if is_confirmed { PRICE } else { 0 }, "{booking:?}");
        let (show, _) = self.store.load::<Show>(&self.show_id.to_string()).await.unwrap();
        assert_eq!(show.created().unwrap().sold(), u32::from(is_confirmed), "{booking:?}");
    }
}

/// At the gateway it went further, before whoever drives the attempt here knew of it.
pub(crate) async fn authorised_at(
    gateway: &dyn Gateway,
    office: &BoxOffice,
    payment_id: PaymentId,
) -> String {
    let booking = office.booking().await;
    let about = About { booking_id: booking.id.uuid(), event_id: booking.event_id.uuid() };
    let (payment_id, currency) = (payment_id.uuid(), "EUR".to_owned());
    let opened = gateway.open(&NewPayment { payment_id, about, amount: PRICE, currency }).await.unwrap();
    let method = PaymentMethod::parse("pm_card_visa").unwrap();
    gateway.authorise(payment_id, &opened.reference, &method).await.unwrap();
    opened.reference
}

fn new_show(show_id: ShowId, hold_seconds: u32) -> CreateShow {
    let now = Utc::now();
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
            hold_seconds,
        },
        ticket_types: vec![OfferedTicketType {
            id: TicketTypeId::new(Uuid::now_v7()),
            name: TicketTypeName::parse("Standing").unwrap(),
            price: Money { amount: PRICE, currency: Currency::EUR },
            capacity: 1,
        }],
        seating: vec![],
        draft: false,
        at: now,
    }
}
