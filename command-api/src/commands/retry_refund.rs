//! `POST /api/v1/refunds/{id}/retry`: a refund that failed is tried again.

use axum::{extract::State, response::Response};
use cqrs_es::Aggregate;
use domain::{
    BookingId, RefundId,
    booking::{Booking, PaymentStep},
};
use event_store::{CommandContext, StreamId, StreamPosition};
use platform::{
    Problem,
    http::{IdempotencyKey, PathId, RawBody, RequestId},
};
use uuid::Uuid;

use crate::{
    CommandApi, answers,
    callers::{Admin, metadata},
    idempotency::Scope,
    refusals,
    show_orders::ShowOrder,
};

/// Tries a refund again
///
/// For administrators. One that has not failed stays as it is.
#[utoipa::path(
    post, path = "/api/v1/refunds/{id}/retry", tag = "Payments", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The refund"), (
        "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
        description = "Makes a repetition safe, for 24 hours"
    )),
    responses(
        (status = 200, description = "The refund as it is now", body = contract::Refund),
        (status = "4XX", description = "`forbidden` to others, `not-found`, …", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn retry_refund(
    State(api): State<CommandApi>,
    Admin(admin_id): Admin,
    request_id: RequestId,
    PathId(refund_id): PathId<RefundId>,
    key: Option<IdempotencyKey>,
    body: RawBody,
) -> Result<Response, Problem> {
    let booking_id = booking_of(&api, refund_id).await?;
    let route = format!("POST /refunds/{refund_id}/retry");
    let scope = Scope { caller: &admin_id.to_string(), route: &route };
    let first = |receipt| async {
        let placed = super::placed_booking(&api, booking_id).await?;
        let context = CommandContext { metadata: metadata(admin_id, &request_id), receipt };
        let order = ShowOrder::Pay { booking_id, step: PaymentStep::ResumeRefund { refund_id } };
        let done = api.show_writers.submit(placed.event_id, order, Some(admin_id), context).await;
        done.map_err(refusals::order)?;
        // If it fails here, the process manager goes on.
        if let Err(error) = api.payments.drive(booking_id).await {
            tracing::warn!(error = &error as &dyn std::error::Error, refund = %refund_id, "a refund waits");
        }
        Ok(as_it_is(&api, booking_id, refund_id).await?)
    };
    api.once(scope, key.as_ref(), &body.bytes, first, |_| as_it_is(&api, booking_id, refund_id)).await
}

/// A reader is to await everything that the answer shows.
async fn as_it_is(api: &CommandApi, booking_id: BookingId, refund_id: RefundId) -> Result<Response, Problem> {
    let loaded = api.store.load::<Booking>(&booking_id.to_string()).await;
    let (booking, version) = loaded.map_err(|error| refusals::read(&error))?;
    let placed = booking.placed().ok_or_else(Problem::not_found)?;
    let refund = placed.refund(refund_id).ok_or_else(Problem::not_found)?;
    let written = StreamPosition { stream: StreamId::new(Booking::TYPE, booking_id), sequence: version };
    Ok(answers::changed(version, &answers::refund(placed, refund), &[written]))
}

async fn booking_of(api: &CommandApi, refund_id: RefundId) -> Result<BookingId, Problem> {
    let found: Option<Uuid> = sqlx::query_scalar(
        "select aggregate_id::uuid from events
         where event_type = 'RefundRequested' and payload ->> 'refundId' = $1 limit 1",
    )
    .bind(refund_id.to_string())
    .fetch_optional(api.store.pool())
    .await
    .map_err(|error| refusals::database(&error))?;
    found.map(BookingId::new).ok_or_else(Problem::not_found)
}
