//! Settles what requests have left open: payments that are not decided, refunds that are not made; and looks again, days
//! later, whether those that were made have not come back.
//!
//! One row a booking says that something is due; what it is, the booking's stream says. A booking is taken for a while, so
//! that several processes do not drive the same; whoever dies lets go of it by the time alone.

use std::{error::Error, time::Duration};

use ::payments::GatewayError;
use chrono::{DateTime, TimeDelta, Utc};
use command_api::{KEEP_BELOW, PaymentsError, Progress, REFUND_LOOKED_AT_AFTER};
use domain::{BookingId, booking::BookingEvent};
use event_store::StoredEvent;
use futures::{StreamExt, stream};
use sqlx::PgConnection;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{ProcessError, Processes};

/// How often to look for bookings that are due.
const POLL: Duration = Duration::from_millis(250);
/// Most bookings that are taken, and driven, at the same time: each waits for the gateway.
const MAX_AT_ONCE: usize = 16;
/// Driving one further takes so long at the most; then it is driven from there later.
const DRIVEN_FOR: Duration = Duration::from_secs(80);
/// A booking that was taken belongs to its process for so long; longer than driving it takes.
const TAKEN_FOR: TimeDelta = TimeDelta::seconds(90);
const _: () = assert!(
    (DRIVEN_FOR.as_secs() as i64) < TAKEN_FOR.num_seconds(),
    "two processes could drive the same booking"
);
/// The request that began a payment has so long to end it itself.
const REQUEST_LASTS: TimeDelta = TimeDelta::seconds(20);
/// The first pause after a failure; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(120);
// A hold is kept while its payment is being decided, even if who drove it died.
const _: () = assert!(
    MAX_PAUSE.as_secs() as i64 + TAKEN_FOR.num_seconds() < KEEP_BELOW.num_seconds(),
    "a hold could lapse before anybody comes back to its payment"
);
/// A refund that the gateway has not made for so long needs a hand. Longer than gateways are down.
pub(crate) const REFUND_GIVEN_UP_AFTER: TimeDelta = TimeDelta::hours(12);

/// A booking that is due.
#[derive(Debug, Clone, Copy)]
struct DueBooking {
    id: BookingId,
    tries: i32,
    sequence: i64,
}

impl Processes {
    /// One round. A booking whose turn fails holds up none of the others.
    pub(crate) async fn settle(&self, shutdown: &CancellationToken) -> Result<(), ProcessError> {
        let due = self.take_due().await?;
        if due.is_empty() {
            shutdown.run_until_cancelled(tokio::time::sleep(POLL)).await;
            return Ok(());
        }
        let turns = stream::iter(due).map(|booking| self.settle_one(booking)).buffer_unordered(MAX_AT_ONCE);
        // Who is told to stop lets go of the rest by the time alone.
        let settled = shutdown.run_until_cancelled(turns.collect::<Vec<_>>()).await;
        settled.into_iter().flatten().collect()
    }

    /// Those that are due, taken for a while.
    async fn take_due(&self) -> Result<Vec<DueBooking>, sqlx::Error> {
        let taken: Vec<(Uuid, i32, i64)> = sqlx::query_as(
            "update payments_due due set due_at = clock_timestamp() + make_interval(secs => $2)
             from (select booking_id from payments_due where due_at <= clock_timestamp()
                   order by due_at limit $1 for update skip locked) as next
             where due.booking_id = next.booking_id
             returning due.booking_id, due.tries, due.sequence",
        )
        .bind(MAX_AT_ONCE as i64)
        .bind(TAKEN_FOR.as_seconds_f64())
        .fetch_all(self.store.pool())
        .await?;
        let due = |(id, tries, sequence)| DueBooking { id: BookingId::new(id), tries, sequence };
        Ok(taken.into_iter().map(due).collect())
    }

    async fn settle_one(&self, booking: DueBooking) -> Result<(), ProcessError> {
        // Whoever is cut off in the midst of a step has done no more harm than by dying there.
        match timeout(DRIVEN_FOR, self.drive(booking.id)).await {
            Ok(Ok(Progress::Settled) | Err(PaymentsError::NotPlaced)) => self.forget(booking).await?,
            Ok(Ok(Progress::Waits(until))) => self.put_off(booking, until, 0).await?,
            Err(elapsed) => {
                log_failure(booking, &elapsed);
                let until = self.store.now().await? + pause(booking.tries);
                self.put_off(booking, until, booking.tries + 1).await?;
            }
            Ok(Err(error)) => {
                log_failure(booking, &error);
                if is_the_gateways(&error) {
                    self.payments.give_up_refund(booking.id, self.give_up_after).await?;
                }
                let until = self.store.now().await? + pause(booking.tries);
                self.put_off(booking, until, booking.tries + 1).await?;
            }
        }
        Ok(())
    }

