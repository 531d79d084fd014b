//! Bookings whose money is due, and a gateway that does not always send it back.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use command_api::{Paid, Payments, ShowOrder, ShowWriters};
use domain::{
    BookingId, Currency, Money, PaymentId, ShowId, TicketTypeId, TicketTypeName, TimeZone, Title, UserId,
    booking::{Booking, PaymentStep, PlacedBooking, Refund},
    show::{CreateShow, OfferedTicketType, Schedule, Show, ShowCommand, ShowDetails, Wanted},
};
use event_store::{CommandContext, EventStore, MasterKey, NoCompanion};
use payments::{
    About, Gateway, GatewayError, GatewayPayment, GatewayRefund, MemoryLedger, NewPayment, NewRefund,
    PaymentMethod, TestGateway,
};
use processes::Processes;
use sqlx::PgPool;
use testkit::postgres::TestDatabase;
use uuid::Uuid;

const PRICE: i64 = 2_500;

/// What becomes of a refund that is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Refunds {
    /// The test gateway makes it.
    AreMade,
    /// This, and nothing is made.
    Answer(Result<GatewayRefund, GatewayError>),
}

/// The test gateway, but a test says what becomes of refunds.
#[derive(Debug)]
pub(crate) struct Refunder {
    gateway: TestGateway<MemoryLedger>,
    refunds: Mutex<Refunds>,
    /// So many calls are never answered.
    hanging: AtomicU32,
    asked: AtomicU32,
}

impl Refunder {
    pub(crate) fn whose(refunds: Refunds) -> Arc<Self> {
        let gateway = TestGateway::on(MemoryLedger::default());
        let (hanging, asked) = (AtomicU32::new(0), AtomicU32::new(0));
        Arc::new(Self { gateway, refunds: Mutex::new(refunds), hanging, asked })
    }

    /// The first calls are never answered.
    pub(crate) fn hanging(calls: u32) -> Arc<Self> {
        let refunder = Self::whose(Refunds::AreMade);
        refunder.hanging.store(calls, Ordering::Relaxed);
        refunder
    }

    /// From now on.
    pub(crate) fn becomes(&self, refunds: Refunds) {
        *self.refunds.lock().unwrap() = refunds;
    }

    /// How often a refund was asked for.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Gateway for Refunder {
    async fn open(&self, payment: &NewPayment) -> Result<GatewayPayment, GatewayError> {
        self.gateway.open(payment).await
    }

    async fn authorise(
        &self,
        payment_id: Uuid,
        reference: &str,
        method: &PaymentMethod,
    ) -> Result<GatewayPayment, GatewayError> {
        self.gateway.authorise(payment_id, reference, method).await
    }

    async fn payment(&self, reference: &str) -> Result<GatewayPayment, GatewayError> {
        self.gateway.payment(reference).await
    }

    async fn find_payment(&self, payment_id: Uuid) -> Result<Option<GatewayPayment>, GatewayError> {
        self.gateway.find_payment(payment_id).await
    }

    async fn capture(&self, payment_id: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError> {
        self.gateway.capture(payment_id, reference).await
    }

    async fn void(&self, payment_id: Uuid, reference: &str) -> Result<GatewayPayment, GatewayError> {
        self.gateway.void(payment_id, reference).await
    }

    async fn refund(&self, refund: &NewRefund) -> Result<GatewayRefund, GatewayError> {
        let nth = self.asked.fetch_add(1, Ordering::Relaxed);
        if nth < self.hanging.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let refunds = self.refunds.lock().unwrap().clone();
        match refunds {
            Refunds::AreMade => self.gateway.refund(refund).await,
            Refunds::Answer(answer) => answer,
        }
    }

    async fn find_refund(&self, refund: &NewRefund) -> Result<Option<GatewayRefund>, GatewayError> {
        self.gateway.find_refund(refund).await
    }
}

/// A show, and bookings of it whose money is due, and noted as such.
pub(crate) struct BoxOffice {
    pub(crate) store: EventStore,
    gateway: Arc<dyn Gateway>,
    show_id: ShowId,
    _database: TestDatabase,
}

impl BoxOffice {
    pub(crate) async fn through(gateway: &Arc<Refunder>) -> Self {
        let database = testkit::postgres::database("settling").await;
        let pool = PgPool::connect(database.url()).await.unwrap();
        EventStore::migrate(&pool).await.unwrap();
        let key = MasterKey::parse("dGVzdCB0ZXN0IHRlc3QgdGVzdCB0ZXN0IHRlc3QgISE=").unwrap();
        let store = EventStore::new(pool, Arc::new(key));
        let (show_id, gateway) = (ShowId::new(Uuid::now_v7()), gateway.clone() as Arc<dyn Gateway>);
        let create = ShowCommand::Create(Box::new(new_show(show_id)));
        let context = CommandContext::default();
        store.execute::<Show>(&show_id.to_string(), create, &context, &NoCompanion).await.unwrap();
        Self { store, gateway, show_id, _database: database }
    }

