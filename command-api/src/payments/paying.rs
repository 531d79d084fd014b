//! A buyer pays: the attempt is written down, then the gateway is asked with the payment method.

use ::payments::{GatewayError, PaymentMethod};
use cqrs_es::Aggregate;
use domain::{
    BookingId, PaymentId, ShowId,
    booking::{
        Booking, BookingStatus, PaymentState, PaymentStep, PlacedBooking, ReasonCode, Refund, RefundCause,
    },
    show::Show,
};
use event_store::{CommandContext, StreamId, StreamPosition};
use secrecy::SecretString;

use super::{Payments, PaymentsError, deciding::new_payment, driving::Then};
use crate::show_orders::{OrderError, ShowOrder, Subject};

/// What came of paying.
#[derive(Debug)]
pub enum Paid {
    /// The tickets are the buyer's.
    Confirmed {
        /// The booking when it was confirmed, or later.
        booking: Box<PlacedBooking>,
        /// The sequence of its stream.
        version: i64,
        /// What is to be awaited by a reader.
        written: Vec<StreamPosition>,
    },
    /// The bank wants to know more.
    ActionRequired {
        /// The attempt.
        payment_id: PaymentId,
        /// What the buyer's browser needs.
        client_secret: Option<SecretString>,
        /// What is to be awaited by a reader.
        written: Vec<StreamPosition>,
    },
    /// It came to nothing; the hold stays.
    Declined {
        /// Why.
        reason: Option<ReasonCode>,
    },
    /// The booking has no tickets, nor a hold of them, any more.
    TooLate {
        /// Why.
        reason: Option<ReasonCode>,
        /// Whether the money was taken, and is on its way back; otherwise it always was the buyer's.
        was_taken: bool,
    },
    /// The bank did not hand the money over; the booking is cancelled.
    CaptureFailed,
}

/// Why it is not known what came of paying, or nothing did.
#[derive(Debug)]
pub enum NotPaid {
    /// Refused, or not dealt with.
    Order(OrderError),
    /// The gateway cannot be asked now; nothing was begun that could cost anything.
    GatewayDown,
    /// Begun; the process manager finds out.
    Unknown,
}

impl Payments {
    /// Begins an attempt, asks the gateway, and drives it as far as it goes. Once begun it goes on, even if nobody waits
    /// for the answer.
    ///
    /// # Errors
    /// See [`NotPaid`].
    pub async fn pay(
        &self,
        booking: &PlacedBooking,
        payment_id: PaymentId,
        method: PaymentMethod,
        context: CommandContext,
    ) -> Result<Paid, NotPaid> {
        if !self.gateway.is_available() {
            return Err(NotPaid::GatewayDown);
        }
        let step = PaymentStep::Start { payment_id };
        let order = ShowOrder::Pay { booking_id: booking.id, step };
        let submitted = self.writers.submit(booking.event_id, order, Some(booking.user_id), context).await;
        let Subject::Booking(started, _) = submitted.map_err(NotPaid::Order)?.subject else {
            return Err(NotPaid::Unknown);
        };
        let payments = self.clone();
        let asked = tokio::spawn(async move { payments.ask(&started, payment_id, &method).await });
        match asked.await {
            Ok(outcome) => outcome,
            Err(_) => Err(NotPaid::Unknown),
        }
    }

    /// What has come of an attempt by now.
    pub(crate) async fn outcome(
        &self,
        booking: &PlacedBooking,
        payment_id: PaymentId,
    ) -> Result<Paid, NotPaid> {
        let (booking, version) = self.placed(booking.id).await.map_err(unknown)?;
        let Some(payment) = booking.payment(payment_id).cloned() else { return Err(NotPaid::Unknown) };
        let of_booking =
            StreamPosition { stream: StreamId::new(Booking::TYPE, booking.id), sequence: version };
        let written = vec![of_booking, self.place_of_show(booking.event_id).await.map_err(unknown)?];
        let came_too_late =
            |refund: &Refund| refund.payment_id == payment_id && refund.cause == RefundCause::TooLate;
        match payment.state {
            PaymentState::Captured if booking.refunds.iter().any(came_too_late) => {
                let is_cancelled = booking.status == BookingStatus::Cancelled;
                let reason = if is_cancelled { "booking-cancelled" } else { "hold-expired" };
                Ok(too_late(reason, true))
            }
            PaymentState::Captured if booking.status == BookingStatus::Confirmed => {
                Ok(Paid::Confirmed { booking: Box::new(booking), version, written })
            }
            PaymentState::Captured => {
                let (booking, version) = self.as_confirmed(booking.id).await.map_err(unknown)?;
                Ok(Paid::Confirmed { booking: Box::new(booking), version, written })
            }
            PaymentState::ActionRequired => {
                let reference = payment.reference.as_ref().ok_or(NotPaid::Unknown)?;
                let client_secret = self.client_secret(reference).await.map_err(unknown)?;
                Ok(Paid::ActionRequired { payment_id, client_secret, written })
            }
            // No bank was asked.
            PaymentState::Declined
                if payment.reason.as_ref().map(ReasonCode::as_str)
                    == Some(ReasonCode::GATEWAY_UNAVAILABLE) =>
            {
                Err(NotPaid::GatewayDown)
            }
            PaymentState::Declined => {
                let now = self.store.now().await.map_err(|error| unknown(error.into()))?;
                // Whoever is told that it was declined is told that the hold stays.
                Ok(match booking.status_at(now) {
                    BookingStatus::Held | BookingStatus::Confirmed => {
                        Paid::Declined { reason: payment.reason }
                    }
                    BookingStatus::Expired => too_late("hold-expired", false),
                    BookingStatus::Cancelled => too_late("booking-cancelled", false),
                })
            }
            PaymentState::Voided => Ok(Paid::TooLate { reason: payment.reason, was_taken: false }),
            PaymentState::CaptureFailed => Ok(Paid::CaptureFailed),
            PaymentState::Started | PaymentState::Authorised => Err(NotPaid::Unknown),
        }
    }