    async fn drive(&self, booking_id: BookingId) -> Result<Progress, PaymentsError> {
        match self.payments.drive(booking_id).await? {
            Progress::Settled => self.payments.look_back(booking_id).await,
            waits @ Progress::Waits(_) => Ok(waits),
        }
    }

    /// Unless something newer was noted meanwhile.
    async fn forget(&self, booking: DueBooking) -> Result<(), sqlx::Error> {
        sqlx::query("delete from payments_due where booking_id = $1 and sequence = $2")
            .bind(booking.id.uuid())
            .bind(booking.sequence)
            .execute(self.store.pool())
            .await?;
        Ok(())
    }

    /// Unless something newer was noted meanwhile.
    async fn put_off(
        &self,
        booking: DueBooking,
        until: DateTime<Utc>,
        tries: i32,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update payments_due set due_at = $3, tries = $4 where booking_id = $1 and sequence = $2",
        )
        .bind(booking.id.uuid())
        .bind(booking.sequence)
        .bind(until)
        .bind(tries)
        .execute(self.store.pool())
        .await?;
        Ok(())
    }
}

/// Whether the gateway was asked and failed: what fails here, and a rest that others have brought about, say nothing about
/// what it would have answered.
fn is_the_gateways(error: &PaymentsError) -> bool {
    match error {
        PaymentsError::Gateway(GatewayError::Resting) => false,
        PaymentsError::Gateway(_) => true,
        PaymentsError::NotPlaced
        | PaymentsError::Order(_)
        | PaymentsError::BadReference
        | PaymentsError::NoProgress
        | PaymentsError::Read(_)
        | PaymentsError::Database(_) => false,
    }
}

fn log_failure(booking: DueBooking, error: &(dyn Error + 'static)) {
    tracing::warn!(error, booking = %booking.id, tries = booking.tries, "a payment has to wait");
}

/// Grows with the tries; random, so that what failed together does not come back together.
fn pause(tries: i32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << tries.clamp(0, 16)).min(MAX_PAUSE);
    let random = Uuid::new_v4().as_u128() % 1_000;
    longest.mul_f64(0.5 + random as f64 / 2_000.0)
}

/// Notes what a booking's event leaves to be done, and when; or that nothing is left.
pub(crate) async fn note_in_tx(
    tx: &mut PgConnection,
    event: &StoredEvent,
    decoded: &BookingEvent,
) -> Result<(), sqlx::Error> {
    match decoded {
        BookingEvent::PaymentStarted { at, .. }
        | BookingEvent::PaymentActionRequired { at, .. }
        | BookingEvent::PaymentAuthorised { at, .. } => note_due_in_tx(tx, event, *at + REQUEST_LASTS).await,
        BookingEvent::RefundRequested { at, .. } | BookingEvent::RefundResumed { at, .. } => {
            note_due_in_tx(tx, event, *at).await
        }
        BookingEvent::RefundMade { at, .. } => {
            note_due_in_tx(tx, event, *at + REFUND_LOOKED_AT_AFTER[0]).await
        }
        // What is set aside, or about to be, is looked for at once: it goes back.
        BookingEvent::BookingCancelled { at, .. } => hurry_in_tx(tx, event, *at).await,
        BookingEvent::PaymentDeclined { .. }
        | BookingEvent::PaymentCaptured { .. }
        | BookingEvent::PaymentCaptureFailed { .. }
        | BookingEvent::PaymentVoided { .. }
        | BookingEvent::RefundFailed { .. } => settled_in_tx(tx, event).await,
        BookingEvent::BookingHeld { .. }
        | BookingEvent::BookingExtended { .. }
        | BookingEvent::BookingConfirmed { .. }
        | BookingEvent::BookingExpired { .. } => Ok(()),
    }
}

async fn note_due_in_tx(
    tx: &mut PgConnection,
    event: &StoredEvent,
    due_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into payments_due (booking_id, due_at, sequence) values ($1::uuid, $2, $3)
         on conflict (booking_id) do update
         set due_at = excluded.due_at, sequence = excluded.sequence, tries = 0
         where payments_due.sequence < excluded.sequence",
    )
    .bind(&event.stream.id)
    .bind(due_at)
    .bind(event.sequence)
    .execute(tx)
    .await?;
    Ok(())
}

async fn hurry_in_tx(
    tx: &mut PgConnection,
    event: &StoredEvent,
    due_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update payments_due set due_at = $2, sequence = $3 where booking_id = $1::uuid and sequence < $3",
    )
    .bind(&event.stream.id)
    .bind(due_at)
    .bind(event.sequence)
    .execute(tx)
    .await?;
    Ok(())
}

/// One attempt is open at a time, and refunds come after it: what was due before this is no more.
async fn settled_in_tx(tx: &mut PgConnection, event: &StoredEvent) -> Result<(), sqlx::Error> {
    sqlx::query("delete from payments_due where booking_id = $1::uuid and sequence < $2")
        .bind(&event.stream.id)
        .bind(event.sequence)
        .execute(tx)
        .await?;
    Ok(())
}
