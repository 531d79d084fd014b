//! `POST /api/v1/bookings/{id}/payment`: pays what is held.

use ::payments::PaymentMethod;
use axum::{extract::State, response::Response};
use contract::PaymentAction;
use domain::{
    BookingId, PaymentId,
    booking::{Booking, PaymentState, PlacedBooking},
};
use event_store::{CommandContext, NewReceipt, Receipt};
use platform::{
    Problem,
    http::{IdempotencyKey, PathId, RawBody, RequestId},
};
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    CommandApi, answers,
    callers::{Member, metadata},
    commands::{own_booking, placed_booking},
    idempotency::{NotDone, Scope},
    payments::{NotPaid, Paid},
    refusals,
};

/// With what is paid.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PayBookingRequest {
    /// What the gateway's form gave: `pm_…`. It is handed on and kept nowhere. What may be a card's number, 12 digits or
    /// more in a row, is refused.
    #[schema(min_length = 4, max_length = 255, pattern = "^pm_[A-Za-z0-9_]+$", example = "pm_card_visa")]
    payment_method: String,
}

/// Pays a booking
///
/// The tickets are yours when the money is: 200 with the booking `confirmed`. Where the bank wants to know more from you,
/// 202 with what the gateway's form needs; the booking is confirmed when the bank is satisfied. After a refusal the hold
/// lasts for at least five minutes.
#[utoipa::path(
    post, path = "/api/v1/bookings/{id}/payment", tag = "Payments", security(("bearer" = [])),
    request_body = PayBookingRequest,
    params(("id" = Uuid, Path, description = "The booking"), (
        "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
        description = "Makes a repetition safe, for 24 hours"
    )),
    responses(
        (status = 200, description = "Paid; the booking is confirmed", body = contract::Booking),
        (status = 202, description = "The bank wants to know more", body = PaymentAction),
        (status = "4XX", description = "402 `payment-declined` (with `reason`); 409 `payment-in-progress`, `not-payable`, \
         `hold-expired`, `event-cancelled`, `limit-exceeded` (after `max` payments that failed); `forbidden`, `not-found`, …",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`payments-unavailable`: nothing was charged; `outcome-unknown`: look, or repeat it \
         with the same Idempotency-Key", body = contract::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn pay_booking(
    State(api): State<CommandApi>,
    member: Member,
    request_id: RequestId,
    PathId(booking_id): PathId<BookingId>,
    key: Option<IdempotencyKey>,
    body: RawBody,
) -> Result<Response, Problem> {
    let placed = own_booking(&api, booking_id, &member).await?;
    let body = body.parse::<PayBookingRequest>()?;
    let method = PaymentMethod::parse(&body.value.payment_method).ok_or_else(|| {
        Problem::invalid_field("paymentMethod", "must be what the gateway's form gave, such as pm_card_visa")
    })?;
    let caller = member.id.to_string();
    let route = attempt_of_key(&api, &caller, booking_id, key.as_ref(), &body.bytes).await?;
    let scope = Scope { caller: &caller, route: &route };
    let first = |receipt| pay(&api, &placed, method, &request_id, receipt);
    api.once(scope, key.as_ref(), &body.bytes, first, |receipt| paid_before(&api, receipt)).await
}

/// What the key stands for now: the last attempt with it, or if that came to nothing a new one. The key bounds nothing; how
/// often a bank may be asked is the booking's to say, and what the gateway never heard of does not count there.
async fn attempt_of_key(
    api: &CommandApi,
    caller: &str,
    booking_id: BookingId,
    key: Option<&IdempotencyKey>,
    body: &[u8],
) -> Result<String, Problem> {
    let route = |attempt| match attempt {
        0 => format!("POST /bookings/{booking_id}/payment"),
        _ => format!("POST /bookings/{booking_id}/payment, attempt {attempt}"),
    };
    let Some(key) = key else { return Ok(route(0)) };
    let look = |attempt| {
        let route = route(attempt);
        async move { api.receipt_before(Scope { caller, route: &route }, key, body).await }
    };
    let Some((attempt, receipt)) = last(look).await? else { return Ok(route(0)) };
    let (booking, payment_id) = attempt_of(api, &receipt).await?;
    let booking = placed_booking(api, booking.id).await?;
    let state = booking.payment(payment_id).map(|payment| payment.state);
    let came_to_nothing =
        matches!(state, Some(PaymentState::Declined | PaymentState::Voided | PaymentState::CaptureFailed));
    Ok(route(if came_to_nothing { attempt + 1 } else { attempt }))
}

/// The last of what is numbered from 0 without a gap, and its number. Looks further and further, then between what is there
/// and what is not: at 2,000 of them, 22 times.
async fn last<T, E, F>(look: impl Fn(u32) -> F) -> Result<Option<(u32, T)>, E>
where
    F: Future<Output = Result<Option<T>, E>>,
{
    let Some(first) = look(0).await? else { return Ok(None) };
    let (mut last, mut found, mut step) = (0, first, 1);
    while let Some(next) = look(last + step).await? {
        (last, found) = (last + step, next);
        step *= 2;
    }
    while step > 1 {
        step /= 2;
        if let Some(next) = look(last + step).await? {
            (last, found) = (last + step, next);
        }
    }
    Ok(Some((last, found)))
}

async fn pay(
    api: &CommandApi,
    placed: &PlacedBooking,
    method: PaymentMethod,
    request_id: &RequestId,
    receipt: Option<NewReceipt>,
) -> Result<Response, NotDone> {
    let payment_id = PaymentId::new(Uuid::now_v7());
    let context = CommandContext { metadata: metadata(placed.user_id, request_id), receipt };
    answer(api.payments.pay(placed, payment_id, method, context).await)
}

/// What has come by now of the attempt that the receipt is of.
async fn paid_before(api: &CommandApi, receipt: Receipt) -> Result<Response, Problem> {
    let (booking, payment_id) = attempt_of(api, &receipt).await?;
    answer(api.payments.outcome(&booking, payment_id).await).map_err(NotDone::without_receipt)
}

/// The receipt is of the append that began the attempt.
async fn attempt_of(api: &CommandApi, receipt: &Receipt) -> Result<(PlacedBooking, PaymentId), Problem> {
    let position = receipt.outcome.first().ok_or_else(Problem::internal)?;
    let loaded = api.store.load_at::<Booking>(&position.stream.id, position.sequence).await;
    let (booking, _) = loaded.map_err(|error| refusals::read(&error))?;
    let placed = booking.placed().ok_or_else(Problem::not_found)?;
    let payment = placed.payments.last().ok_or_else(Problem::internal)?;
    Ok((placed.clone(), payment.id))
}

fn answer(paid: Result<Paid, NotPaid>) -> Result<Response, NotDone> {
    Err(NotDone::Problem(match paid {
        Ok(Paid::Confirmed { booking, version, written }) => {
            return Ok(answers::changed(version, &answers::booking(&booking, version), &written));
        }
        Ok(Paid::ActionRequired { payment_id, client_secret, written }) => {
            let action = PaymentAction {
                payment_id: payment_id.uuid(),
                status: PaymentState::ActionRequired.name().to_owned(),
                client_secret: client_secret.map(|secret| secret.expose_secret().to_owned()),
            };
            return Ok(answers::accepted(&action, &written));
        }
        Ok(Paid::Declined { reason }) => refusals::payments::declined(reason.as_ref()),
        Ok(Paid::TooLate { reason, was_taken }) => refusals::payments::too_late(reason.as_ref(), was_taken),
        Ok(Paid::CaptureFailed) => refusals::payments::capture_failed(),
        Err(NotPaid::Order(error)) => return Err(refusals::order(error)),
        Err(NotPaid::GatewayDown) => refusals::payments::gateway_down(),
        Err(NotPaid::Unknown) => refusals::outcome_unknown(),
    }))
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        future::ready,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::last;

    #[tokio::test]
    async fn the_last_is_found_however_many_there_are() {
        for count in (0..70).chain([1_000, 2_000]) {
            let looks = AtomicU32::new(0);
            let look = |number| {
                looks.fetch_add(1, Ordering::Relaxed);
                ready(Ok::<_, Infallible>((number < count).then_some(number)))
            };
            let Ok(found) = last(look).await;
            assert_eq!(found, count.checked_sub(1).map(|last| (last, last)), "of {count}");
            assert!(looks.into_inner() <= 22, "of {count}");
        }
    }
}
