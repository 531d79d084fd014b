//! Settles what requests have left open: payments that are not decided, refunds that are not made; and looks again, days
//! later, whether those that were made have not come back.
//!
//! One row a booking says that something is due; what it is, the booking's stream says. A booking is taken for a while, so
//! that several processes do not drive the same; whoever dies lets go of it by the time alone. `noting` has how events
//! become rows.
//!
//! Payments and refunds have places of their own: tickets wait for a payment, and nobody's payment waits for the refunds of
//! an event that was cancelled, however many they are.

mod noting;

pub(crate) use noting::note_in_tx;

use std::{error::Error, time::Duration};

use ::payments::GatewayError;
use chrono::{DateTime, TimeDelta, Utc};
use command_api::{KEEP_BELOW, LONGEST_LOOK, PaymentsError, Progress};
use domain::BookingId;
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{ProcessError, Processes};

/// How often to look for bookings that are due, while there are free places.
const POLL: Duration = Duration::from_millis(250);
/// Most payments that are driven at the same time: each waits for the gateway.
const PAYMENTS_AT_ONCE: usize = 12;
/// Most refunds. They take none of the payments' places, nor payments any of theirs.
const REFUNDS_AT_ONCE: usize = 12;
/// Driving one further takes so long at the most; then it is driven from there later.
const DRIVEN_FOR: Duration = Duration::from_secs(80);
/// A booking that was taken belongs to its process for so long; longer than driving it takes.
const TAKEN_FOR: TimeDelta = TimeDelta::seconds(90);
const _: () = assert!(
    (DRIVEN_FOR.as_secs() as i64) < TAKEN_FOR.num_seconds(),
    "two processes could drive the same booking"
);
/// The first pause after a failure; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(120);
// A hold is kept while its payment is being decided: whoever comes back to it after one turn that failed as late as can be,
// after a look, or after a death, finds it with time left. This says nothing about several of these in a row, each at its
// worst, nor about the wait for a place: there are PAYMENTS_AT_ONCE of them a process, which refunds cannot take.
const _: () = assert!(
    (DRIVEN_FOR.as_secs() as i64) + (MAX_PAUSE.as_secs() as i64) < KEEP_BELOW.num_seconds()
        && (DRIVEN_FOR.as_secs() as i64) + LONGEST_LOOK.num_seconds() < KEEP_BELOW.num_seconds()
        && TAKEN_FOR.num_seconds() < KEEP_BELOW.num_seconds(),
    "a hold could lapse before anybody comes back to its payment"
);
/// A refund for which the gateway has failed so long, without a break, needs a hand. Longer than gateways are down.
pub(crate) const REFUND_GIVEN_UP_AFTER: TimeDelta = TimeDelta::hours(12);

/// What is settled side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settling {
    /// Payments that are not decided.
    Payments,
    /// Refunds that are not made, or are to be looked at again.
    Refunds,
}

impl Settling {
    /// The job's name.
    const fn job(self) -> &'static str {
        match self {
            Self::Payments => "settling payments",
            Self::Refunds => "making refunds",
        }
    }

    const fn max_at_once(self) -> usize {
        match self {
            Self::Payments => PAYMENTS_AT_ONCE,
            Self::Refunds => REFUNDS_AT_ONCE,
        }
    }
}

/// A booking that is due.
#[derive(Debug, Clone, Copy)]
struct DueBooking {
    id: BookingId,
    tries: i32,
    sequence: i64,
    gateway_fails_since: Option<DateTime<Utc>>,
}

impl Processes {
    /// Settles until it is told to stop. A booking whose turn fails, or lasts, holds up none of the others.
    pub(crate) async fn settle(&self, settling: Settling, shutdown: CancellationToken) {
        let mut driven = JoinSet::new();
        while !shutdown.is_cancelled() {
            let done = self.fill_places(settling, &mut driven, &shutdown).await;
            self.after(settling.job(), done, &shutdown).await;
        }
        // Who is told to stop lets go of the rest by the time alone.
    }