    /// A booking that was paid and cancelled: its refund is due.
    pub(crate) async fn refunding(&self) -> BookingId {
        let (booking_id, attendee_id) = self.held().await;
        let payments = Payments::new(self.store.clone(), self.writers(), Arc::clone(&self.gateway));
        let card = PaymentMethod::parse("pm_card_visa").unwrap();
        let payment_id = PaymentId::new(Uuid::now_v7());
        let booking = self.booking(booking_id).await;
        let paid = payments.pay(&booking, payment_id, card, CommandContext::default()).await;
        assert!(matches!(paid, Ok(Paid::Confirmed { .. })), "{paid:?}");
        self.order(ShowOrder::CancelBooking { booking_id, attendee_id }).await;
        self.note_due(booking_id, true).await;
        booking_id
    }

    /// A booking to whose payment the bank has agreed, when whoever asked it died.
    pub(crate) async fn undecided(&self) -> BookingId {
        let (booking_id, _) = self.held().await;
        let payment_id = PaymentId::new(Uuid::now_v7());
        self.order(ShowOrder::Pay { booking_id, step: PaymentStep::Start { payment_id } }).await;
        let about = About { booking_id: booking_id.uuid(), event_id: self.show_id.uuid() };
        let (id, currency) = (payment_id.uuid(), "EUR".to_owned());
        let new = NewPayment { payment_id: id, about, amount: PRICE, currency };
        let opened = self.gateway.open(&new).await.unwrap();
        let card = PaymentMethod::parse("pm_card_visa").unwrap();
        self.gateway.authorise(id, &opened.reference, &card).await.unwrap();
        self.note_due(booking_id, false).await;
        booking_id
    }

    async fn held(&self) -> (BookingId, UserId) {
        let (booking_id, attendee_id) = (BookingId::new(Uuid::now_v7()), UserId::new(Uuid::now_v7()));
        sqlx::query("insert into accounts (user_id, email_hash, password_hash) values ($1, $2, '')")
            .bind(attendee_id.uuid())
            .bind(attendee_id.uuid().as_bytes().to_vec())
            .execute(self.store.pool())
            .await
            .unwrap();
        self.order(ShowOrder::Place { booking_id, attendee_id, wanted: Wanted::OneTicket }).await;
        (booking_id, attendee_id)
    }

    async fn note_due(&self, booking_id: BookingId, is_refund: bool) {
        sqlx::query(
            "insert into payments_due (booking_id, is_refund, due_at, sequence)
             values ($1, $2, clock_timestamp(), 1000)",
        )
        .bind(booking_id.uuid())
        .bind(is_refund)
        .execute(self.store.pool())
        .await
        .unwrap();
    }

    /// Whatever is put off is due now.
    pub(crate) async fn hurry(&self) {
        sqlx::query("update payments_due set due_at = clock_timestamp()")
            .execute(self.store.pool())
            .await
            .unwrap();
    }

    fn writers(&self) -> ShowWriters {
        ShowWriters::new(self.store.clone())
    }

    async fn order(&self, order: ShowOrder) {
        self.writers().submit(self.show_id, order, None, CommandContext::default()).await.unwrap();
    }

    pub(crate) fn processes(&self) -> Processes {
        Processes::new(self.store.clone(), None).paid_through(Arc::clone(&self.gateway))
    }

    pub(crate) async fn booking(&self, id: BookingId) -> PlacedBooking {
        let (booking, _) = self.store.load::<Booking>(&id.to_string()).await.unwrap();
        booking.placed().unwrap().clone()
    }

    pub(crate) async fn refund(&self, id: BookingId) -> Refund {
        self.booking(id).await.refunds[0].clone()
    }

    /// How often it failed in a row, and whether it is put off, as it is noted.
    pub(crate) async fn noted(&self, id: BookingId) -> (i32, bool) {
        sqlx::query_as("select tries, due_at > clock_timestamp() from payments_due where booking_id = $1")
            .bind(id.uuid())
            .fetch_one(self.store.pool())
            .await
            .unwrap()
    }
}

fn new_show(show_id: ShowId) -> CreateShow {
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
            hold_seconds: 900,
        },
        ticket_types: vec![OfferedTicketType {
            id: TicketTypeId::new(Uuid::now_v7()),
            name: TicketTypeName::parse("Standing").unwrap(),
            price: Money { amount: PRICE, currency: Currency::EUR },
            capacity: 100,
        }],
        seating: vec![],
        draft: false,
        at: now,
    }
}
