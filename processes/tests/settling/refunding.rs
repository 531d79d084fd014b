//! A booking that was paid and cancelled, and a gateway that does not send the money back.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use command_api::{Paid, Payments, ShowOrder, ShowWriters};
use domain::{
    BookingId, Currency, Money, PaymentId, ShowId, TicketTypeId, TicketTypeName, TimeZone, Title, UserId,
    booking::{Booking, PlacedBooking, Refund},
    show::{CreateShow, OfferedTicketType, Schedule, Show, ShowCommand, ShowDetails, Wanted},
};
use event_store::{CommandContext, EventStore, MasterKey, NoCompanion};
use payments::{
    Gateway, GatewayError, GatewayPayment, GatewayRefund, MemoryLedger, NewPayment, NewRefund, PaymentMethod,
    TestGateway,
};
use processes::Processes;
use sqlx::PgPool;
use testkit::postgres::TestDatabase;
use uuid::Uuid;

/// The test gateway, but no refund is ever made.
#[derive(Debug)]
pub(crate) struct Failing {
    gateway: TestGateway<MemoryLedger>,
    error: GatewayError,
    refunds: AtomicU32,
}

impl Failing {
    pub(crate) fn with(error: GatewayError) -> Arc<Self> {
        let gateway = TestGateway::on(MemoryLedger::default());
        Arc::new(Self { gateway, error, refunds: AtomicU32::new(0) })
    }

    /// How often one was asked for.
    pub(crate) fn refunds(&self) -> u32 {
        self.refunds.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Gateway for Failing {
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

    async fn refund(&self, _: &NewRefund) -> Result<GatewayRefund, GatewayError> {
        self.refunds.fetch_add(1, Ordering::Relaxed);
        Err(self.error.clone())
    }

    async fn find_refund(
        &self,
        reference: &str,
        refund_id: Uuid,
    ) -> Result<Option<GatewayRefund>, GatewayError> {
        self.gateway.find_refund(reference, refund_id).await
    }
}

/// The booking, whose refund is due and noted as such.
pub(crate) struct Refunding {
    store: EventStore,
    gateway: Arc<dyn Gateway>,
    booking_id: BookingId,
    _database: TestDatabase,
}

impl Refunding {
    pub(crate) async fn through(gateway: &Arc<Failing>) -> Self {
        let database = testkit::postgres::database("settling").await;
        let pool = PgPool::connect(database.url()).await.unwrap();
        EventStore::migrate(&pool).await.unwrap();
        let key = MasterKey::parse("dGVzdCB0ZXN0IHRlc3QgdGVzdCB0ZXN0IHRlc3QgISE=").unwrap();
        let store = EventStore::new(pool, Arc::new(key));
        let (booking_id, gateway) = (BookingId::new(Uuid::now_v7()), gateway.clone() as Arc<dyn Gateway>);
        let refunding = Self { store, gateway, booking_id, _database: database };
        refunding.pay_and_cancel().await;
        sqlx::query(
            "insert into payments_due (booking_id, due_at, sequence) values ($1, clock_timestamp(), 1000)",
        )
        .bind(booking_id.uuid())
        .execute(refunding.store.pool())
        .await
        .unwrap();
        refunding
    }

    async fn pay_and_cancel(&self) {
        let (booking_id, attendee_id) = (self.booking_id, UserId::new(Uuid::now_v7()));
        let show_id = ShowId::new(Uuid::now_v7());
        let create = ShowCommand::Create(Box::new(new_show(show_id)));
        let context = CommandContext::default;
        self.store.execute::<Show>(&show_id.to_string(), create, &context(), &NoCompanion).await.unwrap();
        sqlx::query("insert into accounts (user_id, email_hash, password_hash) values ($1, $2, '')")
            .bind(attendee_id.uuid())
            .bind(attendee_id.uuid().as_bytes().to_vec())
            .execute(self.store.pool())
            .await
            .unwrap();
        let writers = ShowWriters::new(self.store.clone());
        let place = ShowOrder::Place { booking_id, attendee_id, wanted: Wanted::OneTicket };
        writers.submit(show_id, place, None, context()).await.unwrap();
        let payments = Payments::new(self.store.clone(), writers.clone(), Arc::clone(&self.gateway));
        let card = PaymentMethod::parse("pm_card_visa").unwrap();
        let payment_id = PaymentId::new(Uuid::now_v7());
        let paid = payments.pay(&self.booking().await, payment_id, card, context()).await;
        assert!(matches!(paid, Ok(Paid::Confirmed { .. })), "{paid:?}");
        let cancel = ShowOrder::CancelBooking { booking_id, attendee_id };
        writers.submit(show_id, cancel, None, context()).await.unwrap();
    }

    pub(crate) fn processes(&self) -> Processes {
        Processes::new(self.store.clone(), None).paid_through(Arc::clone(&self.gateway))
    }

    async fn booking(&self) -> PlacedBooking {
        let (booking, _) = self.store.load::<Booking>(&self.booking_id.to_string()).await.unwrap();
        booking.placed().unwrap().clone()
    }

    pub(crate) async fn refund(&self) -> Refund {
        self.booking().await.refunds[0].clone()
    }

    /// How often it failed in a row, as it is noted.
    pub(crate) async fn tries(&self) -> i32 {
        sqlx::query_scalar("select tries from payments_due where booking_id = $1")
            .bind(self.booking_id.uuid())
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
            price: Money { amount: 2_500, currency: Currency::EUR },
            capacity: 1,
        }],
        seating: vec![],
        draft: false,
        at: now,
    }
}
