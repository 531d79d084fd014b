//! Money on its way back.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{
    Money, RefundId,
    booking::{OfRefund, ReasonCode, RefundCause, RefundState},
};
use sqlx::PgConnection;

use crate::projection::column;

/// What some events make of `refunds`.
#[derive(Default)]
pub(super) struct Rows {
    requested: BTreeMap<RefundId, Requested>,
    /// Where each stands now.
    standing: BTreeMap<RefundId, Standing>,
}

struct Requested {
    of: OfRefund,
    amount: Money,
    cause: RefundCause,
    at: DateTime<Utc>,
}

struct Standing {
    state: RefundState,
    reason: Option<ReasonCode>,
    at: DateTime<Utc>,
}

impl Rows {
    pub(super) fn request(&mut self, of: OfRefund, amount: Money, cause: RefundCause, at: DateTime<Utc>) {
        self.requested.insert(of.refund_id, Requested { of, amount, cause, at });
    }

    pub(super) fn is(
        &mut self,
        of: OfRefund,
        state: RefundState,
        reason: Option<ReasonCode>,
        at: DateTime<Utc>,
    ) {
        self.standing.insert(of.refund_id, Standing { state, reason, at });
    }

    /// Those that begin first, then where each stands.
    pub(super) async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        if !self.requested.is_empty() {
            self.write_requested_in_tx(tx).await?;
        }
        if !self.standing.is_empty() {
            self.write_standing_in_tx(tx).await?;
        }
        Ok(())
    }

    async fn write_requested_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        let requested = || self.requested.values();
        sqlx::query(
            "insert into refunds (id, payment_id, booking_id, event_id, amount, currency, status, cause,
                                  requested_at, changed_at)
             select id, payment_id, booking_id, event_id, amount, currency, $9, cause, requested_at, requested_at
             from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::text[], $7::text[],
                         $8::timestamptz[])
                  as requested (id, payment_id, booking_id, event_id, amount, currency, cause, requested_at)",
        )
        .bind(column(requested(), |requested| requested.of.refund_id.uuid()))
        .bind(column(requested(), |requested| requested.of.payment.payment_id.uuid()))
        .bind(column(requested(), |requested| requested.of.payment.booking_id.uuid()))
        .bind(column(requested(), |requested| requested.of.payment.event_id.uuid()))
        .bind(column(requested(), |requested| requested.amount.amount))
        .bind(column(requested(), |requested| requested.amount.currency.code()))
        .bind(column(requested(), |requested| requested.cause.name()))
        .bind(column(requested(), |requested| requested.at))
        .bind(RefundState::Requested.name())
        .execute(tx)
        .await?;
        Ok(())
    }

    async fn write_standing_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update refunds r set status = now.status, reason = now.reason, changed_at = now.changed_at
             from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[])
                  as now (id, status, reason, changed_at)
             where r.id = now.id",
        )
        .bind(column(self.standing.keys(), |id| id.uuid()))
        .bind(column(self.standing.values(), |standing| standing.state.name()))
        .bind(column(self.standing.values(), |standing| standing.reason.as_ref().map(ReasonCode::as_str)))
        .bind(column(self.standing.values(), |standing| standing.at))
        .execute(tx)
        .await?;
        Ok(())
    }
}
