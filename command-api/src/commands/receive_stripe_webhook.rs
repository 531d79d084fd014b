//! `POST /api/v1/webhooks/stripe`: what Stripe says by itself.
//!
//! It comes late, twice and out of order, so it is taken for a hint only: the booking is driven on, as it is at the
//! gateway now. It is acknowledged when that has worked; until then Stripe says it again, for three days.

#[cfg(test)]
mod tests;

use ::payments::webhook::{Notice, verify};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use domain::BookingId;
use platform::{Problem, http::RawBody};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{CommandApi, payments::PaymentsError, refusals};

const SIGNATURE: &str = "stripe-signature";
/// What Stripe said is kept for so long: much longer than it says the same again.
const KEPT_DAYS: i32 = 30;
/// Most notices that one sweep deletes.
const SWEEP_LIMIT: i64 = 10_000;

/// Hears from Stripe
///
/// For Stripe alone: its signature over the raw body is the only credential. Heard twice, it is done once.
#[utoipa::path(
    post, path = "/api/v1/webhooks/stripe", tag = "Payments",
    request_body(content = Object, description = "An event as Stripe sends it"),
    params(("Stripe-Signature" = String, Header, description = "`t=…,v1=…`, over the raw body")),
    responses(
        (status = 204, description = "Heard, and done what follows"),
        (status = "4XX", description = "400 `invalid-signature`, `not-understood`", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "Say it again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn receive_stripe_webhook(
    State(api): State<CommandApi>,
    headers: HeaderMap,
    body: RawBody,
) -> Result<StatusCode, Problem> {
    let now = api.store.now().await.map_err(|error| refusals::database(&error))?;
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let (Some(secret), Some(signature)) = (&api.webhook_secret, signature) else {
        return Err(refusals::payments::bad_signature());
    };
    verify(secret, signature, &body.bytes, now).map_err(|_| refusals::payments::bad_signature())?;
    let notice = Notice::parse(&body.bytes)
        .ok_or_else(|| Problem::not_understood("The body is not an event of Stripe's."))?;
    // Somebody else's payment of the same account.
    let Some(booking_id) = notice.booking_id else { return Ok(StatusCode::NO_CONTENT) };
    if !is_new(&api, &notice, booking_id).await.map_err(|error| refusals::database(&error))? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let about_refund = notice.kind.contains("refund");
    match api.payments.hear(BookingId::new(booking_id), about_refund).await {
        // One of ours, but of another database: nothing will ever come of it.
        Ok(()) | Err(PaymentsError::NotPlaced) => {}
        Err(error) => return Err(refusals::payments::failed(error)),
    }
    sqlx::query("update webhooks set processed_at = clock_timestamp() where id = $1")
        .bind(&notice.id)
        .execute(api.store.pool())
        .await
        .map_err(|error| refusals::database(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether nothing has been done about it yet; it is kept from now on.
async fn is_new(api: &CommandApi, notice: &Notice, booking_id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query(
        "insert into webhooks (id, kind, booking_id, said, body_sha256) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
    )
    .bind(&notice.id)
    .bind(&notice.kind)
    .bind(booking_id)
    .bind(&notice.said)
    .bind(notice.body_sha256.as_slice())
    .execute(api.store.pool())
    .await?;
    sqlx::query_scalar("select processed_at is null from webhooks where id = $1")
        .bind(&notice.id)
        .fetch_one(api.store.pool())
        .await
}

/// Forgets what Stripe said long ago; some of it, if there is much. Answers whether there may be more.
pub(crate) async fn sweep(pool: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query(
        "delete from webhooks where id in (
             select id from webhooks where received_at <= clock_timestamp() - make_interval(days => $1)
             order by received_at limit $2 for update skip locked
         )",
    )
    .bind(KEPT_DAYS)
    .bind(SWEEP_LIMIT)
    .execute(pool)
    .await
    .map(|swept| swept.rows_affected() >= SWEEP_LIMIT as u64)
}