    /// The booking as it was when it was confirmed, with the sequence of then: what was answered once is answered again,
    /// whatever became of the booking since.
    async fn as_confirmed(&self, booking_id: BookingId) -> Result<(PlacedBooking, i64), PaymentsError> {
        let stream = StreamId::new(Booking::TYPE, booking_id);
        let events = self.store.read_stream(&stream).await?.events;
        let confirmed = events.iter().find(|event| event.event_type == "BookingConfirmed");
        let sequence = confirmed.ok_or(PaymentsError::NotPlaced)?.sequence;
        match self.store.load_at::<Booking>(&stream.id, sequence).await? {
            (Booking::Placed(placed), version) => Ok((placed, version)),
            (Booking::Unplaced, _) => Err(PaymentsError::NotPlaced),
        }
    }

    /// Where the show's stream stands: paying writes there, too.
    async fn place_of_show(&self, show_id: ShowId) -> Result<StreamPosition, PaymentsError> {
        let stream = StreamId::new(Show::TYPE, show_id);
        let sequence: Option<i64> = sqlx::query_scalar(
            "select max(sequence) from events where aggregate_type = $1 and aggregate_id = $2",
        )
        .bind(&stream.kind)
        .bind(&stream.id)
        .fetch_one(self.store.pool())
        .await?;
        Ok(StreamPosition { stream, sequence: sequence.unwrap_or_default() })
    }

    async fn ask(
        &self,
        booking: &PlacedBooking,
        payment_id: PaymentId,
        method: &PaymentMethod,
    ) -> Result<Paid, NotPaid> {
        if self.confirm(booking, payment_id, method).await? == Asked::GatewayDown {
            return Err(NotPaid::GatewayDown);
        }
        // What is left is the process manager's if it fails here.
        if let Err(error) = self.drive(booking.id).await {
            tracing::warn!(error = &error as &dyn std::error::Error, booking = %booking.id, "a payment waits");
        }
        self.outcome(booking, payment_id).await
    }

    /// Opens the payment at the gateway and confirms it with the method.
    async fn confirm(
        &self,
        booking: &PlacedBooking,
        payment_id: PaymentId,
        method: &PaymentMethod,
    ) -> Result<Asked, NotPaid> {
        let payment = booking.payment(payment_id).ok_or(NotPaid::Unknown)?;
        let opened = match self.gateway.open(&new_payment(booking, payment)).await {
            Ok(opened) => opened,
            Err(error) => {
                // The gateway has never heard of the method: nothing can come of this attempt.
                let reason = match &error {
                    GatewayError::Declined { reason } | GatewayError::Refused { reason } => reason.as_str(),
                    GatewayError::Unavailable { .. } | GatewayError::UnderWay | GatewayError::Resting => {
                        ReasonCode::GATEWAY_UNAVAILABLE
                    }
                };
                tracing::warn!(error = &error as &dyn std::error::Error, payment = %payment_id, "cannot begin to pay");
                self.decline(booking, payment, reason).await.map_err(unknown)?;
                return Ok(if error.is_passing() { Asked::GatewayDown } else { Asked::Answered });
            }
        };
        let answered = match self.gateway.authorise(payment_id.uuid(), &opened.reference, method).await {
            Ok(found) => {
                let now = self.store.now().await.map_err(|error| unknown(error.into()))?;
                self.follow(booking, payment, found, now).await
            }
            Err(GatewayError::Declined { reason } | GatewayError::Refused { reason }) => {
                // Refused, too, when it was abandoned meanwhile, or done before: then this changes nothing.
                self.refused(booking, payment_id, &opened.reference, &reason).await
            }
            Err(error) => Err(error.into()),
        };
        answered.map(|_| Asked::Answered).map_err(unknown)
    }

    async fn refused(
        &self,
        booking: &PlacedBooking,
        payment_id: PaymentId,
        reference: &str,
        reason: &str,
    ) -> Result<Then, PaymentsError> {
        use ::payments::PaymentStanding as Standing;
        let payment = booking.payment(payment_id).ok_or(PaymentsError::NotPlaced)?;
        match self.gateway.payment(reference).await?.standing {
            Standing::Open { .. } | Standing::Voided => self.decline(booking, payment, reason).await,
            Standing::ActionRequired | Standing::Processing | Standing::Authorised | Standing::Captured => {
                Ok(Then::GoOn)
            }
        }
    }
}

fn too_late(reason: &'static str, was_taken: bool) -> Paid {
    Paid::TooLate { reason: Some(ReasonCode::of(reason)), was_taken }
}

#[derive(PartialEq)]
enum Asked {
    Answered,
    GatewayDown,
}

fn unknown(error: PaymentsError) -> NotPaid {
    tracing::warn!(error = &error as &dyn std::error::Error, "it is not known yet what came of a payment");
    NotPaid::Unknown
}
