//! One file a command: its request, the checks at the edge, the handler, the answer.

pub(crate) mod cancel_booking;
pub(crate) mod cancel_event;
pub(crate) mod change_event;
pub(crate) mod change_password;
pub(crate) mod change_preferences;
pub(crate) mod change_user;
pub(crate) mod create_event;
pub(crate) mod delete_event;
pub(crate) mod end_session;
pub(crate) mod erase_user;
pub(crate) mod extend_booking;
pub(crate) mod follow_host;
pub(crate) mod log_in;
pub(crate) mod log_out;
pub(crate) mod pay_booking;
pub(crate) mod place_booking;
pub(crate) mod publish_event;
pub(crate) mod read_notification;
pub(crate) mod receive_stripe_webhook;
pub(crate) mod refresh_session;
pub(crate) mod register_user;
pub(crate) mod retry_refund;
pub(crate) mod show_interest;
pub(crate) mod unfollow_host;
pub(crate) mod withdraw_interest;

use axum::response::Response;
use domain::{
    BookingId, ShowId, UserId,
    booking::{Booking, PlacedBooking},
    show::Show,
};
use event_store::{CommandContext, Receipt};
use platform::{
    Problem,
    http::{IdempotencyKey, RequestId},
};

use crate::{
    CommandApi, answers,
    callers::metadata,
    idempotency::{NotDone, Scope},
    refusals,
    show_orders::{Done, HostOrder, ShowOrder},
};

/// A booking by its id, as its own stream says it.
async fn placed_booking(api: &CommandApi, booking_id: BookingId) -> Result<PlacedBooking, Problem> {
    let loaded = api.store.load::<Booking>(&booking_id.to_string()).await;
    match loaded.map_err(|error| refusals::read(&error))? {
        (Booking::Placed(placed), _) => Ok(placed),
        (Booking::Unplaced, _) => Err(Problem::not_found()),
    }
}

/// Whether there is such an event and this reader may know of it: what never was public is its host's alone. What was
/// once public stays known, cancelled or not.
///
/// It reads no long stream: both events that it looks for come before any ticket.
async fn may_know_of(api: &CommandApi, show_id: ShowId, reader: UserId) -> Result<bool, Problem> {
    let known: Option<bool> = sqlx::query_scalar(
        "select created.payload ->> 'hostId' = $2
                or not (created.payload ->> 'draft')::boolean
                or exists (select from events published
                           where published.aggregate_type = 'event' and published.aggregate_id = $1
                                 and published.event_type = 'EventPublished')
         from events created
         where created.aggregate_type = 'event' and created.aggregate_id = $1 and created.sequence = 1",
    )
    .bind(show_id.to_string())
    .bind(reader.to_string())
    .fetch_optional(api.store.pool())
    .await
    .map_err(|error| refusals::database(&error))?;
    Ok(known.unwrap_or(false))
}

/// What a host wants of their event, once for each key.
#[expect(clippy::too_many_arguments, reason = "what was asked, by whom, and how it is recognised again")]
async fn order_once(
    api: &CommandApi,
    route: &str,
    show_id: ShowId,
    host_id: UserId,
    order: HostOrder,
    request_id: &RequestId,
    key: Option<&IdempotencyKey>,
    body: &[u8],
) -> Result<Response, Problem> {
    let scope = Scope { caller: &host_id.to_string(), route };
    let first = |receipt| async move {
        let order = ShowOrder::OfHost { host_id: Some(host_id), order };
        let context = CommandContext { metadata: metadata(host_id, request_id), receipt };
        let done = api.show_writers.submit(show_id, order, Some(host_id), context).await;
        Ok(answers::event_changed(done.map_err(refusals::order_of_host)?)?)
    };
    api.once(scope, key, body, first, |receipt| ordered_before(api, receipt)).await
}

/// The first answer again, whatever became of the event since.
async fn ordered_before(api: &CommandApi, receipt: Receipt) -> Result<Response, Problem> {
    let position = receipt.outcome.first().ok_or_else(Problem::internal)?;
    let loaded = api.store.load_at::<Show>(&position.stream.id, position.sequence).await;
    let (show, _) = loaded.map_err(|error| refusals::read(&error))?;
    let show = show.created().ok_or_else(Problem::not_found)?;
    let event = answers::event(show, show.last_at);
    Ok(answers::changed(event.version, &event, &receipt.outcome))
}

/// What a host wants of their event. Repeating it does nothing, so it needs no receipt.
async fn order_of_host(
    api: &CommandApi,
    show_id: ShowId,
    host_id: UserId,
    order: HostOrder,
    request_id: &RequestId,
) -> Result<Done, Problem> {
    let order = ShowOrder::OfHost { host_id: Some(host_id), order };
    let context = CommandContext { metadata: metadata(host_id, request_id), receipt: None };
    let done = api.show_writers.submit(show_id, order, Some(host_id), context).await;
    done.map_err(refusals::order_of_host).map_err(NotDone::without_receipt)
}
