//! Which queue a booking waits in, as its events come.

use chrono::Utc;
use domain::{
    BookingId, Currency, Money, PaymentId, RefundId, ShowId, UserId,
    booking::{BookingEvent, OfPayment, OfRefund, RefundCause},
};
use event_store::{EventStore, StoredEvent, StreamId};
use sqlx::PgPool;
use uuid::Uuid;

use super::note_in_tx;

#[tokio::test]
async fn a_payment_waits_among_payments_and_what_follows_it_among_refunds() {
    let database = testkit::postgres::database("noting").await;
    let pool = PgPool::connect(database.url()).await.unwrap();
    EventStore::migrate(&pool).await.unwrap();
    let (booking_id, event_id) = (BookingId::new(Uuid::now_v7()), ShowId::new(Uuid::now_v7()));
    let (user_id, payment_id) = (UserId::new(Uuid::now_v7()), PaymentId::new(Uuid::now_v7()));
    let payment = OfPayment { booking_id, event_id, user_id, payment_id };
    let refund = OfRefund { payment, refund_id: RefundId::of(payment_id, 0) };
    let (amount, at) = (Money { amount: 2_500, currency: Currency::EUR }, Utc::now());
    let cause = RefundCause::EventCancelled;
    let events = [
        (BookingEvent::PaymentStarted { of: payment, amount, at }, Some(false)),
        (BookingEvent::PaymentCaptured { of: payment, amount, at }, None),
        (BookingEvent::RefundRequested { of: refund, amount, cause, at }, Some(true)),
        (BookingEvent::BookingCancelled { booking_id, event_id, user_id, at }, Some(true)),
        (BookingEvent::RefundMade { of: refund, amount, at }, Some(true)),
    ];
    let mut connection = pool.acquire().await.unwrap();
    for (sequence, (event, expected)) in (1..).zip(events) {
        let stored = StoredEvent {
            stream: StreamId::new("booking", booking_id),
            sequence,
            event_id: Uuid::now_v7(),
            event_type: String::new(),
            event_version: String::new(),
            payload: String::new(),
            metadata: String::new(),
            recorded_at: at,
        };
        note_in_tx(&mut connection, &stored, &event).await.unwrap();
        let is_refund: Option<bool> =
            sqlx::query_scalar("select is_refund from payments_due where booking_id = $1")
                .bind(booking_id.uuid())
                .fetch_optional(&mut *connection)
                .await
                .unwrap();
        assert_eq!(is_refund, expected, "after {event:?}");
    }
}
