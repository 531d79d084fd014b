//! Attempts to pay.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{
    Money, PaymentId,
    booking::{OfPayment, PaymentState, ReasonCode},
};
use sqlx::PgConnection;

use crate::projection::column;

/// What some events make of `payments`.
#[derive(Default)]
pub(super) struct Rows {
    started: BTreeMap<PaymentId, Started>,
    /// Where each stands now.
    standing: BTreeMap<PaymentId, Standing>,
}

struct Started {
    of: OfPayment,
    amount: Money,
    at: DateTime<Utc>,
}

struct Standing {
    state: PaymentState,
    reason: Option<ReasonCode>,
    at: DateTime<Utc>,
}

impl Rows {
    pub(super) fn start(&mut self, of: OfPayment, amount: Money, at: DateTime<Utc>) {
        self.started.insert(of.payment_id, Started { of, amount, at });
    }

    pub(super) fn is(
        &mut self,
        of: OfPayment,
        state: PaymentState,
        reason: Option<ReasonCode>,
        at: DateTime<Utc>,
    ) {
        self.standing.insert(of.payment_id, Standing { state, reason, at });
    }

    /// Those that begin first, then where each stands.
    pub(super) async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        if !self.started.is_empty() {
            self.write_started_in_tx(tx).await?;
        }
        if !self.standing.is_empty() {
            self.write_standing_in_tx(tx).await?;
        }
        Ok(())
    }

    async fn write_started_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        let started = || self.started.values();
        sqlx::query(
            "insert into payments (id, booking_id, amount, currency, status, started_at, changed_at)
             select id, booking_id, amount, currency, $6, started_at, started_at
             from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::timestamptz[])
                  as started (id, booking_id, amount, currency, started_at)",
        )
        .bind(column(started(), |started| started.of.payment_id.uuid()))
        .bind(column(started(), |started| started.of.booking_id.uuid()))
        .bind(column(started(), |started| started.amount.amount))
        .bind(column(started(), |started| started.amount.currency.code()))
        .bind(column(started(), |started| started.at))
        .bind(PaymentState::Started.name())
        .execute(tx)
        .await?;
        Ok(())
    }

    async fn write_standing_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update payments p set status = now.status, reason = now.reason, changed_at = now.changed_at
             from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[])
                  as now (id, status, reason, changed_at)
             where p.id = now.id",
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