    /// Who is due gets the free places; then the end of any turn is awaited, or the next look.
    async fn fill_places(
        &self,
        settling: Settling,
        driven: &mut JoinSet<Result<(), ProcessError>>,
        shutdown: &CancellationToken,
    ) -> Result<(), ProcessError> {
        let free = settling.max_at_once().saturating_sub(driven.len());
        if free > 0 {
            for booking in self.take_due(settling, free).await? {
                let processes = self.clone();
                driven.spawn(async move { processes.settle_one(booking).await });
            }
        }
        tokio::select! {
            Some(ended) = driven.join_next() => ended?,
            () = tokio::time::sleep(POLL) => Ok(()),
            () = shutdown.cancelled() => Ok(()),
        }
    }

    /// Those that are due, taken for a while.
    async fn take_due(&self, settling: Settling, limit: usize) -> Result<Vec<DueBooking>, sqlx::Error> {
        let taken: Vec<(Uuid, i32, i64, Option<DateTime<Utc>>)> = sqlx::query_as(
            "update payments_due due set due_at = clock_timestamp() + make_interval(secs => $3)
             from (select booking_id from payments_due where is_refund = $1 and due_at <= clock_timestamp()
                   order by due_at limit $2 for update skip locked) as next
             where due.booking_id = next.booking_id
             returning due.booking_id, due.tries, due.sequence, due.gateway_fails_since",
        )
        .bind(settling == Settling::Refunds)
        .bind(limit as i64)
        .bind(TAKEN_FOR.as_seconds_f64())
        .fetch_all(self.store.pool())
        .await?;
        let due = |(id, tries, sequence, gateway_fails_since)| DueBooking {
            id: BookingId::new(id),
            tries,
            sequence,
            gateway_fails_since,
        };
        Ok(taken.into_iter().map(due).collect())
    }

    async fn settle_one(&self, booking: DueBooking) -> Result<(), ProcessError> {
        // Whoever is cut off in the midst of a step has done no more harm than by dying there.
        match timeout(DRIVEN_FOR, self.drive(booking.id)).await {
            Ok(Ok(Progress::Settled) | Err(PaymentsError::NotPlaced)) => self.forget(booking).await?,
            Ok(Ok(Progress::Waits(until))) => self.look_again(booking, until).await?,
            Err(elapsed) => {
                log_failure(booking, &elapsed);
                self.try_again(booking, false).await?;
            }
            Ok(Err(error)) => {
                log_failure(booking, &error);
                let is_the_gateways = is_the_gateways(&error);
                if is_the_gateways {
                    self.give_up_after_long(booking).await?;
                }
                self.try_again(booking, is_the_gateways).await?;
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

    /// What the gateway has answered meanwhile, if only that it is on its way, is not given up: that would ask for it twice.
    async fn give_up_after_long(&self, booking: DueBooking) -> Result<(), ProcessError> {
        let Some(since) = booking.gateway_fails_since else { return Ok(()) };
        if self.store.now().await? - since >= self.give_up_after {
            self.payments.give_up_refund(booking.id, self.give_up_after).await?;
        }
        Ok(())
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
    async fn look_again(&self, booking: DueBooking, until: DateTime<Utc>) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update payments_due set due_at = $3, tries = 0, gateway_fails_since = null
             where booking_id = $1 and sequence = $2",
        )
        .bind(booking.id.uuid())
        .bind(booking.sequence)
        .bind(until)
        .execute(self.store.pool())
        .await?;
        Ok(())
    }

    /// After a pause, unless something newer was noted meanwhile.
    async fn try_again(&self, booking: DueBooking, is_the_gateways: bool) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update payments_due set due_at = clock_timestamp() + make_interval(secs => $3), tries = tries + 1,
                    gateway_fails_since = case when $4 then coalesce(gateway_fails_since, clock_timestamp())
                                          else gateway_fails_since end
             where booking_id = $1 and sequence = $2",
        )
        .bind(booking.id.uuid())
        .bind(booking.sequence)
        .bind(pause(booking.tries).as_secs_f64())
        .bind(is_the_gateways)
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
