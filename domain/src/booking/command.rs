//! What can be asked of a booking's stream.

use chrono::{DateTime, TimeDelta, Utc};

use super::{PaymentReference, PlacedBooking, ReasonCode, RefundCause};
use crate::{
    PaymentId, RefundId, ShowId,
    show::{Keep, ShowCommand, Taken},
};

/// An order to a booking's stream. Each follows what the show has decided in the same append.
#[derive(Debug, Clone)]
pub enum BookingCommand {
    /// Records what the show gave.
    Place(PlaceBooking),
    /// The hold lasts longer.
    Extend {
        /// Until when.
        held_until: DateTime<Utc>,
        /// Now.
        at: DateTime<Utc>,
    },
    /// The hold lapsed.
    Expire {
        /// Now.
        at: DateTime<Utc>,
    },
    /// Gives the tickets back, and with them what was paid. Nothing comes of a payment that is not decided yet, even if the
    /// hold has lapsed.
    Cancel {
        /// Why.
        cause: RefundCause,
        /// Now.
        at: DateTime<Utc>,
    },
    /// A step of paying, or of giving money back.
    Pay(PaymentCommand),
}

/// What has come of money.
#[derive(Debug, Clone)]
pub struct PaymentCommand {
    /// What.
    pub step: PaymentStep,
    /// Now.
    pub at: DateTime<Utc>,
}

/// One step of paying, or of giving money back.
#[derive(Debug, Clone)]
pub enum PaymentStep {
    /// An attempt begins.
    Start {
        /// The new attempt.
        payment_id: PaymentId,
    },
    /// The bank wants to know more.
    RequireAction {
        /// Which attempt.
        payment_id: PaymentId,
        /// What the gateway calls it.
        reference: PaymentReference,
    },
    /// It comes to nothing.
    Decline {
        /// Which attempt.
        payment_id: PaymentId,
        /// Why.
        reason: ReasonCode,
    },
    /// The money is set aside.
    Authorise {
        /// Which attempt.
        payment_id: PaymentId,
        /// What the gateway calls it.
        reference: PaymentReference,
    },
    /// The money is ours.
    Capture {
        /// Which attempt.
        payment_id: PaymentId,
    },
    /// The money cannot be had, for good.
    FailCapture {
        /// Which attempt.
        payment_id: PaymentId,
        /// Why.
        reason: ReasonCode,
    },
    /// What was set aside is the buyer's again.
    Void {
        /// Which attempt.
        payment_id: PaymentId,
        /// Why.
        reason: ReasonCode,
    },
    /// The money went back.
    MakeRefund {
        /// Which refund.
        refund_id: RefundId,
    },
    /// It does not go back, for now.
    FailRefund {
        /// Which refund.
        refund_id: RefundId,
        /// Why.
        reason: ReasonCode,
    },
    /// It is tried again.
    ResumeRefund {
        /// Which refund.
        refund_id: RefundId,
    },
}

/// So long a hold lasts at least when a payment begins, and after one was declined.
pub const TIME_TO_PAY: TimeDelta = TimeDelta::minutes(5);
/// So long a buyer has to satisfy their bank; the hold lasts until then, and [`TIME_TO_PAY`] longer.
pub const TIME_TO_ACT: TimeDelta = TimeDelta::minutes(15);

impl PaymentCommand {
    /// What it wants of the show's stream, in the same append; nothing if it is about money alone.
    #[must_use]
    pub fn of_show(&self, booking: &PlacedBooking) -> Option<ShowCommand> {
        let Self { step, at } = self;
        let (booking_id, attendee_id, at) = (booking.id, booking.user_id, *at);
        let keep =
            |time, why| Some(ShowCommand::KeepHold { booking_id, attendee_id, until: at + time, why, at });
        match step {
            PaymentStep::Start { .. } => keep(TIME_TO_PAY, Keep::ToBegin),
            PaymentStep::Decline { .. } => keep(TIME_TO_PAY, Keep::ToTryAgain),
            PaymentStep::RequireAction { .. } => keep(TIME_TO_ACT + TIME_TO_PAY, Keep::ToDecide),
            PaymentStep::Authorise { .. } => Some(ShowCommand::SellHeld { taken: booking.taken(), at }),
            PaymentStep::FailCapture { .. } => {
                Some(ShowCommand::ReleaseTickets { booking_id, attendee_id, at })
            }
            PaymentStep::Capture { .. }
            | PaymentStep::Void { .. }
            | PaymentStep::MakeRefund { .. }
            | PaymentStep::FailRefund { .. }
            | PaymentStep::ResumeRefund { .. } => None,
        }
    }
}

/// Records the tickets that the show gave in the same append.
#[derive(Debug, Clone)]
pub struct PlaceBooking {
    /// For which show.
    pub event_id: ShowId,
    /// What the show gave to whom.
    pub taken: Taken,
    /// Until when the tickets are set aside; nothing if they are given for good.
    pub held_until: Option<DateTime<Utc>>,
    /// Now.
    pub at: DateTime<Utc>,
}
