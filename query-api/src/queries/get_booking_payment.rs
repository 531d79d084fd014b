//! `GET /api/v1/bookings/{id}/payment`: attempts to pay a booking, and refunds.

use axum::{Json, extract::State};
use contract::BookingPayments;
use platform::{Problem, http::PathId, tokens::Caller};
use uuid::Uuid;

use crate::{
    QueryApi, access, failures,
    read_your_writes::{Projection, ReadAfter},
    rows,
};

/// A booking's payments
///
/// All attempts to pay it and all refunds, oldest first. For its attendee and administrators.
#[utoipa::path(
    get, path = "/api/v1/bookings/{id}/payment", tag = "Payments", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The booking's id"),
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "Attempts and refunds", body = BookingPayments),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `forbidden` to others, \
         `not-found`", body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_booking_payment(
    State(api): State<QueryApi>,
    caller: Caller,
    after: ReadAfter,
    PathId(id): PathId<Uuid>,
) -> Result<Json<BookingPayments>, Problem> {
    // Whose it is stands in another read model.
    after.included_in(Projection::Bookings, &api.read).await?;
    let found = rows::booking::find(&api.read, id).await.map_err(|error| failures::database(&error))?;
    let booking = found.ok_or_else(Problem::not_found)?;
    if caller.id != booking.user_id && !access::is_admin(&caller) {
        return Err(Problem::forbidden("These are the payments of somebody else."));
    }
    after.included_in(Projection::Payments, &api.read).await?;
    let payments = rows::payment::of_booking(&api.read, id).await;
    Ok(Json(payments.map_err(|error| failures::database(&error))?))
}
